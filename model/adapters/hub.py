"""Checkpoints that are folders here, or names on the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import snapshot_download

from model.errors import Misconfigured


def folder_of(source: str, patterns: Sequence[str]) -> Path:
    """The folder at a path, or one with the files of a hub name that fit `patterns`, through the hub's own cache.

    Raises Misconfigured where there is neither.
    """
    if Path(source).exists():
        return Path(source)
    try:
        return Path(snapshot_download(source, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"backbone {source}: neither a folder here nor to be had from the hub ({error})") from error
