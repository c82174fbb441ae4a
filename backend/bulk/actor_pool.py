"""The actors of a cluster at work: each has a few orders at a time, and what is lost with one goes to others."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from backend import __version__
from backend.bulk.cluster import IN_FLIGHT, ActorPlace, RayCluster, connected
from backend.bulk.orders import Order, OrderReply
from backend.bulk.to_do import ToDo
from backend.inference.model_loader import EngineProtocol
from backend.inference.model_version import model_version
from backend.problems import problem
from backend.settings import Settings
from model.errors import Misconfigured, Unavailable

logger = logging.getLogger(__name__)

PULSE = 1.0  # seconds between two looks at the cluster's nodes
PATIENCE = 300.0  # seconds that the job waits for a node when none is left; ours
MOST_STARTS = 3  # actors that may be lost before they were ready, at one place


@dataclass(slots=True, eq=False)
class Member:
    """An actor, and its orders by the references to their replies. `starting` refers to the step of its start."""

    place: ActorPlace
    handle: Any
    starting: Any
    version: str = ""
    running: dict[Any, Order] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether it can be given orders."""
        return self.starting is None


@contextmanager
def crew(
    address: str, settings: Settings, load: Callable[[], EngineProtocol] | None, show: Callable[[str], object]
) -> Iterator[ActorPool]:
    """Actors on the cluster at an address, for as long as the block lasts; `show` is told how many there are.

    Raises Misconfigured for settings that no cluster can serve, and Unavailable where the cluster does not answer.
    """
    with connected(address, settings, load) as cluster:
        yield ActorPool(cluster, show)


class ActorPool:
    """Actors at every place of a cluster; they come and go as its nodes do."""

    def __init__(self, cluster: RayCluster, show: Callable[[str], object]) -> None:
        self._cluster, self._show = cluster, show
        self._version = model_version(cluster.settings)
        self._members: list[Member] = []
        self._refused: dict[ActorPlace, str] = {}
        self._starts: Counter[ActorPlace] = Counter()
        self._next_look = 0.0
        self._alone_since: float | None = None

    def answers(self, orders: Iterator[Order]) -> Iterator[OrderReply]:
        """One reply for each order, as they come. Orders are taken when an actor has room; without any, none starts.

        Raises Misconfigured where no actor can work, and Unavailable where every node is gone and none comes back.
        """
        to_do = ToDo(orders)
        while not to_do.empty or any(member.running for member in self._members):
            yield from self._look(to_do)
            self._give_out(to_do)
            yield from self._received(to_do)

    def _look(self, to_do: ToDo) -> list[OrderReply]:
        """Let the members be where the cluster has places now; the replies are of orders that were given up."""
        if time.monotonic() < self._next_look:
            return []
        self._next_look = time.monotonic() + PULSE
        places = self._cluster.places()
        gone = [member for member in self._members if member.place not in places]
        given_up = [reply for member in gone for reply in self._lose(member, to_do)]
        taken = {member.place for member in self._members}
        for place in places:
            if place not in taken and place not in self._refused:
                self._hire(place)
        self._check(bool(places))
        ready = sum(member.ready for member in self._members)
        self._show(f"{ready} of {len(self._members)} actors")
        return given_up

    def _hire(self, place: ActorPlace) -> None:
        if objection := self._cluster.objection(place):
            self._refuse(place, objection)
            return
        handle = self._cluster.hire(place)
        self._members.append(Member(place, handle, handle.version.remote()))

    def _check(self, anywhere: bool) -> None:
        """Wait where nobody is left, but not for ever."""
        if self._members:
            self._alone_since = None
        elif anywhere:
            raise Misconfigured(f"no actor of the cluster can work; {'; '.join(dict.fromkeys(self._refused.values()))}")
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
            logger.warning("The cluster has no node for an actor; waiting %g s for one", PATIENCE)
        elif time.monotonic() - self._alone_since > PATIENCE:
            raise Unavailable(f"the cluster had no node for an actor for {PATIENCE:g} s; run it again to go on")

    def _give_out(self, to_do: ToDo) -> None:
        """Fill the ready members, evenly; an order that was lost before goes to one that has nothing else."""
        ready = [member for member in self._members if member.ready]
        for member in ready:
            if not member.running and (order := to_do.lost()):
                member.running[member.handle.answer.remote(order)] = order
        open_ones = [member for member in ready if not any(map(to_do.goes_alone, member.running.values()))]
        while least := min(open_ones, key=lambda member: len(member.running), default=None):
            order = to_do.fresh() if len(least.running) < IN_FLIGHT else None
            if order is None:
                return
            least.running[least.handle.answer.remote(order)] = order

    def _received(self, to_do: ToDo) -> list[OrderReply]:
        """What comes next from any member; nothing where that takes longer than a pulse."""
        waiting = {reference: member for member in self._members for reference in member.running}
        waiting |= {member.starting: member for member in self._members if not member.ready}
        if not waiting:
            time.sleep(PULSE)
            return []
        come, _ = ray.wait(list(waiting), timeout=PULSE)
        return [reply for reference in come for reply in self._read(waiting[reference], reference, to_do)]

    def _read(self, member: Member, reference: Any, to_do: ToDo) -> list[OrderReply]:
        order = member.running.get(reference)
        try:
            value = ray.get(reference)
        except RayTaskError as error:  # a fault of our code over there: as with any task, it costs that one alone
            if order is not None:
                del member.running[reference]
                return [OrderReply(order.task, problem(error.cause))]
            return self._lose(member, to_do, _last_line(error))
        except RayError as error:  # the actor, its node, or the way there
            return self._lose(member, to_do, _last_line(error))
        if order is None:
            return self._go_on(member, value)
        del member.running[reference]
        return [value]

    def _go_on(self, member: Member, value: str) -> list[OrderReply]:
        """The next step of a member's start: its version first, then what is in the way of its models."""
        if not member.version:
            member.version = value
            objection = (
                ""
                if value == __version__
                else (f"it has Anyword {value}, and here is {__version__}: install the same version on every node")
            )
        else:
            objection = value
            member.starting = None
        if objection:
            self._members.remove(member)
            ray.kill(member.handle)
            self._refuse(member.place, objection)
        elif not member.ready:
            given = self._cluster.settings, self._cluster.load, self._version
            member.starting = member.handle.start.remote(*given)
        return []

    def _refuse(self, place: ActorPlace, objection: str) -> None:
        self._refused[place] = f"node {place.address}: {objection}"
        logger.error("There is no actor on %s", self._refused[place])

    def _lose(self, member: Member, to_do: ToDo, reason: str = "the node is gone") -> list[OrderReply]:
        self._members.remove(member)
        ray.kill(member.handle)
        lost, place = len(member.running), member.place
        logger.warning("An actor on node %s is lost, and %d tasks go to others: %s", place.address, lost, reason)
        self._starts[place] += not member.ready
        if self._starts[place] == MOST_STARTS:
            self._refuse(place, f"{MOST_STARTS} actors did not start: {reason}")
        return to_do.take_back(member.running.values())


def _last_line(error: RayError) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)[
        :300
    ]
