"""What the server counts and times, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """One registry for each app, so that two apps in one process do not share counts."""

    def __init__(self, queue_depth: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("anyword_requests", "Requests answered", ["route", "status"], registry=self.registry)
        self.stages = Histogram(
            "anyword_stage_seconds",
            "Seconds spent on fetching, reading the prompt, waiting, segmenting and encoding",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.regions = Counter("anyword_regions", "Regions found", registry=self.registry)
        self.errors = Counter("anyword_errors", "Errors by kind", ["kind"], registry=self.registry)
        depth = Gauge("anyword_queue_depth", "Predictions that wait for the models", registry=self.registry)
        depth.set_function(queue_depth)
