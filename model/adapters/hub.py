"""Checkpoints that are folders here, or names on the hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from model.errors import Misconfigured

NAME = re.compile(r"([\w.-]+/)?[\w.-]+")  # of a model on the hub, which a path may look like
SECONDS = 10.0  # heuristic: for the hub's answer to one question; a library that asks for each file tries for minutes
REMEDY = "correct the name, or download the model into a folder here and give its path"


def located(source: str) -> str:
    """Where to load a model from: `source`, or the hub's folder on this machine where the hub cannot be reached.

    Asks the hub once: the loaders ask for every file, and repeat that for minutes. Raises Misconfigured where a hub
    name is neither to be had from the hub nor on this machine.
    """
    if Path(source).exists() or not NAME.fullmatch(source):
        return source
    try:
        HfApi().model_info(source, timeout=SECONDS)
    except HFValidationError:
        return source
    except (httpx2.HTTPError, OSError) as error:  # also where the environment forbids to ask
        return _kept(source, error)
    return source


def folder_of(source: str, patterns: Sequence[str]) -> Path:
    """The folder at a path, or one with the files of a hub name that fit `patterns`, through the hub's own cache.

    Raises Misconfigured where there is neither.
    """
    if Path(source).exists():
        return Path(source)
    try:
        return Path(snapshot_download(source, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Misconfigured(
            f"backbone {source}: neither a folder here nor to be had from the hub ({reason})"
        ) from error


def _kept(source: str, error: Exception) -> str:
    try:
        return snapshot_download(source, local_files_only=True)
    except (HFValidationError, LocalEntryNotFoundError):
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
        trouble = f"answers {status}" if status else "cannot be reached"
        raise Misconfigured(f"{source}: no such folder here, and the hub {trouble}: {REMEDY}") from error
