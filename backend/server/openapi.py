"""The description of every route in OpenAPI 3.1; it is kept in `openapi.json`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from backend import __version__


@cache
def description() -> dict[str, Any]:
    """The description, with the version of this code."""
    document: dict[str, Any] = json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))
    return {**document, "info": {**document["info"], "version": __version__}}
