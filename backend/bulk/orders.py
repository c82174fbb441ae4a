"""A task with all that its prediction needs, and what comes of it: values that can go to another machine and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice
from typing import Any

from backend.bounded_map import bounded_map
from backend.bulk.suspects import Suspects
from backend.inference.active_revision import ActiveRevision
from backend.inference.infer import TOGETHER
from backend.inference.predict import Predictor
from backend.inference.predict_request import PredictRequest
from backend.inference.prediction_log import Note, phrase_of
from backend.labelstudio.label_config import LabelConfig
from backend.labelstudio.results import Region
from backend.problems import Problem
from backend.prompting.prompts import Request
from backend.webhooks.corrections import Offer

KILLER = (
    "the process was killed twice while it did this task, probably for want of memory: use a smaller picture, or run "
    "this with more memory"
)
LOADING = 3600.0  # seconds that the models may take to load
ABREAST = 3  # groups under way: while the models work on one, others are fetched, or drawn and encoded; ours, measured


@dataclass(frozen=True, slots=True)
class Order:
    """A task by its id, how it is asked, and the revision that it is asked with."""

    task: int
    ask: PredictRequest
    in_force: ActiveRevision


@dataclass(frozen=True, slots=True)
class OrderReply:
    """A task's prediction as Label Studio takes it, or what went wrong; and what is offered to the annotator in it."""

    task: int
    outcome: Mapping[str, Any] | Problem
    offers: tuple[Offer, ...] = ()


Workers = Callable[[Iterator[Order]], Iterator[OrderReply]]  # one reply for each order, in any sequence


@dataclass(frozen=True, slots=True)
class FixedRevision:
    """The revision in force as an order tells it: who predicts needs no database."""

    known: ActiveRevision

    def in_force(self, project: str, config: LabelConfig | None = None) -> ActiveRevision:  # noqa: ARG002  (it is told)
        """The revision that the order is asked with."""
        return self.known


@dataclass(frozen=True, slots=True)
class Notes:
    """What is offered, by the task's id, for the replies to take along."""

    offers: dict[str, list[Offer]] = field(default_factory=dict)

    def note(self, project: str, task: str, found: Sequence[Region], request: Request, version: str) -> None:
        """Keep the regions of an answer, packed."""
        notes = [Note(project, region, task, phrase_of(region, request), version) for region in found]
        self.offers[task] = [note.packed()[1] for note in notes]


def answered(predictions: Predictor, orders: Sequence[Order]) -> list[OrderReply]:
    """Predict orders that differ in nothing but their tasks, together.

    A task that fails is a reply, too; raises Misconfigured where the engine does not load.
    """
    predictions.loader.wait(LOADING)
    notes, ask = Notes(), replace(orders[0].ask, tasks=[task for order in orders for task in order.ask.tasks])
    own = replace(predictions, teaching=FixedRevision(orders[0].in_force), offering=notes)
    outcomes = own.answer(ask)
    for task in ask.tasks:
        own.release(task, ask)
    pairs = zip(orders, outcomes, strict=True)
    return [OrderReply(order.task, outcome, tuple(notes.offers.get(str(order.task), ()))) for order, outcome in pairs]


def several(predictions: Predictor, suspects: Suspects, orders: Iterator[Order]) -> Iterator[OrderReply]:
    """Predict in this process, some tasks together; others are on their way meanwhile.

    Tasks that an earlier run was killed at come last, one at a time; one that killed two is given up by name.
    """
    held: list[Order] = []

    def unsuspected() -> Iterator[Order]:
        for order in orders:
            if suspects.is_suspected(order.task):
                held.append(order)
            else:
                yield order

    work = partial(_watched, predictions, suspects)
    for replies in bounded_map(work, _groups(unsuspected()), ABREAST, ABREAST):
        yield from replies
    for order in held:
        yield from [given_up(order.task)] if suspects.is_guilty(order.task) else work([order])


def _watched(predictions: Predictor, suspects: Suspects, orders: Sequence[Order]) -> list[OrderReply]:
    with suspects.doing([order.task for order in orders]):
        return answered(predictions, orders)


def given_up(task: int) -> OrderReply:
    """The reply to a task that ends the process."""
    return OrderReply(task, Problem(507, KILLER, "OutOfMemory"))


def _groups(orders: Iterator[Order]) -> Iterator[list[Order]]:
    """Orders that can be answered together: with one revision."""
    for _, alike in groupby(orders, lambda order: order.in_force):
        while group := list(islice(alike, TOGETHER)):
            yield group
