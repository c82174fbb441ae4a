"""A query's maps before any mask is decoded: as attention gives them, and refined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.engine import Engine
from model.grounding.phrase_maps import bind, brightest
from model.types import Image, Query


def attended(engine: Engine, image: Image, query: Query) -> list[tuple[str, NDArray[np.float32]]]:
    """Each phrase's text and its map (g, g, maximum 1) as attention gives it, words bound together, not refined."""
    engine = engine.under(query.preset)
    seen = engine.see(image)
    found = []
    for wording in engine.words(image, query):
        scores = brightest(bind(engine.attend(seen, wording), wording.sought, engine.config.attention)).cpu().numpy()
        found += [(each.phrase.text, scores[number]) for number, each in enumerate(wording.sought)]
    return found
