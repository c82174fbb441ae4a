"""`python -m backend preannotate`: predict a project's tasks, store that in Label Studio, and say what came of it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from backend.bulk import wanted
from backend.bulk.job import Job
from backend.bulk.patience import patiently
from backend.bulk.service import Idle, service
from backend.corrections.studio import Description, Studio
from backend.loading import Engine
from backend.settings import Settings
from model.errors import AnywordError, Misconfigured


def run(settings: Settings, options: argparse.Namespace, load: Callable[[], Engine] | None = None) -> int:
    """Pre-annotate a project; the engine comes from `load`, by default the one of the settings.

    Returns 0 where all went well, 1 where tasks failed or it ended early, 2 where the operator has to change something.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in wsgi.py
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    own = replace(
        settings,
        label_studio_url=options.url or settings.label_studio_url,
        label_studio_api_key=options.api_key or settings.label_studio_api_key,
    )
    try:
        if options.limit is not None and options.limit < 1:
            raise Misconfigured(f"--limit is {options.limit}, but has to be at least 1")
        studio = Studio(own.label_studio_url, own.label_studio_api_key)
        found = patiently(lambda: studio.find(options.project))
        asked = wanted.read(found.project.label_config, options.label, options.text)
        with (
            service(own, Idle if options.dry_run else load) as predictions,
            _bar(found, options) as bar,
            logging_redirect_tqdm(),
        ):
            job = Job(studio, predictions, asked, found.project.key, bar, options.limit, options.dry_run)
            status = _done(job)
    except AnywordError as error:
        return _told(error)
    return status


def _done(job: Job) -> int:
    """Run the job, and print the report whatever ends it."""
    started = time.monotonic()
    try:
        job.run()
        status = int(bool(job.report.failed))
    except AnywordError as error:
        status = _told(error)
    except KeyboardInterrupt:
        print("python -m backend preannotate: interrupted; run it again to go on", file=sys.stderr)
        status = 1
    job.bar.close()
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
