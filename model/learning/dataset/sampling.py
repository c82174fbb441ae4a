"""Which pictures are learned from, where there are more than the time allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, zip_longest

from model.learning.dataset.consensus import size_of
from model.learning.dataset.learning_examples import Curriculum, LearningExample

# Pictures at most, by preset. Every picture is answered under the lessons in force and, where the text changes, once
# more: 0.3 s each under `fast`, 2 s under `balanced`, 5 s under `accurate`, with the embedded models at 1,024 px.
MOST: Mapping[str, int] = {"fast": 40, "balanced": 16, "accurate": 8}


def usable(curriculum: Curriculum) -> tuple[LearningExample, ...]:
    """The examples whose masks are all of one size."""
    return tuple(each for each in curriculum.examples if not each.opinions or size_of(each) is not None)


def newest_first(curriculum: Curriculum) -> Iterator[LearningExample]:
    """The usable examples, each label's newest in turn, those without a mask among them: the rarest label is not lost.

    The curriculum's examples come oldest first.
    """
    rows: dict[str, list[LearningExample]] = {label: [] for label in (*curriculum.labels, "")}
    for example in reversed(usable(curriculum)):
        for label in {opinion.label for opinion in example.opinions} or {""}:
            rows.setdefault(label, []).append(example)
    given: set[str] = set()
    for turn in zip_longest(*sorted(rows.values(), key=len)):
        for example in turn:
            if example is not None and example.picture not in given:
                given.add(example.picture)
                yield example


def sampled(curriculum: Curriculum) -> Iterator[LearningExample]:
    """As many examples as are learned from under the curriculum's preset, and some more for those that are gone."""
    return islice(newest_first(curriculum), 2 * MOST[curriculum.preset])
