"""What the server tells of its work as traces; without an endpoint for them, nothing is loaded and nothing done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")  # OpenTelemetry's own variables


class Spans:
    """Where pieces of work are told: nowhere, unless a subclass takes them."""

    def span(self, name: str, caller: Mapping[str, str] | None = None) -> AbstractContextManager[str]:  # noqa: ARG002
        """A piece of work that lasts as long as the block; gives the trace's id, empty where nothing is traced.

        `caller` holds the W3C headers of a request, whose trace goes on here. Other threads belong to the piece where
        they run in a copy of the block's context.
        """
        return nullcontext("")

    def told(self, name: str, fields: Mapping[str, str | int | float], failed: bool) -> None:
        """Say how the piece that is under way here ended, and what it is called in the end."""

    def passed(self, name: str, seconds: float) -> None:
        """A part of the piece that is under way here: it has just ended, and took some seconds."""

    def close(self) -> None:
        """Send what waits; drop it where nobody takes it."""


def connected() -> Spans:
    """Traces by OpenTelemetry where the environment names an endpoint for them."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return Spans()
    from backend.observability.otlp import Traced  # its libraries cost a third of a second and nobody else needs them

    return Traced()
