"""Traces by OpenTelemetry over OTLP and HTTP.

The library's own variables hold: endpoint, headers, time-outs, sampling, the service's name and more
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from backend import __version__
from backend.observability.tracing import Spans

logger = logging.getLogger(__name__)

NANO = 1_000_000_000
QUEUE = "opentelemetry.sdk._shared_internal"  # the logger that tells of every full queue


class Traced(Spans):
    """Spans, sent by a thread of its own: no request waits for the endpoint."""

    def __init__(self) -> None:
        named = Resource({SERVICE_NAME: "anyword", SERVICE_VERSION: __version__}).merge(OTELResourceDetector().detect())
        self._exporter, self._propagator = Exporter(), TraceContextTextMapPropagator()
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("anyword", __version__)
        logging.getLogger(QUEUE).setLevel(logging.ERROR)  # that spans are lost is told once, by the exporter

    @contextmanager
    def span(self, name: str, caller: Mapping[str, str] | None = None) -> Iterator[str]:
        """See Spans."""
        kind = trace.SpanKind.SERVER if caller else trace.SpanKind.INTERNAL
        parent = self._propagator.extract(caller) if caller else None
        with self._tracer.start_as_current_span(
            name, parent, kind, record_exception=False, set_status_on_exception=False
        ) as span:
            yield f"{span.get_span_context().trace_id:032x}"

    def told(self, name: str, fields: Mapping[str, str | int | float], failed: bool) -> None:
        """See Spans."""
        span = trace.get_current_span()
        span.update_name(name)
        span.set_attributes(dict(fields))
        if failed:
            span.set_status(trace.StatusCode.ERROR)

    def passed(self, name: str, seconds: float) -> None:
        """See Spans."""
        ended = time.time_ns()
        self._tracer.start_span(name, start_time=ended - int(seconds * NANO)).end(ended)

    def close(self) -> None:
        """See Spans."""
        if self._exporter.failing:
            # Without this it would try again and again, and hold up the end of the server.
            self._exporter.shutdown()
        self._provider.shutdown()
        self._exporter.speak()


class Exporter(trace_exporter.OTLPSpanExporter):
    """Says once that nobody takes the traces, and once that somebody does again; the library would say it each time."""

    def __init__(self) -> None:
        super().__init__()
        self.failing, self._ended = False, False
        self._complaint = Complaint()
        logging.getLogger(trace_exporter.__name__).addFilter(self._complaint)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; what is not taken after some attempts is lost."""
        result = super().export(spans)
        failed = result is SpanExportResult.FAILURE
        if failed and not self.failing and not self._ended:
            logger.warning("Traces are lost until somebody takes them: %s", self._complaint.last)
        if self.failing and not failed:
            logger.info("Traces arrive again")
        self.failing = failed
        return result

    def shutdown(self) -> None:
        """End an attempt that is under way; what comes later is lost."""
        self._ended = True
        super().shutdown()  # type: ignore[no-untyped-call]

    def speak(self) -> None:
        """Let the library say again what it likes."""
        logging.getLogger(trace_exporter.__name__).removeFilter(self._complaint)


class Complaint(logging.Filter):
    """Keeps lines out of the log, and the text of the last one."""

    last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hold a line back."""
        self.last = record.getMessage()
        return False
