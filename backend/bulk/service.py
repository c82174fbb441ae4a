"""The service without a server: the same engine, presets and lessons, and nothing that learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from backend.app import image_source, load_models, model_version, terms_of
from backend.corrections.offering import Offering
from backend.learning.teaching import Naming, Teaching
from backend.loading import Engine, Loader
from backend.metrics import Metrics
from backend.page.journal import Journal
from backend.pictures.images import Images
from backend.predictions import Predictions
from backend.settings import Settings
from backend.store import revisions
from backend.store.database import Database
from model.lane import Lane
from model.values import Answer, Image, Query


class Idle:
    """The engine of a dry run: nobody asks it, and no model is loaded."""

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:  # noqa: ARG002
        """Find nothing."""
        return Answer(())


@contextmanager
def service(settings: Settings, load: Callable[[], Engine] | None = None) -> Iterator[Predictions]:
    """What answers tasks, for as long as the block lasts; the engine comes in the background from `load`.

    Texts are answered with the preset for pre-annotations, too: nobody waits for a click. Raises Misconfigured or
    Unavailable where the database cannot be opened: what was learned would be left out.
    """
    database, lane, journal = Database(settings.database), Lane(settings.queue_size), Journal()
    with database.reading() as connection:
        revisions.number_in_force(connection, "")
    metrics, images = Metrics(lambda: lane.depth), Images(image_source(settings))
    offering = Offering(database, metrics)
    naming = Naming(model_version(settings), terms_of(settings).models)
    offering.start()
    try:
        yield Predictions(
            loader=Loader(load or partial(load_models, settings)),
            lane=lane,
            images=images,
            metrics=metrics,
            teaching=Teaching(database, naming, metrics.revisions_unknown, journal),
            offering=offering,
            preset_interactive=settings.preset_batch,
            preset_batch=settings.preset_batch,
            separate_regions=settings.separate_regions,
            batch_deadline=settings.batch_deadline,
            journal=journal,
        )
    finally:
        for part in (lane, offering, database):
            part.close()
        images.web.session.close()
