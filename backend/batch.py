"""The tasks of one request on their way: while the models work on some, others are fetched, drawn and encoded."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from backend.finder import Asked, Find
from backend.problems import Problem

TOGETHER = 4  # tasks that the models may answer at a time; ours: a click waits for a step of all of them
PICTURE_BYTES = 64_000_000  # decoded, after which a group is closed: large pictures wait in memory alone; ours
ABREAST = 3  # groups under way: while the models work on one, others are fetched, or drawn and encoded; ours, measured

Outcome = dict[str, Any] | Problem
Ways = Callable[[Sequence[Asked]], Sequence[Find]]
Steps = Generator[Asked, Find, Outcome]  # a task from its beginning to its end, which asks the models at most once


class Story:
    """A task on its way, in a context of its own: threads may take it on in turn.

    `asked` is what it asks the models, while it waits for that. `outcome` is there at its end.
    """

    outcome: Outcome

    def __init__(self, steps: Steps) -> None:
        self._steps, self._context = steps, copy_context()
        self.asked: Asked | None = None

    def begin(self) -> None:
        """Come to where the models are asked, or to the end."""
        self._go(partial(next, self._steps))

    def go_on(self, find: Find) -> None:
        """Come to the end."""
        self._go(partial(self._steps.send, find))

    def _go(self, step: Callable[[], Asked]) -> None:
        try:
            self.asked = self._context.run(step)
        except StopIteration as end:  # a generator returns so
            self.asked, self.outcome = None, end.value


def outcomes(tasks: Sequence[Steps], ways: Ways) -> list[Outcome]:
    """What became of each task. `ways` tells, for some of them at a time, how each gets its answer.

    As many tasks as can be answered together stay in the thread of the caller.
    """
    stories = [Story(steps) for steps in tasks]
    if len(stories) <= TOGETHER:
        return _told(stories, ways)
    parts = [stories[at : at + TOGETHER] for at in range(0, len(stories), TOGETHER)]
    with ThreadPoolExecutor(ABREAST, "batch") as threads:
        under_way = [threads.submit(copy_context().run, _told, part, ways) for part in parts]
        return [outcome for part in under_way for outcome in part.result()]


def _told(stories: Sequence[Story], ways: Ways) -> list[Outcome]:
    for group in _groups(stories):
        _finish(group, ways)
    return [story.outcome for story in stories]


def _groups(stories: Sequence[Story]) -> Iterator[list[Story]]:
    """Those that ask the models, as many at a time as memory should hold."""
    group: list[Story] = []
    for story in stories:
        story.begin()
        group += [story] if story.asked else []
        if sum(each.asked.image.nbytes for each in group if each.asked) >= PICTURE_BYTES:
            yield group
            group = []
    yield group


def _finish(group: Sequence[Story], ways: Ways) -> None:
    finds = ways([story.asked for story in group if story.asked])
    for story, find in zip(group, finds, strict=True):
        story.go_on(find)
