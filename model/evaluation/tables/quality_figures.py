"""Quality figures on scenes: how well text, points and boxes are answered, and what each refinement gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.engine import Engine
from model.evaluation.scenarios.questions import SceneQuestion, around, click
from model.geometry import iou
from model.types import Answer, Clause, Hint, Mask, Query


@dataclass(slots=True)
class QualityFigures:
    """Lists of per-phrase and per-object results; every figure is a mean of one of them."""

    text: list[float] = field(default_factory=list)  # IoU of phrases that are there
    false_positives: list[bool] = field(default_factory=list)  # for phrases that are not there
    bright: list[bool] = field(default_factory=list)  # brightest cell inside an object that is meant
    point: list[float] = field(default_factory=list)
    box: list[float] = field(default_factory=list)

    def rows(self) -> list[tuple[str, float, int]]:
        """Name, mean and number of cases of each figure."""
        named: dict[str, list[float] | list[bool]] = {
            "text, IoU over phrases present": self.text,
            "text, false positives on absent phrases": self.false_positives,
            "brightest attention cell inside the object": self.bright,
            "one positive point, IoU": self.point,
            "box, IoU": self.box,
        }
        return [(name, float(np.mean(values)), len(values)) for name, values in named.items() if values]


def measure(engine: Engine, asked: Iterable[SceneQuestion]) -> QualityFigures:
    """Ask everything of every scene: each phrase alone, one click and one box for each object."""
    figures = QualityFigures()
    for question in asked:
        _ask_texts(engine, question, figures)
        _ask_hints(engine, question, figures)
    return figures


def _ask_texts(engine: Engine, question: SceneQuestion, figures: QualityFigures) -> None:
    for phrase in question.phrases:
        answer = engine.segment(question.scene.image, Query((Clause(f"a {phrase.text}"),)))
        if not phrase.there:
            figures.false_positives.append(bool(answer.segments))
            continue
        figures.text.append(iou(union(answer, phrase.truth.shape), phrase.truth))
        figures.bright.append(hits(answer.findings[0].scores, phrase.truth))


def _ask_hints(engine: Engine, question: SceneQuestion, figures: QualityFigures) -> None:
    for thing in question.scene.objects:
        hints = (Hint(points=(click(thing.mask),)), Hint(box=around(thing.mask)))
        answers = [engine.segment(question.scene.image, Query(hints=(hint,))) for hint in hints]
        figures.point.append(iou(union(answers[0], thing.mask.shape), thing.mask))
        figures.box.append(iou(union(answers[1], thing.mask.shape), thing.mask))


def union(answer: Answer, shape: tuple[int, ...]) -> Mask:
    """All of an answer's segments together, (H, W)."""
    masks = [np.zeros(shape, np.bool_), *(segment.mask for segment in answer.segments)]
    return np.asarray(np.any(masks, axis=0))


def hits(scores: NDArray[np.float32], truth: Mask) -> bool:
    """Whether the brightest cell of a map (g, g) touches a mask (H, W)."""
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    rows = np.array([row, row + 1]) * truth.shape[0] / scores.shape[0]
    columns = np.array([column, column + 1]) * truth.shape[1] / scores.shape[1]
    cell = truth[int(rows[0]) : int(np.ceil(rows[1])), int(columns[0]) : int(np.ceil(columns[1]))]
    return bool(cell.mean() >= 0.5 or truth[int(rows.mean()), int(columns.mean())])
