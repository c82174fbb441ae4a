"""Where the spool lies, and whether events can wait there."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from tempfile import TemporaryFile

from sqlalchemy import make_url

from backend.store.connection.address import file_of
from backend.webhooks.spool import Spool
from model.errors import Misconfigured

logger = logging.getLogger(__name__)


def opened(database: str, chosen: str) -> Spool:
    """The spool of a database. Raises Misconfigured where a chosen folder cannot be written.

    The usual folder is made with its first event. Where that will not work, the log says so.
    """
    folder = folder_of(database, chosen)
    try:
        if chosen:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _try(folder if folder.is_dir() else folder.absolute().parent)
    except OSError as error:
        if chosen:
            why = f"events cannot wait there: {error.strerror}"
            raise Misconfigured(f"ANYWORD_SPOOL is {chosen!r}, but {why}") from None
        logger.warning("Events cannot wait in %s (%s): set ANYWORD_SPOOL to a folder", folder, error.strerror)
    return Spool(folder)


def folder_of(database: str, chosen: str) -> Path:
    """The chosen folder, else one beside the SQLite file, else one in the working folder.

    Each database has its own, whatever user and password: events from before a new password still belong to it.
    """
    if chosen:
        return Path(chosen)
    url = make_url(database)
    if file := file_of(url):
        return Path(f"{file}.spool")
    named = f"{url.host}:{url.port or ''}/{url.database}"
    return Path(f"anyword-{hashlib.blake2b(named.encode(), digest_size=4).hexdigest()}.spool")


def _try(folder: Path) -> None:
    """Raises OSError where a folder cannot be written, or is none."""
    with TemporaryFile(dir=folder):
        pass
