"""What annotators left and what they were offered -> what there is to learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from backend.labelstudio.label_config import LabelConfig
from backend.prompting.texts import MAX_WORDS, clauses_of
from backend.webhooks.corrections import Annotation, Correction, Offer
from model.coco_rle import overlap
from model.learning.dataset.learning_examples import LearningExample, Opinion
from model.types import Image

GROUND_TRUTH_WEIGHT = 3.0  # of one annotator against others; ours
SAME_OBJECT = 0.5  # intersection over union at which a mask still is what was offered; ours

Fetch = Callable[[Annotation], Image]  # raises BadImage
Offers = Mapping[str, Offer]  # by region


def examples(
    annotations: Iterable[Annotation], offers: Offers, config: LabelConfig, fetch: Fetch
) -> tuple[LearningExample, ...]:
    """One example for each task that somebody annotated, in the order of their ids.

    A skipped task is no evidence. An annotation with a mask that could not be read is left out as a whole: the mask
    that it lacks would count as "there is nothing". An annotation without masks says just that, and counts.
    """
    tasks = _by_task(annotations)
    return tuple(_example(_last_words(tasks[task]), offers, config, fetch) for task in sorted(tasks))


def pictures_of(
    annotations: Sequence[tuple[Annotation, frozenset[str | None]]], config: LabelConfig
) -> Iterator[frozenset[str]]:
    """For each task the labels that somebody's last word on it shows; the annotations come with those of their masks.

    What counts here, and what is left out, is the same as in `examples`.
    """
    labels = {annotation.id: found for annotation, found in annotations}
    counting = _by_task(annotation for annotation, _ in annotations)
    things = {label.value for label in config.foreground}
    only = next(iter(things)) if len(things) == 1 else None
    for told in counting.values():
        found = {label or only for each in _last_words(told).values() for label in labels[each.id]}
        yield frozenset(label for label in found if label in things)


def _by_task(annotations: Iterable[Annotation]) -> dict[int, list[Annotation]]:
    tasks: dict[int, list[Annotation]] = {}
    for annotation in annotations:
        if annotation.complete and not annotation.cancelled:
            tasks.setdefault(annotation.task, []).append(annotation)
    return tasks


def _last_words(annotations: Sequence[Annotation]) -> dict[str, Annotation]:
    """By annotator the annotation that counts: a ground truth before others, then the newest.

    An imported annotation speaks for whoever made it elsewhere, not for the one who imported it.
    """
    ordered = sorted(annotations, key=lambda each: (each.ground_truth, each.updated, each.id))
    return {f"imported {each.id}" if each.imported else each.user: each for each in ordered}


def _example(said: Mapping[str, Annotation], offers: Offers, config: LabelConfig, fetch: Fetch) -> LearningExample:
    newest = max(said.values(), key=lambda each: (each.updated, each.id))  # its address of the picture is the last one
    opinions = [opinion for name, each in said.items() for opinion in _opinions(name, each, offers, config)]
    weights = {name: GROUND_TRUTH_WEIGHT if each.ground_truth else 1.0 for name, each in said.items()}
    return LearningExample(str(newest.task), partial(fetch, newest), tuple(opinions), weights)


def _opinions(annotator: str, annotation: Annotation, offers: Offers, config: LabelConfig) -> list[Opinion]:
    """The masks with a label that the labelling config has; where it has one alone, that goes without saying."""
    things = [label.value for label in config.foreground]
    only = things[0] if len(things) == 1 else None
    labelled = [(correction.label or only, correction) for correction in annotation.corrections]
    return [
        Opinion(annotator, label, correction.mask, _phrase(label, correction, annotation, offers, config))
        for label, correction in labelled
        if label is not None and label in things
    ]


def _phrase(label: str, correction: Correction, annotation: Annotation, offers: Offers, config: LabelConfig) -> str:
    """The text that a mask came from: that of the offer it was accepted from, else the only one that was typed."""
    offer = offers.get(correction.region)
    if offer is not None and offer.phrase:
        same = overlap(correction.mask, offer.mask) >= SAME_OBJECT  # else it was redrawn, and came from no text
        return offer.phrase if same else ""
    return _typed(label, annotation.texts, config) if len(annotation.corrections) == 1 else ""


def _typed(label: str, texts: Sequence[str], config: LabelConfig) -> str:
    """What was typed, where that is one thing, and not for another label; empty else."""
    pieces = {piece for text in texts if len(text.split()) <= MAX_WORDS for piece in clauses_of(text, config)}
    if len(pieces) != 1:
        return ""
    [clause] = pieces
    return clause.text if clause.label in (None, label) else ""
