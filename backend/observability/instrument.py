"""The one place where work is timed: requests, tasks and stages, for the metrics, the log and the traces."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request

from backend.observability import logs
from backend.observability.metrics import Metrics
from backend.observability.task_scope import TaskScope
from backend.observability.tracing import Spans
from backend.problems import Problem
from model.errors import BadQuery

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

PROBES = ("/health", "/ready", "/metrics")  # they ask every few seconds: what went well is told at DEBUG
TRACED = ("request", "project", "task", "regions", "warning", "kind")  # stages are spans of their own
SINCE = "anyword.since"  # in the request's environment: when it came, by the monotonic clock

_task: ContextVar[dict[str, Any] | None] = ContextVar("task", default=None)


@dataclass(frozen=True, slots=True)
class Instrument:
    """Times what the server does; `spans` are where traces go."""

    metrics: Metrics
    spans: Spans = field(default_factory=Spans)

    def follow(self, app: Flask) -> None:
        """Watch every request to an app."""
        app.wsgi_app = partial(self._request, app.wsgi_app)  # type: ignore[method-assign]
        app.after_request(self._answered)

    @contextmanager
    def task(self, project: str, task: object) -> Iterator[None]:
        """One task of a call; its line of the log has what `note` and `passed` are told in the block."""
        about = {"project": project_id(project), "task": logs.harmless(task)}
        since, told = time.monotonic(), dict[str, Any]()
        with logs.about(**about), self.spans.span("task"):
            token = _task.set(told)
            try:
                yield
            finally:
                _task.reset(token)
                told["seconds"] = _rounded(time.monotonic() - since)
                self._told("Task", told, logging.INFO)
                kept = {name: each for name, each in {**about, **told}.items() if name in TRACED}
                self.spans.told("task", _attributes(kept), failed="kind" in told)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A part of a task's work."""
        since = time.monotonic()
        try:
            yield
        finally:
            self.passed(name, since)

    @contextmanager
    def together(self, name: str, tasks: Sequence[TaskScope], queued: float) -> Iterator[None]:
        """A part of the work on several tasks at once, which waited since `queued`: each has an equal share of it."""
        for task in tasks:
            task.run(self.passed, "wait", queued)
        since = time.monotonic()
        try:
            yield
        finally:
            share = (time.monotonic() - since) / len(tasks)
            for task in tasks:
                task.run(self._spent, name, share)

    def passed(self, name: str, since: float) -> None:
        """A part of a task's work that began at `since`, by the monotonic clock, and has just ended."""
        self._spent(name, time.monotonic() - since)

    def _spent(self, name: str, seconds: float) -> None:
        self.metrics.stages.labels(name).observe(seconds)
        self.spans.passed(name, seconds)
        note(**{name: _rounded(seconds)})

    def refused(self, trouble: Problem) -> None:
        """Count an error and say why the task that is under way has no answer."""
        self.metrics.errors.labels(trouble.kind).inc()
        note(**_why(trouble))
        logger.debug("The refusal: %s", trouble.message)

    def _request(
        self, inner: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        environ[SINCE] = time.monotonic()
        number = logs.harmless(environ.get("HTTP_X_REQUEST_ID", ""), otherwise=uuid.uuid4().hex)
        with logs.about(request=number), self._span(environ) as trace_id:
            if trace_id:
                logs.note(trace_id=trace_id)
            return inner(environ, start_response)

    def _span(self, environ: WSGIEnvironment) -> AbstractContextManager[str]:
        """The request in its caller's trace; probes would fill all traces."""
        if environ["PATH_INFO"] in PROBES:
            return nullcontext("")
        caller = {name: environ.get(f"HTTP_{name.upper()}", "") for name in ("traceparent", "tracestate")}
        return self.spans.span("request", caller)

    def _answered(self, response: Response) -> Response:
        seconds = time.monotonic() - request.environ[SINCE]
        method, status = logs.harmless(request.method), response.status_code
        route = request.url_rule.rule if request.url_rule else "unknown"
        self.metrics.requests.labels(route, status).inc()
        self.metrics.request_seconds.labels(route).observe(seconds)
        told = {"method": method, "route": route, "status": status, "seconds": _rounded(seconds), **g.get("why", {})}
        self._told("Request", told, logging.DEBUG if route in PROBES else logging.INFO)
        http: dict[str, Any] = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        kept = {name: each for name, each in {**logs.fields(), **told}.items() if name in TRACED}
        self.spans.told(f"{method} {route}", http | _attributes(kept), failed=status >= 500)
        response.headers["X-Request-ID"] = str(logs.fields()["request"])
        return response

    def _told(self, what: str, told: Mapping[str, Any], level: int) -> None:
        """Its line of the log; what went wrong is told louder."""
        outcome = "refused" if "kind" in told else "answered"
        loud = logging.WARNING if told.keys() & {"kind", "warning"} else level
        logger.log(loud, logs.LogMessage(f"{what} {outcome}", {**logs.fields(), **told}))


def note(**told: str | float) -> None:
    """Add to the line of the task that is under way here, where one is."""
    fields = _task.get()
    if fields is not None:
        fields.update(told)


def refused(trouble: Problem) -> None:
    """Say why the request that is under way has no answer."""
    g.why = _why(trouble)


def project_id(project: str) -> str:
    """A project's id in Label Studio, from "<id>.<created unix>"."""
    return logs.harmless(project.partition(".")[0])


def _why(trouble: Problem) -> dict[str, str]:
    """The error; its message where that cannot quote what somebody typed or sent."""
    told = {} if trouble.kind in (BadQuery.__name__, "HTTP") else {"reason": trouble.message}
    return {"kind": trouble.kind, **told}


def _rounded(seconds: float) -> float:
    return round(seconds, 4)


def _attributes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by the names that they have in a trace."""
    return {"error.type" if name == "kind" else f"anyword.{name}": value for name, value in fields.items()}
