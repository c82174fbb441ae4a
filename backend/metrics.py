"""What the server counts and times, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
MINUTES = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)  # in seconds


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
        self.events = Counter(
            "anyword_events", "Webhook events by what became of them", ["action", "outcome"], registry=self.registry
        )
        self.unreadable_masks = Counter(
            "anyword_unreadable_masks", "Masks of annotations that could not be read", registry=self.registry
        )
        self.offers = Counter(
            "anyword_offers", "Predicted regions by whether they were remembered", ["outcome"], registry=self.registry
        )
        self.learning = Counter(
            "anyword_learning_runs", "Occasions to learn by what became of them", ["outcome"], registry=self.registry
        )
        self.learning_seconds = Histogram(
            "anyword_learning_seconds",
            "Seconds that runs of learning took, with all that went before them",
            buckets=MINUTES,
            registry=self.registry,
        )
        self.learned_masks = Gauge(
            "anyword_learned_masks", "Masks that the last run learned from", registry=self.registry
        )
        self.revisions_unknown = Counter(
            "anyword_revisions_unknown",
            "Times that the revision in force could not be looked up",
            registry=self.registry,
        )
        depth = Gauge("anyword_queue_depth", "Predictions that wait for the models", registry=self.registry)
        depth.set_function(queue_depth)
