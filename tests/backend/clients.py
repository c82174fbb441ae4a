"""The app under test, and what its answers say."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image as Pictures
from werkzeug.test import TestResponse

from backend.inference.model_loader import EngineProtocol, Load
from backend.inference.model_version import VersionNaming, model_version
from backend.labelstudio import label_config
from backend.page.journal import Journal
from backend.server.app import create_app
from backend.settings import Settings
from model.types import Mask

SETTINGS = Settings(max_body_mb=1, max_image_megapixels=1)
VERSION = model_version(SETTINGS)  # without labels
OPEN: list[Flask] = []  # conftest.py closes them


def version_of(xml: str, revision: int = 0) -> str:
    """The model version of the embedded models under a labelling config."""
    return VersionNaming(VERSION, "").version(revision, label_config.read(xml))


def opened(settings: Settings, load: Load | None = None, journal: Journal | None = None) -> Flask:
    """An app that is closed after the test, or after the module where one of its fixtures makes it."""
    OPEN.append(create_app(settings, load, journal))
    return OPEN[-1]


def client_of(engine: EngineProtocol, settings: Settings = SETTINGS) -> FlaskClient:
    """A client of an app with this engine."""
    return opened(settings, load=lambda: engine).test_client()


def results(response: TestResponse) -> Any:
    """The predictions of an answer that went well."""
    assert response.status_code == 200, response.status
    return response.get_json()["results"]


def masks(prediction: Any) -> list[Mask]:
    """The bitmasks (H, W) of a prediction."""
    uris = [item["value"]["imageDataURL"] for item in prediction["result"] if item["type"] == "bitmask"]
    files = [io.BytesIO(base64.b64decode(uri.split(",")[1])) for uri in uris]
    return [np.asarray(np.asarray(Pictures.open(file).convert("RGBA"))[..., 3] > 127) for file in files]


def status_text(prediction: Any) -> str:
    """What a prediction says in the status area."""
    [item] = [item for item in prediction["result"] if item["from_name"] == "status"]
    return str(item["value"]["text"][0])
