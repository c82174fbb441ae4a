"""Ten thousand fuzzed requests to a server that runs, over several connections, beside /health: figures for soak.py."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.failures import FailureGroup

from tests.backend import picture_server, test_described_requests, test_fuzz
from tests.benchmarks.figures import Figure
from tests.benchmarks.probe import probing, slowest
from tests.benchmarks.server import served

REQUESTS = 10_000
CONNECTIONS = 4  # each with one request after the other
SLOWEST = 30.0  # seconds after which a request counts as hanging
SHOWN = 10  # wrong answers that are printed
QUICK = {"ANYWORD_IMAGE_TIMEOUT": "1", "ANYWORD_BATCH_DEADLINE": "20", "ANYWORD_LEARN_EVERY": "0"}

Drawn = tuple[str, Any] | Case[Any]  # a route and a body, or a request from the OpenAPI description
Source = tuple[st.SearchStrategy[Any], int]  # what is drawn, and how often


@dataclass(slots=True)
class Told:
    """What became of requests: statuses, the seconds of each, and what was wrong with answers; threads share it."""

    statuses: Counter[int] = field(default_factory=Counter)  # without those that said `Busy`
    busy: int = 0  # 503 with Retry-After
    spent: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """Answers of 5xx."""
        return sum(number for status, number in self.statuses.items() if status >= 500)


def figures(folder: Path, wanted: int, seed: int) -> Iterator[Figure]:
    """Send so many requests to a server with the embedded models, and ask for its health meanwhile."""
    with (
        picture_server.serving() as pictures,
        served(folder, ANYWORD_LABEL_STUDIO_URL=pictures, **QUICK) as (url, _),
        probing(url) as health,
    ):
        told = _sent(url, sources(url, wanted), seed)
    statuses = dict(sorted(told.statuses.items()))
    print(f"{wanted} requests, seed {seed}: statuses {statuses}, `Busy` {told.busy}", flush=True)
    print("\n".join([*told.hung[:SHOWN], *told.wrong[:SHOWN]]), flush=True)
    yield Figure("fuzzed requests", len(told.spent), "", wanted, least=True)
    yield Figure("answers of 5xx but for `Busy`", told.broken, "", 0)
    yield Figure("answers that were not as described, or not clean JSON", len(told.wrong), "", 0)
    yield Figure(f"requests without an answer after {SLOWEST:g} s", len(told.hung), "", 0)
    yield Figure("slowest answer", max(told.spent), "s", SLOWEST)
    yield slowest("meanwhile", health, 50)


def sources(url: str, wanted: int) -> list[Source]:
    """Three fifths are Label Studio's requests with something changed, or any body; the rest fits the description."""
    description = schemathesis.openapi.from_url(f"{url}/openapi.json")
    kinds = test_described_requests.KINDS
    each, any_body = wanted * 2 // 5 // len(kinds), wanted // 10
    changed = wanted - any_body - each * len(kinds)
    bodies = st.tuples(st.sampled_from(test_fuzz.ROUTES), test_fuzz.anything | st.binary(max_size=40))
    described = [(description[path][method].as_strategy(mode), each) for method, path, mode in kinds]
    return [(test_fuzz.requests(), changed), (bodies, any_body), *described]


def _sent(url: str, drawn: Sequence[Source], seed: int) -> Told:
    """Draw in this thread, and send in others as fast as the server answers."""
    told, waiting = Told(), Queue[Drawn | None](2 * CONNECTIONS)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        senders = [pool.submit(_send_all, url, waiting, told) for _ in range(CONNECTIONS)]
        for strategy, number in drawn:
            _draw(strategy, number, seed, waiting.put)
        for _ in senders:
            waiting.put(None)
    for each in senders:
        each.result()
    return told


def _draw(strategy: st.SearchStrategy[Any], number: int, seed: int, take: Callable[[Any], None]) -> None:
    @seeded(seed)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: Any) -> None:
        take(value)

    draw()


def _send_all(url: str, waiting: Queue[Drawn | None], told: Told) -> None:
    with requests.Session() as session:
        while (drawn := waiting.get()) is not None:
            started = time.monotonic()
            try:
                response = _send(url, session, drawn)
            except requests.RequestException as error:
                told.hung.append(f"{error!r}: {_shown(drawn)}")
                continue
            told.spent.append(time.monotonic() - started)
            _judge(drawn, response, told)


def _send(url: str, session: requests.Session, drawn: Drawn) -> requests.Response:
    if isinstance(drawn, Case):
        return session.request(**{**drawn.as_transport_kwargs(base_url=url), "timeout": SLOWEST})
    route, body = drawn
    head = {"Content-Type": "application/json"}
    return session.post(f"{url}{route}", data=_data(body), headers=head, timeout=SLOWEST)


def _data(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _judge(drawn: Drawn, response: requests.Response, told: Told) -> None:
    """Count an answer, and keep what is wrong with it; `Busy` is a right one."""
    if response.status_code == 503 and "Retry-After" in response.headers:
        told.busy += 1
        return
    told.statuses[response.status_code] += 1
    try:
        if isinstance(drawn, Case):
            drawn.validate_response(response, checks=test_described_requests.CHECKS)
        else:
            test_fuzz.check(drawn[0], _data(drawn[1]), response.status_code, response.text)
    except (AssertionError, ValueError, FailureGroup) as error:
        told.wrong.append(f"{response.status_code} {response.reason}: {error!r}: {_shown(drawn)}")


def _shown(drawn: Drawn) -> str:
    return drawn.as_curl_command() if isinstance(drawn, Case) else f"{drawn[0]} {str(drawn[1])[:1000]}"
