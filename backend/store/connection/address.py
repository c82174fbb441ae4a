"""ANYWORD_DATABASE: which database a URL names, before anything is opened."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from model.errors import Misconfigured

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg"}
FORMS = "sqlite:///file.db (four slashes before an absolute path) or postgresql://user:password@host/name"


def parsed(url: str) -> URL:
    """The database of a URL, with its driver. Raises Misconfigured where it names none that we know."""
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise Misconfigured(f"ANYWORD_DATABASE is no database URL; write {FORMS}") from None
    if found.drivername not in DRIVERS:
        raise Misconfigured(f"ANYWORD_DATABASE is for {found.drivername!r}; write {FORMS}")
    if found.drivername == "sqlite" and found.database in (None, "", ":memory:"):
        raise Misconfigured("ANYWORD_DATABASE names no file: several threads cannot share a database in memory")
    if "\0" in (found.database or ""):
        raise Misconfigured(f"ANYWORD_DATABASE has a zero byte in its name; write {FORMS}")
    if found.query and file_of(found):
        raise Misconfigured(f"ANYWORD_DATABASE has options after '?', which a SQLite file does not take; write {FORMS}")
    return found.set(drivername=DRIVERS[found.drivername])


def served(url: str) -> URL:
    """As `parsed`, for a server. Raises Misconfigured for SQLite's own `file:` addresses, too.

    Their file is not known here: it could be neither kept from a second server nor watched. The same goes for a file
    that cannot be looked at.
    """
    found = parsed(url)
    file = file_of(found)
    if found.drivername == "sqlite" and file is None:
        raise Misconfigured(f"ANYWORD_DATABASE is an address of SQLite's own (file:); write {FORMS}")
    try:
        if file is not None:
            file.stat()
    except FileNotFoundError:  # the first start makes it
        pass
    except OSError as error:
        raise Misconfigured(f"ANYWORD_DATABASE: {file} cannot be opened: {error.strerror}") from None
    return found


def file_of(url: URL) -> Path | None:
    """The file of a SQLite database; None for other databases, and for SQLite's own `file:` addresses."""
    file = url.database or ""
    return Path(file) if url.drivername == "sqlite" and file and not file.startswith("file:") else None
