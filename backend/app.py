"""The place where all parts of the server are put together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import PurePath

from flask import Flask

from backend import __version__
from backend.events import Events
from backend.loading import Engine, Loader
from backend.metrics import Metrics
from backend.page.journal import Journal
from backend.page.pages import Pages, Server
from backend.pictures.images import Images, ImageSource
from backend.pictures.prefetch import Prefetch
from backend.predictions import Predictions
from backend.prompting.sessions import Sessions
from backend.routes import Service
from backend.settings import Settings
from model.lane import Lane

MEGA = 1_000_000


def create_app(settings: Settings, load: Callable[[], Engine] | None = None, journal: Journal | None = None) -> Flask:
    """Put the server together; the engine comes in the background from `load`, by default the one of the settings.

    What the page shows is kept in `journal`, by default an empty one.
    """
    journal = Journal() if journal is None else journal
    lane, images = Lane(settings.queue_size), Images(_image_source(settings))
    metrics = Metrics(lambda: lane.depth)
    loader = Loader(load or partial(_load, settings))
    predictions = Predictions(
        loader=loader,
        lane=lane,
        images=images,
        metrics=metrics,
        model_version=model_version(settings),
        preset_interactive=settings.preset_interactive,
        preset_batch=settings.preset_batch,
        separate_regions=settings.separate_regions,
        batch_deadline=settings.batch_deadline,
        journal=journal,
        sessions=Sessions(settings.session_seconds),
    )
    version = predictions.model_version
    prefetch = Prefetch(images, lane, loader, settings.prefetch)
    events = Events(version, prewarm=prefetch.warm, release=predictions.release)
    service = Service(settings, predictions, events, prefetch, journal)
    device = partial(_device, settings) if load is None else lambda: settings.device or "as given"
    server = Server(version, _models(settings), loader, device, waiting=lambda: lane.depth)
    app = _routed(service, Pages(server, journal, service.health))
    app.extensions["anyword"] = predictions  # for callers in the same process (official_runner.py)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_mb * MEGA
    return app


def model_version(settings: Settings) -> str:
    """Name the models, before they are loaded too: Label Studio compares this string with every prediction's.

    Another preset for pre-annotations is another version, or Label Studio would keep the predictions it has.
    """
    chosen = (settings.backbone, settings.segmenter, settings.parser, settings.proposer, settings.clip, settings.lora)
    preset = "" if settings.preset_batch == Settings().preset_batch else settings.preset_batch
    return "-".join(["anyword", __version__, *(PurePath(name).stem for name in (*chosen, preset) if name)])


def _routed(service: Service, pages: Pages) -> Flask:
    app = Flask("backend", static_folder=None, template_folder="page/templates")
    app.add_url_rule("/", "root", pages.root)
    app.add_url_rule("/style.css", "style", pages.style)
    app.add_url_rule("/requests/<int:number>/<panel>.png", "picture", pages.picture)
    app.add_url_rule("/health", "health", service.health)
    app.add_url_rule("/setup", "setup", service.setup, methods=["POST"])
    app.add_url_rule("/predict", "predict", service.predict, methods=["POST"])
    app.add_url_rule("/webhook", "webhook", service.webhook, methods=["POST"])
    app.add_url_rule("/versions", "versions", service.versions)
    app.add_url_rule("/ready", "ready", service.ready)
    app.add_url_rule("/metrics", "metrics", service.metrics)
    app.add_url_rule("/openapi.json", "openapi", service.openapi)
    app.before_request(service.guard)
    app.after_request(service.count)
    app.register_error_handler(Exception, service.refuse)
    return app


def _models(settings: Settings) -> dict[str, str]:
    """The models by what they do, for people; a folder by its own name, as its place is nobody else's business."""
    chosen = {
        "Diffusion model": settings.backbone,
        "Segmenter": settings.segmenter,
        "Parser": settings.parser,
        "Proposer": settings.proposer,
    }
    named = {role: PurePath(name).name if name else "embedded" for role, name in chosen.items()}
    extra = {"CLIP": settings.clip, "LoRA": settings.lora}
    return named | {role: PurePath(name).name for role, name in extra.items() if name}


def _device(settings: Settings) -> str:
    from model.load import device_named  # torch comes with it, and is there once the models are

    return str(device_named(settings.device))


def _image_source(settings: Settings) -> ImageSource:
    return ImageSource(
        hostname=settings.label_studio_url,
        api_key=settings.label_studio_api_key,
        local_files_root=settings.local_files_root,
        max_bytes=settings.max_image_mb * MEGA,
        max_pixels=settings.max_image_megapixels * MEGA,
        timeout_s=settings.image_timeout,
        cache_bytes=settings.picture_cache_mb * MEGA,
    )


def _load(settings: Settings) -> Engine:
    from model.load import EnginePaths, load_engine  # torch comes with it: seconds, after the port is open

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
    return load_engine(paths, cache_bytes=settings.cache_mb * MEGA)
