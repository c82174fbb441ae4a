"""A task with all that its prediction needs, and what comes of it: values that can go to another machine and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backend.corrections.offering import Note, phrase_of
from backend.corrections.values import Offer
from backend.learning.teaching import InForce
from backend.predictions import Ask, Predictions
from backend.problems import Problem
from backend.prompting.prompts import Request
from backend.regions import Region

LOADING = 3600.0  # seconds that the models may take to load


@dataclass(frozen=True, slots=True)
class Order:
    """A task by its id, how it is asked, and the revision that it is asked with."""

    task: int
    ask: Ask
    in_force: InForce


@dataclass(frozen=True, slots=True)
class Reply:
    """A task's prediction as Label Studio takes it, or what went wrong; and what is offered to the annotator in it."""

    task: int
    outcome: Mapping[str, Any] | Problem
    offers: tuple[Offer, ...] = ()


Workers = Callable[[Iterator[Order]], Iterator[Reply]]  # one reply for each order, in any sequence


@dataclass(frozen=True, slots=True)
class Told:
    """The revision in force as an order tells it: who predicts needs no database."""

    known: InForce

    def in_force(self, project: str) -> InForce:  # noqa: ARG002  (an order is about one project)
        """The revision that the order is asked with."""
        return self.known


@dataclass(frozen=True, slots=True)
class Notes:
    """What is offered, for the reply to take along."""

    offers: list[Offer] = field(default_factory=list)

    def note(self, project: str, task: str, found: Sequence[Region], request: Request, version: str) -> None:
        """Keep the regions of an answer, packed."""
        notes = [Note(project, region, task, phrase_of(region, request), version) for region in found]
        self.offers.extend(note.packed()[1] for note in notes)


def answered(predictions: Predictions, order: Order) -> Reply:
    """Predict. A task that fails is a reply, too; raises Misconfigured where the engine does not load."""
    predictions.loader.wait(LOADING)
    notes = Notes()
    own = replace(predictions, teaching=Told(order.in_force), offering=notes)
    [outcome] = own.answer(order.ask)
    own.release(order.ask.tasks[0], order.ask)
    return Reply(order.task, outcome, tuple(notes.offers))


def one_by_one(predictions: Predictions, orders: Iterator[Order]) -> Iterator[Reply]:
    """Predict in this process, each task when the reply before is dealt with."""
    for order in orders:
        yield answered(predictions, order)
