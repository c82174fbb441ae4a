"""`python -m backend preannotate`: predict a project's tasks, store that in Label Studio, and say what came of it."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from backend.bounded_map import bounded_map
from backend.bulk import wanted
from backend.bulk.job import Job
from backend.bulk.orders import Workers, several
from backend.bulk.retry import patiently
from backend.bulk.service import ledger, service
from backend.bulk.suspects import Suspects, suspects_of
from backend.inference.model_loader import EngineProtocol
from backend.labelstudio.client import Description, LabelStudioClient
from backend.server.threads import wait_briefly
from backend.settings import Settings
from model.errors import AnywordError, Misconfigured

NOT_REMEMBERED = (
    "offered regions were not remembered, as the database did not take them: learning will not know that they were "
    "offered; mend the database (the log says what is wrong with it)"
)
WRITERS = 4  # predictions that are stored at a time, so that a cluster need not wait for Label Studio; ours


def run(settings: Settings, options: argparse.Namespace, load: Callable[[], EngineProtocol] | None = None) -> int:
    """Pre-annotate a project; the engine comes from `load`, by default the one of the settings.

    Returns 0 where all went well, 1 where tasks failed or it ended early, 2 where the operator has to change something.
    """
    wait_briefly()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    own = replace(
        settings,
        label_studio_url=options.url or settings.label_studio_url,
        label_studio_api_key=options.api_key or settings.label_studio_api_key,
    )
    try:
        if options.limit is not None and options.limit < 1:
            raise Misconfigured(f"--limit is {options.limit}, but has to be at least 1")
        studio = LabelStudioClient(own.label_studio_url, own.label_studio_api_key)
        found = patiently(lambda: studio.find(options.project))
        asked = wanted.read(found.project.label_config, options.label, options.text)
        with ledger(own) as known, _bar(found, options) as bar, logging_redirect_tqdm():
            job = Job(studio, known, asked, found.project.key, bar, options.limit)
            if options.dry_run:
                return _done(job, job.count)
            storing = map if options.cluster is None else partial(bounded_map, most=WRITERS, threads=WRITERS)
            suspects = suspects_of(own.label_studio_url, found.project.key)
            with _workers(own, options.cluster, load, bar, suspects) as workers:
                return _done(job, partial(job.run, workers, storing))
    except AnywordError as error:
        return _told(error)


@contextmanager
def _workers(
    settings: Settings,
    cluster: str | None,
    load: Callable[[], EngineProtocol] | None,
    bar: tqdm[Any],
    suspects: Suspects,
) -> Iterator[Workers]:
    """Who predicts, for as long as the block lasts: the cluster at this address, or this process where it is None."""
    if cluster is None:
        with service(settings, load) as predictions:
            yield partial(several, predictions, suspects)
        return
    if find_spec("ray") is None:
        raise Misconfigured("--cluster needs Ray: python -m pip install -r requirements-cluster.txt")
    from backend.bulk.actor_pool import crew

    with crew(cluster, settings, load, bar.set_postfix_str) as members:
        yield members.answers


def _done(job: Job, work: Callable[[], None]) -> int:
    """Do the job, and print the report whatever ends it."""
    started = time.monotonic()
    try:
        work()
        status = int(bool(job.report.failed))
    except AnywordError as error:
        status = _told(error)
    except KeyboardInterrupt:
        print("python -m backend preannotate: interrupted; run it again to go on", file=sys.stderr)
        status = 1
    job.bar.close()
    job.ledger.offering.close()
    if lost := job.ledger.offering.waiting:
        print(f"python -m backend preannotate: {lost} {NOT_REMEMBERED}", file=sys.stderr)
        status = status or 1
    print("\n".join(job.report.lines(f"project {job.number}", time.monotonic() - started)))
    return status


def _told(error: AnywordError) -> int:
    """Say why it ends, and return the exit status."""
    print(f"python -m backend preannotate: {error}", file=sys.stderr)
    return 2 if isinstance(error, Misconfigured) else 1


def _bar(found: Description, options: argparse.Namespace) -> tqdm[Any]:
    """A progress bar with rate and remaining time; Label Studio's count may be older than its tasks."""
    total = found.tasks if options.limit is None else min(found.tasks, options.limit)
    return tqdm(total=total, unit="task", desc=f"project {options.project}", dynamic_ncols=True)
