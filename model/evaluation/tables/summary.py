"""From records to the figures that papers print."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from model.evaluation.records import Record, TextReply
from model.evaluation.scenarios.simulated_clicks import GOAL, MOST
from model.evaluation.tables import paper_metrics


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number, and over how many cases."""

    name: str
    value: float
    cases: int


def figures(records: Sequence[Record]) -> tuple[Figure, ...]:
    """Every figure that the records give: of texts, of classes, of clicks, and what answering cost."""
    replies = [reply for record in records for reply in record.replies]
    return (
        *_of_texts([reply for reply in replies if reply.wording == 0]),
        *_of_wordings(records),
        *_of_classes(records),
        *_of_clicks(records),
        *_of_cost(records),
    )


def _of_texts(replies: Sequence[TextReply]) -> Iterator[Figure]:
    areas = [area for reply in replies for area in reply.areas]
    present = [area.iou for area in areas if area.present]
    absent = [area.iou for area in areas if not area.present]
    if present:
        yield Figure("mean IoU of phrases that are there", float(np.mean(present)), len(present))
    yield from _of_forms(replies)
    if areas:
        yield Figure("cIoU", paper_metrics.cumulative_iou(areas), len(areas))
        yield Figure("gIoU", paper_metrics.general_iou(areas), len(areas))
    if absent:
        yield Figure("absent phrases rightly not found", float(np.mean(absent)), len(absent))
    objects = sum(reply.objects for reply in replies)
    if objects:
        with_objects = [reply for reply in replies if reply.objects]
        yield Figure("AP50", paper_metrics.average_precision(replies), objects)
        yield Figure("recall at IoU 0.5", paper_metrics.recall(replies), objects)
        yield Figure("matched IoU (GLaMM)", paper_metrics.matched_iou(with_objects), len(with_objects))


def _of_forms(replies: Sequence[TextReply]) -> Iterator[Figure]:
    """Mean IoU of each kind of text, where there are several kinds of texts about what is there."""
    forms: dict[str, list[float]] = defaultdict(list)
    for reply in replies:
        forms[reply.form] += [area.iou for area in reply.areas if area.present]
    told = {form: ious for form, ious in forms.items() if ious}
    if len(told) > 1:
        yield from (Figure(f"  {form}", float(np.mean(ious)), len(ious)) for form, ious in told.items())


def _of_wordings(records: Sequence[Record]) -> Iterator[Figure]:
    said: dict[tuple[str, int], list[float]] = defaultdict(list)
    for record in records:
        for reply in record.replies:
            said[record.key, reply.item].append(reply.iou)
    several = [row for row in said.values() if len(row) > 1]
    if several:
        mean, deviation = paper_metrics.robustness(several)
        yield Figure("mean IoU over paraphrases", mean, len(several))
        yield Figure("deviation of IoU over paraphrases", deviation, len(several))


def _of_classes(records: Sequence[Record]) -> Iterator[Figure]:
    ious = paper_metrics.class_ious(each for record in records for each in record.classes)
    if ious:
        yield Figure("mIoU over classes", float(np.mean(list(ious.values()))), len(ious))
        yield from (Figure(f"  {name}", iou, 1) for name, iou in sorted(ious.items()))


def _of_clicks(records: Sequence[Record]) -> Iterator[Figure]:
    efforts = [effort for record in records for effort in record.efforts]
    if efforts:
        yield Figure("IoU after one click", float(np.mean([each.first for each in efforts])), len(efforts))
        clicks = float(np.mean([each.clicks for each in efforts]))
        yield Figure(f"clicks to {GOAL:.0%} IoU, {MOST} at most", clicks, len(efforts))
        yield Figure("objects that got there, share", float(np.mean([each.reached for each in efforts])), len(efforts))


def _of_cost(records: Sequence[Record]) -> Iterator[Figure]:
    questions = sum(record.questions for record in records)
    if questions:
        seconds = sum(record.seconds for record in records)
        yield Figure("seconds per picture", seconds / len(records), len(records))
        yield Figure("seconds per question", seconds / questions, questions)
        refused = sum(len(record.refused) for record in records)
        yield Figure("questions refused, share", refused / questions, questions)
        calls, rows = (sum(getattr(record, name) for record in records) for name in ("unet_calls", "unet_rows"))
        yield Figure("UNet calls per picture", calls / len(records), len(records))
        yield Figure("pictures through the UNet per picture", rows / len(records), len(records))


def table(found: Sequence[Figure]) -> str:
    """The figures as lines for a terminal."""
    width = max((len(figure.name) for figure in found), default=0)
    return "\n".join(f"  {figure.name:{width}s}  {figure.value:8.3f}   {figure.cases} cases" for figure in found)
