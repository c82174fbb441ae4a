"""The place where all parts of the server are put together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from secrets import randbits
from typing import TYPE_CHECKING, Any

from flask import Flask

from backend.inference.active_revision import ActiveRevisions
from backend.inference.model_loader import EngineProtocol, Load, ModelLoader
from backend.inference.model_version import VersionNaming, lesson_models, model_version, shown_models
from backend.inference.predict import Predictor
from backend.inference.predict_request import PredictRequest
from backend.inference.prediction_log import PredictionLog
from backend.inference.warmup import rehearse
from backend.inference.watchdog import Watchdog
from backend.labelstudio.client import LabelStudioClient
from backend.learning.dataset import Terms
from backend.learning.lease import Steps
from backend.learning.run import LearningRun
from backend.learning.worker import LearningWorker
from backend.observability.instrument import Instrument
from backend.observability.metrics import Metrics, State
from backend.observability.tracing import Spans, connected
from backend.page.journal import Journal
from backend.page.pages import Pages, ServerFacts
from backend.page.project_pages import ProjectPages
from backend.pictures.buckets import listed
from backend.pictures.images import Images, ImageSource
from backend.pictures.network.allowed_hosts import reach_of
from backend.pictures.prefetch import Prefetch
from backend.prompting.sessions import Sessions
from backend.prompting.shared_sessions import SharedSessions
from backend.server.events import Events
from backend.server.routes import Service
from backend.server.versions import Versions
from backend.settings import Settings
from backend.store.database import Database
from backend.webhooks import spool_folder
from backend.webhooks.process import EventProcessor
from backend.webhooks.receive import EventRecorder
from backend.webhooks.sync import sync
from model.learning.dataset.learning_examples import Curriculum
from model.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from model.learning.learn import LearningVerdict

MEGA = 1_000_000
BRISK = 0.7  # seconds that a request waits for a database which is locked or away


def create_app(settings: Settings, load: Load | None = None, journal: Journal | None = None) -> Flask:
    """Put the server together; the engine comes in the background from `load`, by default the one of the settings.

    What the page shows is kept in `journal`, by default an empty one.
    """
    journal = Journal(randbits(40)) if journal is None else journal
    database = Database(settings.database, later=True)
    brisk = database.hurried(BRISK)
    sparing = brisk.sparing()
    lane, images = Scheduler(settings.queue_size, settings.stall_seconds), Images(image_source(settings))
    metrics = Metrics(lambda: lane.depth)
    loader = ModelLoader(load or partial(load_models, settings))
    terms = terms_of(settings)
    naming = VersionNaming(model_version(settings), terms.models)
    metrics.registry.register(State(lane, loader, images.cache, naming.base))
    spans = connected()
    watch = Instrument(metrics, spans)
    offering = PredictionLog(database, metrics)
    teaching = ActiveRevisions(sparing, naming, metrics.revisions_unknown, journal)
    shelf = SharedSessions(sparing, settings.session_seconds, metrics.sessions_unshared) if database.shared else None
    predictions = Predictor(
        loader=loader,
        lane=lane,
        images=images,
        watch=watch,
        teaching=teaching,
        offering=offering,
        preset_interactive=settings.preset_interactive,
        preset_batch=settings.preset_batch,
        separate_regions=settings.separate_regions,
        batch_deadline=settings.batch_deadline,
        journal=journal,
        sessions=Sessions(settings.session_seconds, shelf=shelf),
    )
    prefetch = Prefetch(images, lane, loader, settings.prefetch)
    events = Events(partial(_version, teaching), prewarm=prefetch.warm, release=predictions.release)
    school = LearningRun(database, lane, loader, images, metrics, _learn, terms)
    learner = LearningWorker(school, journal, settings.learn_every, _sync(settings, database))
    clerk = EventProcessor(database, metrics, on_training=learner.start_training)
    watchdog = Watchdog(lane, metrics.stalls)
    recorder = EventRecorder(brisk, metrics, clerk.wake, spool_folder.opened(settings.database, settings.spool))
    clerk.catch_up = recorder.catch_up
    for worker in (offering, learner, clerk, watchdog):
        worker.start()
    service = Service(settings, predictions, events, prefetch, recorder)
    device = partial(_device, settings) if load is None else lambda: settings.device or "as given"
    if load is None:
        ahead = partial(rehearse, lane, loader, device, settings.preset_interactive)
        threading.Thread(target=ahead, name="rehearsal", daemon=True).start()
    server = ServerFacts(naming.base, shown_models(settings), loader, device, waiting=lambda: lane.depth)
    project_pages = ProjectPages(database, settings, naming)
    pages = Pages(server, journal, service.health, project_pages.listed)
    app = _routed(service, pages, project_pages, Versions(database, naming))
    watch.follow(app)
    app.extensions["anyword"] = predictions  # for callers in the same process (official_runner.py)
    app.extensions["anyword-lane"] = lane
    parts = (watchdog, clerk, learner, lane, offering, database, brisk, spans)
    app.extensions["anyword-close"] = partial(_close, parts)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_mb * MEGA
    return app


def stop(app: Flask) -> None:
    """Turn away what waits and what comes, for good; what runs goes on, and learning gives its lease back."""
    app.extensions["anyword-lane"].stop()


def close(app: Flask) -> None:
    """Finish what runs and store what waits; learning goes on in the next process."""
    stop(app)
    app.extensions["anyword-close"]()


def _close(
    parts: tuple[Watchdog | EventProcessor | LearningWorker | Scheduler | PredictionLog | Database | Spans, ...],
) -> None:
    for part in parts:
        part.close()


def _routed(service: Service, pages: Pages, projects: ProjectPages, versions: Versions) -> Flask:
    app = Flask("backend", static_folder=None, template_folder="page/templates")
    app.add_url_rule("/", "root", pages.root)
    app.add_url_rule("/style.css", "style", pages.style)
    app.add_url_rule("/projects/<project>", "project", projects.project)
    app.add_url_rule("/projects/<project>", "manage", projects.manage, methods=["POST"])
    app.add_url_rule("/requests/<int:number>/<panel>.png", "picture", pages.picture)
    app.add_url_rule("/health", "health", service.health)
    app.add_url_rule("/setup", "setup", service.setup, methods=["POST"])
    app.add_url_rule("/predict", "predict", service.predict, methods=["POST"])
    app.add_url_rule("/webhook", "webhook", service.webhook, methods=["POST"])
    app.add_url_rule("/webhook/<path:secret>", "webhook", service.webhook, methods=["POST"])
    app.add_url_rule("/versions", "versions", versions.versions)
    app.add_url_rule("/ready", "ready", service.ready)
    app.add_url_rule("/metrics", "metrics", service.metrics)
    app.add_url_rule("/openapi.json", "openapi", service.openapi)
    app.before_request(service.guard)
    app.register_error_handler(Exception, service.refuse)
    return app


def _device(settings: Settings) -> str:
    from model.loading import device_named  # torch comes with it, and is there once the models are

    return str(device_named(settings.device))


def image_source(settings: Settings) -> ImageSource:
    return ImageSource(
        hostname=settings.label_studio_url,
        api_key=settings.label_studio_api_key,
        local_files_root=settings.local_files_root,
        max_bytes=settings.max_image_mb * MEGA,
        max_pixels=settings.max_image_megapixels * MEGA,
        timeout_s=settings.image_timeout,
        cache_bytes=settings.picture_cache_mb * MEGA,
        reach=reach_of(settings.image_hosts),
        buckets=listed(settings.buckets),
    )


def _version(teaching: ActiveRevisions, ask: PredictRequest) -> str:
    return teaching.version(ask.project, ask.config)


def terms_of(settings: Settings) -> Terms:
    """How pre-annotations are made."""
    return Terms(lesson_models(settings), settings.preset_batch, settings.separate_regions)


def _learn(engine: Any, curriculum: Curriculum, saved: Steps, give_way: Callable[[], None]) -> LearningVerdict:
    from model.learning.learn import learn  # torch comes with it

    return engine.within_memory(lambda engine: learn(engine, curriculum, saved, give_way))  # type: ignore[no-any-return]


def _sync(settings: Settings, database: Database) -> Callable[[str], object] | None:
    """How a project is read again through Label Studio's API; None where there is no key for it."""
    if not (settings.label_studio_url and settings.label_studio_api_key):
        return None
    return lambda key: sync(database, LabelStudioClient(settings.label_studio_url, settings.label_studio_api_key), key)


def load_models(settings: Settings) -> Iterator[EngineProtocol]:
    """The engines of the settings' models: one that can be clicked first, then the whole one."""
    from model.loading import EnginePaths, load_engines  # torch comes with it: seconds, after the port is open

    paths = EnginePaths(
        backbone=settings.backbone,
        segmenter=settings.segmenter,
        parser=settings.parser,
        device=settings.device,
        dtype=settings.dtype,
        proposer=settings.proposer,
        clip=settings.clip,
        lora=settings.lora,
    )
    return load_engines(paths, cache_bytes=settings.cache_mb * MEGA)
