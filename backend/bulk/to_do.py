"""The orders that are left: those that come, and those that were lost with whoever had them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator

from backend.bulk.orders import Order, OrderReply
from backend.problems import Problem

MOST_LOSSES = 3  # actors that one task may be lost with; ours: by then the task is what kills them


class ToDo:
    """Orders, one of them read ahead: whether there is any is known without asking for more."""

    def __init__(self, orders: Iterator[Order]) -> None:
        self._orders = orders
        self._next = next(orders, None)
        self._lost: deque[Order] = deque()
        self._losses: Counter[int] = Counter()

    @property
    def empty(self) -> bool:
        """Whether nothing is left to be given out."""
        return self._next is None and not self._lost

    def fresh(self) -> Order | None:
        """The next order that nobody had yet; None where there is none."""
        order = self._next
        if order is not None:
            self._next = next(self._orders, None)
        return order

    def lost(self) -> Order | None:
        """An order that was lost; None where there is none. It has to go alone to whoever does it."""
        return self._lost.popleft() if self._lost else None

    def goes_alone(self, order: Order) -> bool:
        """Whether an order was lost before: it may kill again, and nobody else's work is to be lost with it."""
        return self._losses[order.task] > 0

    def take_back(self, orders: Iterable[Order]) -> list[OrderReply]:
        """Orders whose actor is gone. Those that were lost too often are given up, with replies that say so."""
        given_up = []
        for order in orders:
            self._losses[order.task] += 1
            if self._losses[order.task] < MOST_LOSSES:
                self._lost.append(order)
            else:
                said = f"{MOST_LOSSES} actors of the cluster were lost while they did it; see Ray's logs there"
                given_up.append(OrderReply(order.task, Problem(500, said, "Lost")))
        return given_up
