"""An engine by colour that notes how it is asked, for tests of tasks that are answered together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from model.types import Answer, Image, Query
from tests.backend.colour_engine import ColourEngine


@dataclass(frozen=True)
class Noting(ColourEngine):
    """Notes how many pictures it was asked about at a time, and fails with `error` of black ones.

    `before` is told the number of each call, from 1.
    """

    error: Exception | None = None
    before: Callable[[int], object] = lambda _: None
    asked: list[int] = field(default_factory=list)

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None] = lambda: None
    ) -> tuple[Callable[[], Answer], ...]:
        self.asked.append(len(images))
        give_way()
        self.before(len(self.asked))
        logging.getLogger("model.engine").info("At work")
        if self.error is not None and not all(image.any() for image in images):
            raise self.error
        return super().find_each(images, query, give_way)
