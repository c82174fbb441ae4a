import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.records import Area, ClassArea, TextReply
from model.evaluation.tables.paper_metrics import (
    average_precision,
    class_ious,
    cumulative_iou,
    general_iou,
    matched_iou,
    pairs,
    recall,
    robustness,
)
from tests.model.evaluation.replies import reply


def test_class_iou_sums_pixels_over_pictures_and_leaves_out_classes_without_truth() -> None:
    counted = [
        ClassArea("dog", both=10, found=20, true=10),  # union 20
        ClassArea("dog", both=0, found=0, true=20),  # union 20
        ClassArea("background", both=50, found=50, true=60),  # union 60
        ClassArea("cat", both=0, found=30, true=0),
    ]
    assert class_ious(counted) == {"dog": pytest.approx(10 / 40), "background": pytest.approx(50 / 60)}


AREAS = [
    Area(both=30, either=60, true=40),  # 0.5
    Area(both=100, either=100, true=100),  # 1
    Area(both=0, either=0, true=0),  # absent and not found: 1
    Area(both=0, either=40, true=0),  # absent and found: 0
]


def test_ciou_is_all_intersections_over_all_unions() -> None:
    assert cumulative_iou(AREAS) == pytest.approx(130 / 200)
    assert cumulative_iou(AREAS[2:3]) == 1


def test_giou_counts_an_absent_object_as_one_or_nothing() -> None:
    assert general_iou(AREAS) == pytest.approx((0.5 + 1 + 1 + 0) / 4)


def test_pairs_are_one_to_one_best_first() -> None:
    assert pairs([[0.9, 0.8], [0.7, 0.6], [0.0, 0.1]]) == [0.9, 0.6]
    assert pairs([[0.0, 0.0]]) == []
    assert pairs([]) == []


def test_matched_iou_and_recall() -> None:
    replies = [
        reply(scores=[0.9, 0.8], overlaps=[[0.9, 0.1], [0.2, 0.4]], objects=2),  # pairs 0.9 and 0.4
        reply(scores=[], overlaps=[], objects=1),  # nothing
    ]
    assert matched_iou(replies) == pytest.approx((0.65 + 0) / 2)
    assert recall(replies) == pytest.approx(1 / 3)


def test_ap50_by_hand() -> None:
    # By falling score: hit, miss, hit of 4 objects: precision 1 up to recall 1/4, then 2/3 up to 1/2, then 0.
    replies = [
        reply(scores=[0.9, 0.7], overlaps=[[0.8, 0.0], [0.0, 0.6]], objects=2),
        reply(scores=[0.8], overlaps=[[0.4, 0.2]], objects=2),
    ]
    assert average_precision(replies) == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)


def test_ap_without_objects_is_undefined_and_without_segments_zero() -> None:
    assert np.isnan(average_precision([reply(scores=[0.5], overlaps=[[]], objects=0)]))
    assert average_precision([reply(scores=[], overlaps=[], objects=2)]) == 0


def boxes(rng: np.random.Generator, count: int) -> list[list[float]]:
    corners = rng.integers(0, 30, (count, 2))
    return [[float(x), float(y), *map(float, rng.integers(5, 25, 2))] for x, y in corners]


def overlap(one: list[float], other: list[float]) -> float:
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(wide, 0) * max(high, 0)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def coco_ap50(pictures: list[tuple[list[list[float]], list[list[float]], list[float]]]) -> float:
    """pycocotools' own figure: per picture true boxes, found boxes (x, y, w, h) and scores."""
    coco, evaluator = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    annotations: list[dict[str, object]] = []
    results: list[dict[str, object]] = []
    for number, (true, found, scores) in enumerate(pictures):
        for box in true:
            at = len(annotations) + 1
            shared = {"image_id": number, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            annotations.append({"id": at, **shared})
        for box, score in zip(found, scores, strict=True):
            results.append({"image_id": number, "category_id": 1, "bbox": box, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        images = [{"id": number} for number in range(len(pictures))]
        truth.dataset = {"info": {}, "images": images, "annotations": annotations, "categories": [{"id": 1}]}
        truth.createIndex()
        evaluation = evaluator.COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.evaluate()
        evaluation.accumulate()
    return float(evaluation.eval["precision"][0, :, 0, 0, -1].mean())


@pytest.mark.parametrize("seed", range(4))
def test_ap50_equals_that_of_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(6):
        true = boxes(rng, 4)
        found = [[side + float(rng.integers(-3, 4)) for side in box] for box in true[:3]] + boxes(rng, 2)
        pictures.append((true, found, rng.random(len(found)).tolist()))
    replies = [
        reply(scores=scores, overlaps=[[overlap(one, other) for other in true] for one in found], objects=len(true))
        for true, found, scores in pictures
    ]
    assert average_precision(replies) == pytest.approx(coco_ap50(pictures))


def test_robustness_is_mean_and_deviation_over_wordings() -> None:
    mean, deviation = robustness([[1.0, 0.5], [0.6, 0.6], [0.3]])
    assert mean == pytest.approx((0.75 + 0.6) / 2)
    assert deviation == pytest.approx((0.25 + 0) / 2)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5))
def test_no_figure_leaves_its_range(rows: list[list[float]]) -> None:
    scores = [0.1 * number for number in range(len(rows))]
    one: list[TextReply] = [reply(scores=scores, overlaps=rows, objects=3)]
    for figure in (average_precision(one), matched_iou(one), recall(one)):
        assert 0 <= figure <= 1 + 1e-9
