"""What the server counts and times, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from backend import __version__
from backend.inference.model_loader import ModelLoader
from backend.pictures.picture_cache import PictureCache
from backend.problems import STATUSES as STATUSES_OF
from backend.webhooks.actions import ACTIONS
from model.runtime.scheduler import Scheduler

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 100.0)
MINUTES = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)  # in seconds


# The labels that counters have from the start: a series that begins at 1 shows Prometheus no increase.
ROUTES = ("/predict", "/setup", "/webhook", "/webhook/<path:secret>")
STATUSES = ("200", "400", "401", "413", "415", "422", "500", "503", "507")
KINDS = ("Unexpected", "NotReached", "HTTP", *(kind.__name__ for kind in STATUSES_OF))
EVENT_OUTCOMES = ("recorded", "spooled", "ignored", "refused", "lost", "read", "unreadable")
OFFER_OUTCOMES = ("remembered", "dropped")
LEARNING_OUTCOMES = ("adopted", "kept", "overtaken", "interrupted", "failed")
STAGES = ("fetch", "prompt", "wait", "segment", "draw", "encode")


class Metrics:
    """One registry for each app, so that two apps in one process do not share counts."""

    def __init__(self, queue_depth: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        count, timed = partial(Counter, registry=self.registry), partial(Histogram, registry=self.registry)
        self.requests = count("anyword_requests", "Requests answered", ["route", "status"])
        self.request_seconds = timed(
            "anyword_request_seconds", "Seconds from a request to its answer", ["route"], buckets=SECONDS
        )
        self.stages = timed(
            "anyword_stage_seconds",
            "Seconds spent on fetching, reading the prompt, waiting, segmenting (of tasks that are segmented together, "
            "each has an equal share), drawing and encoding",
            ["stage"],
            buckets=SECONDS,
        )
        self.regions = count("anyword_regions", "Regions found")
        self.errors = count("anyword_errors", "Errors by kind", ["kind"])
        self.events = count("anyword_events", "Webhook events by what became of them", ["action", "outcome"])
        self.unreadable_masks = count("anyword_unreadable_masks", "Masks of annotations that could not be read")
        self.offers = count("anyword_offers", "Predicted regions by whether they were remembered", ["outcome"])
        self.learning = count("anyword_learning_runs", "Occasions to learn by what became of them", ["outcome"])
        self.learning_seconds = timed(
            "anyword_learning_seconds",
            "Seconds that runs of learning took, with all that went before them",
            buckets=MINUTES,
        )
        self.revisions_unknown = count(
            "anyword_revisions_unknown", "Times that the revision in force could not be looked up"
        )
        self.sessions_unshared = count(
            "anyword_sessions_unshared",
            "Times that other replicas could not be told, or asked, what annotators work on",
        )
        self.stalls = count("anyword_lane_stalls", "Times that a job held the models without a step")
        gauge = partial(Gauge, registry=self.registry)
        self.learned_masks = gauge("anyword_learned_masks", "Masks that the last run learned from")
        gauge("anyword_queue_depth", "Predictions that wait for the models").set_function(queue_depth)
        _begin(self.requests, ROUTES, STATUSES)
        _begin(self.request_seconds, ROUTES)
        _begin(self.errors, KINDS)
        _begin(self.events, (*ACTIONS, "other"), EVENT_OUTCOMES)
        self.events.labels("other", "unauthorised")
        _begin(self.offers, OFFER_OUTCOMES)
        _begin(self.learning, LEARNING_OUTCOMES)
        _begin(self.stages, STAGES)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)


def _begin(metric: Counter | Histogram, *labels: Sequence[str]) -> None:
    """Let a metric begin at 0 for each combination of labels."""
    for each in product(*labels):
        metric.labels(*each)


@dataclass(frozen=True, slots=True)
class State:
    """What the parts of a server know themselves; they are asked when Prometheus asks."""

    lane: Scheduler
    loader: ModelLoader
    pictures: PictureCache
    version: str  # of the models

    def collect(self) -> Iterator[Metric]:
        """The present values."""
        build = {"version": __version__, "models": self.version}
        yield InfoMetricFamily("anyword_build", "Which program and models answer", build)
        yield GaugeMetricFamily("anyword_model_loaded", "Whether predictions can start at once", self.loader.loaded)
        busy = self.lane.busy_seconds
        yield CounterMetricFamily("anyword_lane_busy_seconds", "Seconds in which the models were at work", busy)
        size, found, missed = self.pictures.bytes, self.pictures.found, self.pictures.missed
        yield GaugeMetricFamily("anyword_picture_cache_bytes", "Memory that decoded pictures take", size)
        lookups = CounterMetricFamily("anyword_picture_cache_lookups", "Pictures asked for", labels=["outcome"])
        lookups.add_metric(["found"], found)
        lookups.add_metric(["fetched"], missed)
        yield lookups
