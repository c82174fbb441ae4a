"""The service without our own web server; label_studio_ml_model.py hands it to Label Studio's official runner."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import cache

from werkzeug.exceptions import BadRequest

from backend import certificates
from backend.inference.predict import Predictor
from backend.inference.predict_request import PredictRequest
from backend.labelstudio.label_config import LabelConfig
from backend.server.app import create_app
from backend.server.threads import wait_briefly
from backend.settings import Settings, read
from model.errors import Misconfigured

RUNNER_VARIABLES = {
    "LABEL_STUDIO_URL": "ANYWORD_LABEL_STUDIO_URL",
    "LABEL_STUDIO_API_KEY": "ANYWORD_LABEL_STUDIO_API_KEY",
}

_creating = threading.Lock()


def service() -> Predictor:
    """The one service of this process, whatever the project: engine, lane and settings.

    The first request makes it, not the import: a web server that forks after importing would leave the thread that
    loads the engine behind. Raises Misconfigured for a wrong setting.
    """
    with _creating:
        return _created()


@cache
def _created() -> Predictor:
    wait_briefly()
    certificates.share()
    predictions: Predictor = create_app(settings_of(os.environ)).extensions["anyword"]
    return predictions


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Our settings; where they lack Label Studio's address or key, what the runner's examples call them counts."""
    theirs = {ours: environ[name] for name, ours in RUNNER_VARIABLES.items() if environ.get(name)}
    return read(theirs | {name: text for name, text in environ.items() if text})


def version(predictions: Predictor, project: str, config: LabelConfig | None = None) -> str:
    """The version that /setup names. Raises Misconfigured where the engine did not load."""
    if predictions.loader.failure:
        raise Misconfigured(predictions.loader.failure)
    return predictions.teaching.in_force(project, config).version


def asked(tasks: object, context: object, config: LabelConfig | None, project: str) -> PredictRequest:
    """What the runner hands over as our own server would ask it; the runner keeps the server's address to itself.

    Raises BadRequest for a call without tasks or without a labelling config.
    """
    if not isinstance(tasks, list) or config is None:
        raise BadRequest(f"The request lacks {'a list of tasks' if config else 'label_config'!r}")
    return PredictRequest(tasks=tasks, context=context, config=config, hostname="", project=project)
