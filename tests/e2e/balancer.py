"""A balancer as operators put before replicas: each path in turn, and past those where nobody listens."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from werkzeug import Request, Response

from tests.e2e.proxy import served

SECONDS = 110.0
HEADERS = ("Content-Type", "Authorization", "Accept")


@dataclass(slots=True)
class Passed:
    """A request and the replica that took it; its status is 0 until it is answered, and 502 where the replica died.

    `tasks`: how many tasks a prediction is for.
    """

    path: str
    tasks: int
    replica: str
    status: int = 0


@dataclass(slots=True)
class Balancer:
    """Its address, and what it passed on, in order."""

    replicas: Sequence[str]
    url: str = ""
    passed: list[Passed] = field(default_factory=list)
    _turns: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def predictions(self, many: bool = False) -> list[Passed]:
        """The clicks among what was passed on, or the batches."""
        return [each for each in list(self.passed) if each.path == "/predict" and (each.tasks > 1) == many]

    def answer(self, request: Request) -> Response:
        """Pass a request on to the next replica; where nobody listens there it was not taken, and the next one is."""
        for replica in self._in_turn(request.path):
            passed = Passed(request.path, _tasks(request), replica)
            self.passed.append(passed)
            try:
                return self._pass_on(request, passed)
            except NewConnectionError:
                self.passed.remove(passed)
            except HTTPError:  # it was taken, and the replica died with it
                passed.status = 502
                return Response("the replica died", 502)
        return Response("no replica is there", 503)

    def _in_turn(self, path: str) -> list[str]:
        with self._lock:
            self._turns[path] += 1
            first = self._turns[path] % len(self.replicas)
        return [*self.replicas[first:], *self.replicas[:first]]

    def _pass_on(self, request: Request, passed: Passed) -> Response:
        headers = {name: request.headers[name] for name in HEADERS if name in request.headers}
        with urllib3.PoolManager(retries=False, timeout=SECONDS) as pool:
            answer = pool.request(
                request.method, passed.replica + request.full_path, body=request.get_data(), headers=headers
            )
        passed.status = answer.status
        kept = {name: value for name, value in answer.headers.items() if name in ("Content-Type", "Location")}
        return Response(answer.data, f"{answer.status} {answer.reason}", kept)


def _tasks(request: Request) -> int:
    return len(json.loads(request.get_data())["tasks"]) if request.path == "/predict" else 0


@contextmanager
def balancing(replicas: Sequence[str]) -> Iterator[Balancer]:
    """Run a balancer until the block ends."""
    balancer = Balancer(replicas)
    with served(balancer.answer) as balancer.url:
        yield balancer
