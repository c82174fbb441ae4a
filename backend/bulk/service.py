"""The service without a server: the same engine, presets and lessons, and nothing that learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from backend.bulk.orders import ABREAST, FixedRevision, Notes
from backend.inference.active_revision import ActiveRevision, ActiveRevisions
from backend.inference.model_loader import EngineProtocol, ModelLoader
from backend.inference.model_version import VersionNaming, lesson_models, model_version
from backend.inference.predict import Predictor
from backend.inference.prediction_log import PredictionLog
from backend.observability.instrument import Instrument
from backend.observability.metrics import Metrics
from backend.page.journal import Journal
from backend.pictures.images import Images
from backend.server.app import image_source, load_models
from backend.settings import Settings
from backend.store import revisions
from backend.store.database import Database
from model.runtime.scheduler import TIMELESS, Scheduler


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a job needs of the database: what was learned, and a place to remember what is offered."""

    teaching: ActiveRevisions
    offering: PredictionLog


@contextmanager
def ledger(settings: Settings) -> Iterator[Ledger]:
    """The database's part, for as long as the block lasts.

    Raises Misconfigured or Unavailable where the database cannot be opened: what was learned would be left out.
    """
    database, metrics = Database(settings.database), Metrics(lambda: 0)
    with database.reading() as connection:
        revisions.number_in_force(connection, "")
    naming = VersionNaming(model_version(settings), lesson_models(settings))
    offering = PredictionLog(database, metrics)
    offering.start()
    try:
        yield Ledger(ActiveRevisions(database.sparing(), naming, metrics.revisions_unknown, Journal()), offering)
    finally:
        offering.close()
        database.close()


@contextmanager
def service(settings: Settings, load: Callable[[], EngineProtocol] | None = None) -> Iterator[Predictor]:
    """What answers orders, for as long as the block lasts; the engine comes in the background from `load`.

    Texts are answered with the preset for pre-annotations, too: nobody waits for a click.
    """
    lane = Scheduler(
        max(settings.queue_size, ABREAST), settings.stall_seconds
    )  # nobody else is there to be turned away
    images = Images(image_source(settings))
    try:
        yield Predictor(
            loader=ModelLoader(load or partial(load_models, settings)),
            lane=lane,
            images=images,
            watch=Instrument(Metrics(lambda: lane.depth)),
            teaching=FixedRevision(ActiveRevision(0, model_version(settings))),  # each order brings its own
            offering=Notes(),
            preset_interactive=settings.preset_batch,
            preset_batch=settings.preset_batch,
            separate_regions=settings.separate_regions,
            batch_deadline=TIMELESS,  # nobody waits
        )
    finally:
        lane.close()
        images.web.session.close()
