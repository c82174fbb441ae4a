"""A picture that kills the process of whoever looks at it, as a fault in a native library would."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import numpy as np

from model.types import Answer as Found
from model.types import Image, Query
from tests.backend.calls import png
from tests.backend.colour_engine import ColourEngine
from tests.backend.site import Answer, Seen

BLACK = png(np.zeros((60, 80, 3), np.uint8))


class PoisonedEngine(ColourEngine):
    """Knows colours, and dies of black pictures."""

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Found:
        """Answer by colour, if the picture has any."""
        if not image.any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().segment(image, query, give_way)


def poison(_: Seen) -> Answer:
    """Serve the picture."""
    return 200, {"Content-Type": "image/png"}, BLACK
