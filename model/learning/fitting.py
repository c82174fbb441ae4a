"""Lessons from some pictures: phrases, settings, and, where those leave a label badly found, token embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from model.learning.embeddings import fit_embeddings
from model.learning.embeddings.attention_loss import AcceptedPicture, FitConfig
from model.learning.embeddings.nearest_words import closest, nearest
from model.learning.guard import Marks
from model.learning.lesson_content import NOTHING, changed, named
from model.learning.lesson_query import clauses_of
from model.learning.search import WORTH, Study, better, fit_phrases, fit_settings
from model.types import Lesson, Mask

POOR = (
    0.6  # a label that scores less under the best phrases and settings is a word that the backbone does not know; ours
)
TRIED = 4  # known words, and pairs of them, that are tried on all pictures; ours
PAIRED = 6  # of the nearest words that pairs are made of; ours
MOST_WORDS = 2  # labels whose embeddings one revision learns, the worst first: each costs half a minute a fold; ours


def fit(study: Study, labels: Sequence[str], pictures: Sequence[str]) -> Mapping[str, Lesson]:
    """The lessons in force, and in their place what some pictures teach about some labels."""
    fitted = dict(study.memory.curriculum.in_force)
    levels = {}
    for label in labels:
        if study.with_label(label, pictures):
            asked = fit_phrases(study, label, fitted.get(label, NOTHING), pictures)
            asked = fit_known(study, label, asked, pictures)
            fitted[label] = fit_settings(study, label, asked, pictures)
            levels[label] = study.level(label, fitted[label], pictures)
    worst = sorted(levels, key=lambda label: levels[label])
    for label in [label for label in worst if levels[label] < POOR][:MOST_WORDS]:
        fitted[label] = fit_words(study, label, fitted[label], pictures)
    return {label: named(lesson) for label, lesson in fitted.items() if named(lesson) != NOTHING}


def fit_known(study: Study, label: str, start: Lesson, pictures: Sequence[str]) -> Lesson:
    """The lesson with the one or two known words that find a label best which is badly found as it is called (ours)."""
    level, memory = study.level(label, start, pictures), study.memory
    if level >= POOR:
        return start
    shown = [shown_in(study, label, picture) for picture in pictures]
    words = nearest(memory.plain, shown, memory.give_way)
    pairs = closest(memory.plain, [" ".join(pair) for pair in permutations(words[:PAIRED], 2)], shown, memory.give_way)
    choices = [replace(start, phrases=(phrase,)) for phrase in (*words[:TRIED], *pairs[:TRIED])]
    return better(study, label, (start, level), choices, pictures)[0]


def fit_words(study: Study, label: str, start: Lesson, pictures: Sequence[str]) -> Lesson:
    """The lesson with embeddings of the words of its first phrase, where they find the label better."""
    memory = study.memory
    (_, clause), *_ = clauses_of({label: memory.curriculum.labels[label]}, {label: start})
    shown = [shown_in(study, label, picture) for picture in pictures]
    found = fit_embeddings.fit(memory.plain, clause, shown, FitConfig(), memory.give_way)
    if not found.embeddings:
        return start
    phrases = () if memory.curriculum.labels[label] == (clause.text,) else (clause.text,)
    taught = replace(start, phrases=phrases, embeddings={**start.embeddings, **found.embeddings})
    taught = changed(taught, "selection", "presence", found.presence, memory.config)
    taught = fit_settings(study, label, taught, pictures)
    gain = study.level(label, taught, pictures) - study.level(label, start, pictures)
    return taught if gain >= WORTH else start


def shown_in(study: Study, label: str, picture: str) -> AcceptedPicture:
    """A picture as annotators left it: what is wanted of a label, and the objects of the others."""
    example, memory, wanted = study.examples[picture], study.memory, study.wanted[picture]
    frame = memory.frame(example)
    others: Marks = {other: masks for other, masks in wanted.items() if other != label}
    mine = _union({label: wanted.get(label, ())}, frame)
    return AcceptedPicture(memory.latents(memory.seen(example)), mine, _union(others, frame) & ~mine)


def _union(marks: Marks, frame: tuple[int, int]) -> Mask:
    masks = [mask for each in marks.values() for mask in each]
    return np.any(masks, axis=0) if masks else np.zeros(frame, np.bool_)
