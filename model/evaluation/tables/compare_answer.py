"""An answer against the truth, in pixels and as IoU of segments with objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.evaluation.datasets.examples import BACKGROUND, IGNORED, ClassMap, Target
from model.evaluation.records import Area, ClassArea
from model.evaluation.tables.quality_figures import union
from model.grounding.label_maps import LabelMap
from model.types import Answer, Mask, Segment


def area(answer: Answer, target: Target) -> Area:
    """The segments whose noun stands in a target's characters, together, against the target."""
    said = answer.segments
    if target.span is not None:
        said = tuple(segment for segment in said if _stands_in(segment, target.span))
    mask = union(Answer(said), target.mask.shape)
    both, either = np.count_nonzero(mask & target.mask), np.count_nonzero(mask | target.mask)
    return Area(int(both), int(either), int(np.count_nonzero(target.mask)))


def _stands_in(segment: Segment, span: tuple[int, int]) -> bool:
    return segment.phrase is not None and span[0] <= segment.phrase.noun.start < span[1]


def overlaps(segments: Sequence[Segment], objects: Sequence[Mask]) -> tuple[tuple[float, ...], ...]:
    """IoU of each segment (N) with each object (M)."""
    if not segments or not objects:
        return tuple(() for _ in segments)
    found = np.stack([segment.mask.ravel() for segment in segments]).astype(np.float32)
    true = np.stack([mask.ravel() for mask in objects]).astype(np.float32)
    both = found @ true.T
    either = found.sum(1)[:, None] + true.sum(1)[None] - both
    return tuple(tuple(round(float(iou), 6) for iou in row) for row in both / np.maximum(either, 1))


def painted(answer: Answer, classes: ClassMap) -> NDArray[np.uint8]:
    """An answer to one label clause for each class present, as one class per pixel (H, W): the surest segment wins."""
    labels = np.full(classes.labels.shape, _rest(classes), np.uint8)
    for segment in sorted(answer.segments, key=lambda each: each.score):
        assert segment.clause is not None
        labels[segment.mask] = classes.present[segment.clause]
    return labels


def labelled(found: LabelMap, classes: ClassMap) -> NDArray[np.uint8]:
    """A label map of the classes present, in their order, as the data set's values (H, W)."""
    values = np.array([_rest(classes), *classes.present], np.uint8)
    return np.asarray(values[found.labels])


def _rest(classes: ClassMap) -> int:
    """What pixels of no class are given: background, or, where that is no class, a value that no class has."""
    return classes.names.index(BACKGROUND) if BACKGROUND in classes.names else IGNORED


def class_areas(found: NDArray[np.uint8], classes: ClassMap) -> tuple[ClassArea, ...]:
    """Pixels of each class that occurs in the answer (H, W) or in the truth, where the truth counts."""
    counted = classes.labels != IGNORED
    answered, true = found[counted], classes.labels[counted]
    values = [int(value) for value in np.union1d(answered, true) if value != IGNORED]
    return tuple(_class_area(classes.names[value], answered == value, true == value) for value in values)


def _class_area(name: str, found: NDArray[np.bool_], true: NDArray[np.bool_]) -> ClassArea:
    both = np.count_nonzero(found & true)
    return ClassArea(name, int(both), int(np.count_nonzero(found)), int(np.count_nonzero(true)))
