"""Which answers a report shows, the worst, the best and random ones, and their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.errors import BadQuery
from model.evaluation.datasets.examples import Dataset, EvaluationExample
from model.evaluation.records import Record
from model.evaluation.report.panels import ReportPanel, answer_panels, listening, text_panels
from model.evaluation.scenarios.ask_engine import Asking
from model.evaluation.scenarios.simulated_clicks import clicked_out
from model.evaluation.tables import paper_metrics
from model.types import Answer, Hint, Mask, Query, Segment

SEED = 7  # of the random answers


@dataclass(frozen=True, slots=True)
class Case:
    """An answer that can be shown: picture, what was asked, the item's or object's number there, and its IoU.

    Of clicks the IoU is that after the first one; of classes the mean over the picture's.
    """

    key: str
    asked: Literal["text", "classes", "clicks"]
    number: int
    iou: float


@dataclass(frozen=True, slots=True, eq=False)
class GalleryEntry:
    """An answer with its pictures."""

    title: str
    case: Case
    panels: tuple[ReportPanel, ...]


def cases(records: Sequence[Record]) -> list[Case]:
    """Every answer that the records tell of."""
    found = []
    for record in records:
        found += [Case(record.key, "text", each.item, each.iou) for each in record.replies if each.wording == 0]
        found += [Case(record.key, "clicks", number, each.first) for number, each in enumerate(record.efforts)]
        if record.classes:
            ious = paper_metrics.class_ious(record.classes)
            found.append(Case(record.key, "classes", 0, float(np.mean(list(ious.values())))))
    return found


def chosen(found: Sequence[Case], count: int) -> dict[str, list[Case]]:
    """The worst, the best and random answers, at most `count` of each, none twice."""
    ordered = sorted(found, key=lambda case: case.iou)
    worst, rest = ordered[:count], ordered[count:]
    best, middle = rest[::-1][:count], rest[: max(len(rest) - count, 0)]
    picked = np.random.default_rng(SEED).permutation(len(middle))[:count]
    return {"Worst": worst, "Best": best, "Random": [middle[int(number)] for number in sorted(picked)]}


def shown(asking: Asking, dataset: Dataset, case: Case) -> GalleryEntry:
    """Ask once more for one answer, and take pictures on the way."""
    example = dataset.load(case.key)
    if case.asked == "clicks":
        return _clicks(asking, example, case)
    if example.classes is not None and case.asked == "classes":
        query, labels = asking.class_query(example.classes), example.classes.labels
        truth = [np.asarray(labels == value) for value in example.classes.present]
        title = ", ".join(clause.text for clause in query.clauses)
        return GalleryEntry(title, case, _class_panels(asking, example, query, truth))
    item = example.items[case.number]
    truth = [target.mask for target in item.targets] or list(item.objects)
    return GalleryEntry(item.text, case, _texts(asking, example, asking.query(item, item.text), truth))


def _texts(asking: Asking, example: EvaluationExample, query: Query, truth: Sequence[Mask]) -> tuple[ReportPanel, ...]:
    try:
        return text_panels(asking.engine, example.image, query, truth)
    except BadQuery:  # the records count it as a miss; the page shows what was missed
        return answer_panels(example.image, (), Answer(()), truth)


def _class_panels(
    asking: Asking, example: EvaluationExample, query: Query, truth: Sequence[Mask]
) -> tuple[ReportPanel, ...]:
    """Classes as the segments of an answer, or as the label map that the maps give."""
    if asking.background is None or example.classes is None:
        return _texts(asking, example, query, truth)
    labels = asking.label_map(example.image, example.classes).labels
    segments = tuple(Segment(np.asarray(labels == number + 1), 1.0, clause=number) for number in range(len(truth)))
    return answer_panels(example.image, (), Answer(segments), truth)


def _clicks(asking: Asking, example: EvaluationExample, case: Case) -> GalleryEntry:
    """All clicks on one object, and the answer to the last."""
    truth, answers = example.objects[case.number], []
    engine, heard = listening(asking.engine)

    def answer(hint: Hint) -> Answer:
        answers.append(engine.segment(example.image, Query(hints=(hint,), preset=asking.preset)))
        return answers[-1]

    effort = clicked_out(answer, truth)
    panels = answer_panels(example.image, heard.prompts[-1:], answers[-1], [truth])
    return GalleryEntry(f"{effort.clicks} clicks", case, panels)
