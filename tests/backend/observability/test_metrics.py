"""What an operator can see in Prometheus, and that the dashboard in docker/ shows it, all of it and nothing else."""

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from backend import __version__
from backend.server.child_process import ROOT
from model.runtime.scheduler import Priority, Scheduler
from tests.backend import calls
from tests.backend.clients import VERSION, client_of
from tests.backend.colour_engine import ColourEngine

DASHBOARD = json.loads((ROOT / "docker" / "grafana.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
VARIABLE = next(each["definition"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",), "gauge": ("",)}
NO_METRIC = {"by", "or", "le", "vector", "time"}


@pytest.fixture
def client() -> FlaskClient:
    return client_of(ColourEngine())


def samples(client: FlaskClient) -> dict[str, float]:
    """The value of each sample, with its labels as they stand on the page."""
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def families(client: FlaskClient) -> dict[str, set[str]]:
    """The names of the series of each metric; when a series began is not told by the dashboard."""
    page = client.get("/metrics").get_data(as_text=True)
    found = [family for family in text_string_to_metric_families(page) if not family.name.endswith("_created")]
    return {family.name: {family.name + suffix for suffix in SUFFIXES[_kind(family)]} for family in found}


def _kind(family: Any) -> str:
    """What the family is; the text format tells an info as a gauge."""
    return str(family.type) if family.type in SUFFIXES else "gauge"


def names(expression: str) -> set[str]:
    """The metrics that a PromQL expression asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\"[^\"]*\"", " ", expression)
    return set(re.findall(r"[A-Za-z_:][\w:]*(?![\w:]| *\()", bare)) - NO_METRIC


# The metrics


def test_requests_are_timed_by_route(client: FlaskClient) -> None:
    client.post("/predict", json=calls.predict([calls.task()]))
    client.get("/health")
    client.get("/health")
    told = samples(client)
    assert told['anyword_request_seconds_count{route="/health"}'] == 2
    assert told['anyword_request_seconds_count{route="/predict"}'] == 1
    total = sum(value for name, value in told.items() if name.startswith("anyword_stage_seconds_sum"))
    assert 0 < total <= told['anyword_request_seconds_sum{route="/predict"}']


def test_the_models_state_and_the_versions_are_told(client: FlaskClient) -> None:
    client.post("/predict", json=calls.predict([calls.task()]))  # which waits for the models
    told = samples(client)
    assert told["anyword_model_loaded"] == 1
    assert told[f'anyword_build_info{{models="{VERSION}",version="{__version__}"}}'] == 1
    assert told["anyword_lane_busy_seconds_total"] >= told['anyword_stage_seconds_sum{stage="segment"}'] > 0


def test_pictures_in_the_cache_are_counted(client: FlaskClient) -> None:
    for _ in range(3):
        client.post("/predict", json=calls.predict([calls.task()]))
    told = samples(client)
    assert told['anyword_picture_cache_lookups_total{outcome="found"}'] == 2
    assert told['anyword_picture_cache_lookups_total{outcome="fetched"}'] == 1
    assert told["anyword_picture_cache_bytes"] == calls.picture().nbytes


def test_the_process_is_told(client: FlaskClient) -> None:
    told = samples(client)
    assert told["process_resident_memory_bytes"] > 1e6
    assert told["process_open_fds"] > 0
    assert 'python_gc_collections_total{generation="2"}' in told


def test_the_lane_is_busy_while_a_job_runs_and_jobs_within_jobs_count_once() -> None:
    lane, begun, go = Scheduler(4), threading.Event(), threading.Event()
    seen: list[float] = []

    def long() -> None:
        begun.set()
        assert go.wait(60)
        lane.give_way(Priority.LEARNING)
        seen.append(lane.busy_seconds)

    assert lane.busy_seconds == 0
    threads = [threading.Thread(target=lane.run, args=(long, Priority.LEARNING))]
    threads[0].start()
    assert begun.wait(60)
    first = lane.busy_seconds
    assert lane.busy_seconds > first > 0
    threads.append(
        threading.Thread(target=lane.run, args=(lambda: seen.append(lane.busy_seconds), Priority.INTERACTIVE))
    )
    threads[1].start()
    while lane.depth == 0:
        pass
    go.set()
    for thread in threads:
        thread.join()
    lane.close()
    inside, after = seen
    assert first < inside < after < lane.busy_seconds
    assert lane.busy_seconds == lane.busy_seconds  # nothing runs


# The dashboard


@pytest.mark.parametrize("expression", [*EXPRESSIONS, VARIABLE])
def test_the_dashboard_asks_for_metrics_that_exist(client: FlaskClient, expression: str) -> None:
    series = set().union(*families(client).values())
    asked = names(expression) - {"instance"}
    assert asked
    assert asked <= series
    assert all(expression.count(opening) == expression.count(closing) for opening, closing in ("()", "{}", "[]"))


def test_the_dashboard_shows_every_metric_of_ours(client: FlaskClient) -> None:
    shown = set().union(*map(names, EXPRESSIONS))
    hidden = {name for name, series in families(client).items() if name.startswith("anyword_") and not series & shown}
    assert hidden == set()


def test_a_wrong_name_would_be_found() -> None:
    assert names('sum by (le) (rate(anywrod_x_total{a="b_c"}[5m])) / scalar(up) or vector(0)') == {
        "anywrod_x_total",
        "up",
    }


def test_panels_lie_beside_each_other_and_each_asks_something() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    covered = [cell for panel in DASHBOARD["panels"] for cell in cells(panel["gridPos"])]
    assert len(set(covered)) == len(covered)
    assert {x for x, _ in covered} == set(range(24))
    assert all(panel["targets"] and panel["fieldConfig"]["defaults"].get("unit", "") != "none" for panel in PANELS)


def cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    return (
        (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
    )
