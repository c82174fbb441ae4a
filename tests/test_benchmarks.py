"""What the benchmarks make of what they measure."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
import requests

from tests.benchmarks.crowd import BUSY, MASK, outcome
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.kills import KILLS, TASKS, planned
from tests.benchmarks.report import table
from tests.benchmarks.watching import growth, held, held_when_quiet


def answered(status: int, body: str, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = status, "why"
    response._content = body.encode()
    response.headers.update(headers)
    return response


def said(*items: str) -> str:
    return f'{{"results": [{{"result": [{", ".join(items)}]}}]}}'


REGION = '{"type": "bitmask", "value": {}}'


def message(text: str) -> str:
    return json.dumps({"type": "textarea", "value": {"text": [text]}})


def test_memory_that_rises_evenly_grows_by_its_rise_over_its_middle() -> None:
    assert growth([950 + number for number in range(101)]) == pytest.approx(0.1)


def test_memory_that_goes_up_and_down_is_flat() -> None:
    samples = [round(1000 + 50 * math.sin(number)) for number in range(300)]
    assert abs(growth(samples)) < 0.005


def test_one_short_peak_is_no_growth() -> None:
    samples = [1000] * 300
    samples[140:160] = [1200] * 20
    assert abs(growth(samples)) < 0.005


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answered(200, said(REGION, message("1 region, best 0.90"))), MASK),
        (answered(200, said(message("busy, click again: 16 requests are waiting already"))), BUSY),
        (answered(503, "{}", **{"Retry-After": "1"}), BUSY),
        (answered(503, "{}"), "503 why"),
        (answered(500, "{}"), "500 why"),
        (answered(200, said(message("nothing found"))), "no mask: ['nothing found']"),
        (answered(200, said()), "no mask: []"),
    ],
)
def test_the_answer_to_a_click_is_a_mask_or_busy_or_wrong(response: requests.Response, expected: str) -> None:
    assert outcome(response) == expected


def test_what_a_process_holds_more_is_seen_and_waited_for() -> None:
    me, over = psutil.Process(), threading.Event()
    before = held(me)
    more = threading.Thread(target=over.wait)
    more.start()
    with Path(__file__).open() as _:
        during = held(me)
    over.set()
    after = held_when_quiet(me, 10, before, still=0.0)
    more.join()
    assert (during.threads - before.threads, during.files - before.files) == (1, 1)
    assert after == before


def test_kills_are_spread_over_the_tasks_and_the_same_for_one_seed() -> None:
    plan = planned(5)
    tasks = [strike.task for strike in plan]
    assert len(plan) == KILLS
    assert tasks == sorted(set(tasks))
    assert tasks[0] >= 1
    assert tasks[-1] < TASKS
    assert plan == planned(5) != planned(6)


def test_a_figure_without_a_budget_is_told_and_never_missed(capsys: pytest.CaptureFixture[str]) -> None:
    told = Figure("a", 7.0, "s", None)
    assert show("b", [told]) == 0
    assert "7 s" in capsys.readouterr().out
    assert "| a | 7 s |  |  |" in table("b", [told])


def test_a_figure_beyond_its_budget_is_missed() -> None:
    assert "| a | 7 s | <= 5 s | **no** |" in table("b", [Figure("a", 7.0, "s", 5)])
    assert "| a | 7 % | >= 5 % | yes |" in table("b", [Figure("a", 7.0, "%", 5, least=True)])
