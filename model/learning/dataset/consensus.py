"""What annotators of one picture agree on, object by object. All of it is ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from model.coco_rle import unpack
from model.learning.dataset.agreement import frame_of, framed, overlaps
from model.learning.dataset.learning_examples import LearningExample
from model.types import Mask

SAME = 0.5  # IoU from which masks of two annotators show one object

Drawn = tuple[float, tuple[Mask, ...]]  # an annotator's weight and objects


def size_of(example: LearningExample) -> tuple[int, int] | None:
    """The size (H, W) that an example's masks have; None without masks, and where they differ in size."""
    sizes = {opinion.mask.size for opinion in example.opinions}
    return sizes.pop() if len(sizes) == 1 else None


def agreed(example: LearningExample) -> Mapping[str, tuple[Mask, ...]]:
    """By label, the objects that annotators agree on, in the frame of agreement.py.

    The masks have to have one size. An object counts where annotators of half of the weight or more left it; each of
    its pixels where most of them did. One annotator alone is believed; a ground truth decides by its weight.
    """
    drawn: dict[str, dict[str, list[Mask]]] = defaultdict(lambda: defaultdict(list))
    for opinion in example.opinions:
        drawn[opinion.label][opinion.annotator].append(framed(unpack(opinion.mask), frame_of(opinion.mask.size)))
    everybody = sum(example.annotators.values())
    weights = example.annotators
    return {
        label: consensus([(weights[who], tuple(masks)) for who, masks in sorted(by.items())], everybody)
        for label, by in drawn.items()
    }


def consensus(drawn: Sequence[Drawn], everybody: float) -> tuple[Mask, ...]:
    """The objects that annotators agree on, given each one's weight and masks (h, w).

    `everybody` is the weight of all who looked at the picture, of those who drew nothing, too.
    """
    objects: list[list[tuple[float, Mask]]] = []
    for weight, masks in sorted(drawn, key=lambda each: -each[0]):
        seen = [group[0][1] for group in objects]
        table = overlaps(masks, seen)
        rows, columns = linear_sum_assignment(table, maximize=True)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        same = {row: column for row, column in pairs if table[row, column] >= SAME}
        for number, mask in enumerate(masks):
            if number in same:
                objects[same[number]].append((weight, mask))
            else:
                objects.append([(weight, mask)])
    kept = [group for group in objects if 2 * sum(weight for weight, _ in group) >= everybody]
    found = [majority(group) for group in kept]
    return tuple(mask for mask in found if mask.any())


def majority(group: Sequence[tuple[float, Mask]]) -> Mask:
    """The pixels (h, w) that more than half of the weight marks; on a tie the first, heaviest annotator decides."""
    votes = np.sum([weight * mask for weight, mask in group], axis=0)
    half = sum(weight for weight, _ in group) / 2
    return np.asarray((votes > half) | ((votes == half) & group[0][1]))
