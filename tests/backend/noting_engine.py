"""An engine by colour that notes how it is asked, for tests of tasks that are answered together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from model.values import Answer, Image, Query
from tests.backend.colour_engine import ColourEngine


@dataclass(frozen=True)
class Noting(ColourEngine):
    """Notes how many pictures it was asked about at a time, alone as 0, and fails with `error` of black ones.

    `before` is told the number of each call, from 1.
    """

    error: Exception | None = None
    before: Callable[[int], object] = lambda _: None
    asked: list[int] = field(default_factory=list)

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        return self._look([image], query, 0, give_way)[0]

    def segment_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None] = lambda: None
    ) -> tuple[Answer, ...]:
        return self._look(images, query, len(images), give_way)

    def _look(
        self, images: Sequence[Image], query: Query, count: int, give_way: Callable[[], None]
    ) -> tuple[Answer, ...]:
        self.asked.append(count)
        give_way()
        self.before(len(self.asked))
        logging.getLogger("model.engine").info("At work")
        if self.error is not None and not all(image.any() for image in images):
            raise self.error
        return tuple(ColourEngine.segment(self, image, query) for image in images)
