"""Ask an engine everything about one picture, and compare with the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import torch

from model.adapters.diffusers.backbone import DiffusersBackbone
from model.engine import Engine
from model.errors import BadQuery
from model.evaluation.datasets.examples import ClassMap, EvaluationExample, Item
from model.evaluation.records import ClassArea, Effort, Record, TextReply
from model.evaluation.scenarios.simulated_clicks import clicked_out
from model.evaluation.tables.compare_answer import area, class_areas, labelled, overlaps, painted
from model.grounding.label_maps import Background, LabelMap, label
from model.types import Answer, Clause, Hint, Image, Mask, Query

Found = TypeVar("Found")


@dataclass(slots=True)
class Meter:
    """What answering cost so far: questions, seconds inside the engine, UNet calls and the pictures in them.

    `refused`: why questions were not answered.
    """

    questions: int = 0
    seconds: float = 0.0
    calls: int = 0
    rows: int = 0
    refused: list[str] = field(default_factory=list)

    @contextmanager
    def reading(self, engine: Engine) -> Iterator[None]:
        """Count the UNet's calls as they begin: a pass that is stopped half way is a pass."""
        backbone = engine.models.backbone
        assert isinstance(backbone, DiffusersBackbone)

        def seen(_: torch.nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            self.calls += 1
            self.rows += len(given[0] if given else named["sample"])

        handle = backbone.unet.register_forward_pre_hook(seen, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def timed(self, ask: Callable[[], Found], nothing: Found) -> Found:
        """The answer to a question, or `nothing` where the engine refuses it: that is a miss, and the rest goes on."""
        self.questions += 1
        start = perf_counter()
        try:
            return ask()
        except BadQuery as error:
            self.refused.append(str(error))
            return nothing
        finally:
            self.seconds += perf_counter() - start


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """An engine and how it is asked.

    `paraphrases`: the other wordings of each text are asked too. `background`: class lists are answered by maps with
    this rule, one class for each pixel (label_maps.py); None: by the segments found for each class.
    """

    engine: Engine
    preset: str = "fast"
    paraphrases: bool = False
    background: Background | None = None

    def everything(self, example: EvaluationExample) -> Record:
        """Ask all texts, all classes and all clicks of a picture."""
        meter = Meter()
        with meter.reading(self.engine):
            replies = tuple(self._replies(example, meter))
            classes = self._classes(example.image, example.classes, meter) if example.classes else ()
            efforts = tuple(self._effort(example.image, truth, meter) for truth in example.objects)
        seconds = round(meter.seconds, 4)
        cost = (meter.questions, seconds, meter.calls, meter.rows, tuple(meter.refused))
        return Record(example.key, replies, classes, efforts, *cost)

    def query(self, item: Item, text: str) -> Query:
        """The question that a text is."""
        return Query((Clause(text),), separate=item.separate, preset=self.preset)

    def class_query(self, classes: ClassMap) -> Query:
        """The classes that the truth shows, each a label."""
        return Query(tuple(Clause(classes.names[value], name=True) for value in classes.present), preset=self.preset)

    def label_map(self, image: Image, classes: ClassMap) -> LabelMap:
        """One of the classes that the truth shows, or background, for each pixel."""
        assert self.background is not None
        names = [classes.names[value] for value in classes.present]
        return label(self.engine.under(self.preset), image, names, self.background)

    def _replies(self, example: EvaluationExample, meter: Meter) -> Iterator[TextReply]:
        for number, item in enumerate(example.items):
            for wording, text in enumerate((item.text, *(item.wordings if self.paraphrases else ()))):
                found = self._answer(example.image, self.query(item, text), meter)
                areas = tuple(area(found, target) for target in item.targets)
                scores = tuple(round(float(segment.score), 6) for segment in found.segments)
                crossed = overlaps(found.segments, item.objects)
                yield TextReply(text, item.form, number, wording, areas, scores, crossed, len(item.objects))

    def _classes(self, image: Image, classes: ClassMap, meter: Meter) -> tuple[ClassArea, ...]:
        if not classes.present:
            return class_areas(painted(Answer(()), classes), classes)
        if self.background is None:
            found = painted(self._answer(image, self.class_query(classes), meter), classes)
        else:
            maps = meter.timed(lambda: self.label_map(image, classes), None)
            found = labelled(maps, classes) if maps else painted(Answer(()), classes)
        return class_areas(found, classes)

    def _effort(self, image: Image, truth: Mask, meter: Meter) -> Effort:
        def answer(hint: Hint) -> Answer:
            return self._answer(image, Query(hints=(hint,), preset=self.preset), meter)

        return clicked_out(answer, truth)

    def _answer(self, image: Image, query: Query, meter: Meter) -> Answer:
        return meter.timed(lambda: self.engine.segment(image, query), Answer(()))
