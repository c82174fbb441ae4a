"""What pre-annotation asks of a picture under lessons: one clause for each name or phrase of each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from model.learning.dataset.learning_examples import Curriculum, LearningExample
from model.protocols import Parser
from model.types import Clause, Lesson

MOST_PHRASES = 2  # phrases that a label learns at most: each is one more thing to look for on every picture; ours
LEAST_SHARE = 0.2  # of a label's masks that came from a text, below which a phrase was one picture's affair; ours


def clauses_of(labels: Mapping[str, Sequence[str]], lessons: Mapping[str, Lesson]) -> tuple[tuple[str, Clause], ...]:
    """Each label with each clause that looks for it: its lesson's phrases, or its own names, each read as a name."""
    asked = []
    for label, names in labels.items():
        lesson = lessons.get(label)
        texts = lesson.phrases if lesson and lesson.phrases else names
        asked += [(label, Clause(text, name=True, lesson=lesson)) for text in texts]
    return tuple(asked)


def phrase_choices(curriculum: Curriculum, label: str, parser: Parser) -> tuple[tuple[str, ...], ...]:
    """What could be asked for under a label in place of its names: the phrases that its masks came from, with and
    without the names. Empty where there are none.
    """
    names = curriculum.labels[label]
    phrases = common_phrases(curriculum.examples, label, parser)
    known = {name.lower() for name in names}
    other = tuple(phrase for phrase in phrases if phrase.lower() not in known)
    if not other:
        return ()
    return tuple(dict.fromkeys([other[:1], other, (*names, *other)]))


def common_phrases(examples: Sequence[LearningExample], label: str, parser: Parser) -> tuple[str, ...]:
    """The noun phrases that a label's accepted masks came from, the most frequent first."""
    said = Counter(each.phrase for example in examples for each in example.opinions if each.label == label)
    said.pop("", None)
    read: Counter[str] = Counter()
    for text, times in said.items():
        if (name := readable(text, parser)) is not None:
            read[name.lower()] += times
    most = read.most_common(MOST_PHRASES)
    return tuple(text for text, times in most if times >= LEAST_SHARE * sum(read.values()))


def readable(text: str, parser: Parser) -> str | None:
    """A typed text as something to look for on every picture: one noun phrase, which says no place; else None."""
    phrases = parser.phrases(text)
    if len(phrases) != 1 or phrases[0].place or phrases[0].verb:
        return None
    return phrases[0].text
