"""A task's context -> the prompts in it, and prompts -> what the engine is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from backend.labelstudio.label_config import LabelConfig
from backend.prompting.hints import Item, id_of, wants
from backend.prompting.marks import Mark, Pointed, read_marks
from backend.prompting.texts import WHAT_TO_TYPE, Text, read_text
from model.errors import BadQuery
from model.types import Clause, Query


@dataclass(frozen=True, slots=True)
class Prompts:
    """What was typed and drawn about one object, or typed about many."""

    text: Text | None = None
    marks: tuple[Mark, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the marks."""
        return frozenset(mark.id for mark in self.marks if mark.id)

    @property
    def selected(self) -> str | None:
        """The label that was drawn with, if masks can carry it and it is not for the background."""
        return next((mark.selected for mark in self.marks if mark.selected is not None), None)


NO_PROMPTS = Prompts()


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: clauses, each with the label that it was written for, and things that were pointed at.

    `selected` is the label that the points, boxes or strokes were drawn with. `interactive` is False for a
    pre-annotation, where the clauses are the names of the labels.
    """

    clauses: tuple[Clause, ...] = ()
    pointed: tuple[Pointed, ...] = ()
    selected: str | None = None
    interactive: bool = True

    @property
    def query(self) -> Query:
        """What the engine is asked, before its preset is chosen."""
        return Query(self.clauses, tuple(thing.hint for thing in self.pointed))


def read(context: object, config: LabelConfig, size: tuple[int, int]) -> Prompts | None:
    """Read the prompts of an interactive request on a picture of `size` (H, W).

    None for a context without prompts (null, absent, empty, a string, an event of a newer server), which asks for a
    pre-annotation. Prompts count by the control they come from; what else rides along (choices, other text areas) is
    left out. Raises BadQuery where a prompt cannot be read, with a message for the annotator.
    """
    items = _prompt_items(context)
    return read_items(items, config, size) if items else None


def read_items(items: Sequence[Item], config: LabelConfig, size: tuple[int, int]) -> Prompts:
    """The prompts among the items of a result. A text inside a region that is no prompt speaks for all."""
    marks = read_marks(items, config, size)
    inside = {mark.id for mark in marks if mark.text is not None}
    areas = {area for area in (config.prompt, config.region_prompt) if area}
    typed = [item for item in items if item.get("from_name") in areas]  # a relation comes without from_name
    return Prompts(read_text([item for item in typed if id_of(item) not in inside], config), marks)


def _prompt_items(context: object) -> list[Item]:
    """The result items of a context; none where it is no prompt, whatever its shape."""
    if not isinstance(context, Mapping) or context.get("event") is not None:
        return []
    result = context.get("result")
    return [item for item in result if isinstance(item, Mapping)] if isinstance(result, list) else []


def pre_annotation(config: LabelConfig) -> Request:
    """Ask for everything that a label names."""
    names = [(name, label.value) for label in config.foreground for name in label.spoken]
    return Request(tuple(Clause(name, name=True, label=label) for name, label in names), interactive=False)


def asked(prompts: Prompts, pointed: Sequence[Pointed]) -> Request:
    """What the prompts ask of the engine; `pointed` is what their marks come to.

    A text that was typed for one mark speaks of that mark alone; the other text speaks of all others, or of the whole
    picture. Raises BadQuery where there is nothing to go by.
    """
    shared = None if prompts.text is None else prompts.text.about(prompts.selected)
    _check(shared, pointed)
    meant = [shared if thing.text is None else thing.text for thing in pointed]
    texts = [text for text in dict.fromkeys(meant if pointed else [shared]) if text is not None]
    ends = list(accumulate((len(text.clauses) for text in texts), initial=0))
    span: dict[Text | None, tuple[int, ...]] = {None: ()}
    span |= {text: tuple(range(ends[at], ends[at + 1])) for at, text in enumerate(texts)}
    things = (replace(thing, clauses=span[text]) for thing, text in zip(pointed, meant, strict=True))
    return Request(tuple(clause for text in texts for clause in text.clauses), tuple(things), prompts.selected)


def _check(text: Text | None, things: Sequence[Pointed]) -> None:
    if text is None and not things:
        raise BadQuery(f"nothing to go by: click, draw a box, or {WHAT_TO_TYPE}")
    if things and not any(wants(thing.hint) for thing in things):
        raise BadQuery("only negative points: click on the object first, then Alt+click with the same label")
