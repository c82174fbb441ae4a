"""Traces, as a receiver of OTLP on loopback gets them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from backend import __version__
from backend.inference.infer import TOGETHER
from backend.observability.tracing import Spans, connected
from backend.server.app import close, create_app
from backend.server.child_process import free_port
from backend.settings import Settings
from tests.backend import calls
from tests.backend.clients import SETTINGS
from tests.backend.colour_engine import ColourEngine
from tests.backend.log_lines import logged
from tests.backend.secrets import SECRETS, guarded, provoke
from tests.backend.site import Answer, Seen, Site, status_only

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STAGES = ["fetch", "prompt", "wait", "segment", "draw", "encode"]


@dataclass(frozen=True)
class Span:
    """One that arrived, its ids in hexadecimal digits, its times in nanoseconds."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    nanoseconds: int
    status: int
    told: dict[str, str | int]


@pytest.fixture
def receiver(elsewhere: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """One that takes everything, and is named by the environment."""
    elsewhere.routes["/v1/traces"] = status_only(200)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", elsewhere.url)
    return elsewhere


def app_with(settings: Settings = SETTINGS) -> Flask:
    return create_app(settings, load=ColourEngine)


def ask(app: Flask, context: object = None, **headers: str) -> None:
    """One prediction for one task."""
    app.test_client().post("/predict", json=calls.predict([calls.task(7)], context=context), headers=headers)


def received(site: Site) -> list[Span]:
    """All spans that arrived."""
    requests = [ExportTraceServiceRequest.FromString(seen.body) for seen in site.seen if seen.path == "/v1/traces"]
    scopes = [scope for each in requests for resource in each.resource_spans for scope in resource.scope_spans]
    return [read(span) for scope in scopes for span in scope.spans]


def read(span: trace_pb2.Span) -> Span:
    return Span(
        name=span.name,
        kind=span.kind,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
        status=span.status.code,
        told={each.key: each.value.string_value or each.value.int_value for each in span.attributes},
    )


def named(spans: list[Span], name: str) -> Span:
    [found] = [span for span in spans if span.name == name]
    return found


def test_nobody_is_told_without_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert type(connected()) is Spans


def test_a_request_its_task_and_the_stages_are_a_tree_in_the_callers_trace(receiver: Site) -> None:
    app = app_with()
    ask(app, traceparent=f"00-{TRACE}-{CALLER}-01", x_request_id="abc-1")
    close(app)
    spans = received(receiver)
    request, task = named(spans, "POST /predict"), named(spans, "task")
    assert {span.trace for span in spans} == {TRACE}
    assert (request.parent, request.kind, task.parent) == (CALLER, trace_pb2.Span.SPAN_KIND_SERVER, request.id)
    assert [span.name for span in spans if span.parent == task.id] == STAGES
    assert len(spans) == len(STAGES) + 2
    assert len({span.id for span in spans}) == len(spans)
    durations = {span.name: span.nanoseconds for span in spans}
    assert 0 < sum(durations[stage] for stage in STAGES) <= durations["task"] <= durations["POST /predict"]


def test_tasks_that_are_answered_together_are_each_in_the_tree(receiver: Site) -> None:
    app = app_with()
    numbers = range(1, TOGETHER + 2)
    app.test_client().post("/predict", json=calls.predict([calls.task(number) for number in numbers]))
    close(app)
    spans = received(receiver)
    request, tasks = named(spans, "POST /predict"), [span for span in spans if span.name == "task"]
    assert {(task.parent, task.trace) for task in tasks} == {(request.id, request.trace)}
    assert sorted(str(task.told["anyword.task"]) for task in tasks) == [str(number) for number in numbers]
    for task in tasks:
        assert [span.name for span in spans if span.parent == task.id] == STAGES
    assert len(spans) == len(numbers) * (len(STAGES) + 1) + 1


def test_spans_say_what_they_are_about(receiver: Site) -> None:
    app = app_with()
    ask(app, X_Request_ID="abc-1")
    close(app)
    spans = received(receiver)
    assert named(spans, "POST /predict").told == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "anyword.request": "abc-1",
        "anyword.project": "1",
    }
    assert named(spans, "task").told == {"anyword.project": "1", "anyword.task": "7", "anyword.regions": 2}


def test_probes_fill_no_traces(receiver: Site) -> None:
    app = app_with()
    for path in ("/health", "/ready", "/metrics", "/versions"):
        app.test_client().get(path)
    close(app)
    assert [span.name for span in received(receiver)] == ["GET /versions"]


def test_a_failure_marks_its_task(receiver: Site) -> None:
    app = app_with()
    ask(app, calls.text(""))
    close(app)
    task = named(received(receiver), "task")
    assert (task.status, task.told["error.type"]) == (trace_pb2.Status.STATUS_CODE_ERROR, "BadQuery")


def test_the_log_names_the_trace(receiver: Site) -> None:
    app = app_with()
    with logged(SETTINGS) as log:
        ask(app)
    close(app)
    [told] = [line for line in log.lines if "Task answered" in line]
    assert f"trace_id={named(received(receiver), 'task').trace}" in told


@pytest.mark.parametrize("given", ["", "00-zz-yy-01", f"00-{'0' * 32}-{CALLER}-01", "x" * 5000])
def test_a_damaged_header_begins_a_new_trace(receiver: Site, given: str) -> None:
    app = app_with()
    ask(app, traceparent=given)
    close(app)
    request = named(received(receiver), "POST /predict")
    assert (request.parent, request.trace != "0" * 32) == ("", True)


def test_the_service_has_a_name_that_the_environment_may_change(
    receiver: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, expected in ((None, "anyword"), ("blue", "blue")):
        if given:
            monkeypatch.setenv("OTEL_SERVICE_NAME", given)
        app = app_with()
        ask(app)
        close(app)
        sent = ExportTraceServiceRequest.FromString(receiver.seen[-1].body).resource_spans[0].resource
        told = {each.key: each.value.string_value for each in sent.attributes}
        assert (told["service.name"], told["service.version"]) == (expected, __version__)


def test_no_secret_and_no_typed_text_is_sent(site: Site, receiver: Site) -> None:
    app = app_with(guarded(site))
    provoke(app.test_client(), site)
    ask(app, calls.text("a green zebra"))
    close(app)
    sent = b"".join(seen.body for seen in receiver.seen)
    assert sent.count(b"/predict") > 1
    assert [secret for secret in (*SECRETS, "zebra") if secret.encode() in sent] == []


# An endpoint that does not answer


def test_requests_do_not_wait_for_the_endpoint(receiver: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, go = threading.Semaphore(0), threading.Event()

    def hang(_: Seen) -> Answer:
        arrived.release()
        assert go.wait(60)
        return 200, {}, b""

    receiver.routes["/v1/traces"] = hang
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    app = app_with()
    ask(app)
    assert arrived.acquire(timeout=60)
    ask(app)  # comes back while the endpoint holds the first span
    go.set()
    close(app)
    assert len(received(receiver)) == 2 * (len(STAGES) + 2)


def refusing(times: int, asked: threading.Semaphore) -> Callable[[Seen], Answer]:
    """An endpoint that takes nothing at first."""
    answers = iter([400] * times)

    def answer(_: Seen) -> Answer:
        asked.release()
        return next(answers, 200), {}, b""

    return answer


def test_an_endpoint_that_takes_nothing_is_told_once_and_once_when_it_is_back(
    receiver: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Semaphore(0)
    receiver.routes["/v1/traces"] = refusing(3, asked)
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    with logged(SETTINGS) as log:
        app = app_with()
        ask(app)
        assert all(asked.acquire(timeout=60) for _ in range(5))
        close(app)
    warning, again = [line.partition(": ")[2] for line in log.lines if "backend.observability.otlp" in line]
    assert again == "Traces arrive again"
    assert warning.startswith("Traces are lost until somebody takes them: Failed to export")
    assert "400" in warning


def test_where_nobody_listens_all_requests_cost_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")  # and spans are dropped
    with logged(SETTINGS) as log:
        app = app_with()
        for _ in range(5):
            ask(app)
        close(app)
    assert sum("Task answered" in line for line in log.lines) == 5
    assert [line for line in log.lines if "Traces" in line] == [line for line in log.lines if " WARNING " in line]
    assert sum("Traces are lost" in line for line in log.lines) == 1
