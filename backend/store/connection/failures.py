"""What is wrong with the database, in words that an operator can act on."""

from __future__ import annotations

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

LOCKED = "is locked by somebody else for too long: try again, and see what else works on it"
READ_ONLY = "is read-only: give the user who runs the backend the right to write"
FULL = "is full: make room on its disk"
LOST = "was lost: see whether its server runs and can be reached, then try again"
CROWDED = "takes no more connections: raise its max_connections, or lower ANYWORD_THREADS or the number of replicas"
DAMAGED = "is damaged: put a copy in its place, or move the file away and sync the projects again"
FOREIGN = "is no SQLite database: name another file"
UNOPENED = "cannot be opened: its folder has to be there, and writable for the user who runs the backend"
REFUSED = "refuses us: check user, password and the rights on its schema"
FAILED = "fails: see its log"

# https://www.sqlite.org/rescode.html
SQLITE = {
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_FULL": FULL,
    "SQLITE_IOERR": "cannot be read or written: see whether its disk is full or broken",
    "SQLITE_CANTOPEN": UNOPENED,
    "SQLITE_PERM": UNOPENED,
    "SQLITE_NOTADB": FOREIGN,
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_PROTOCOL": LOCKED,
}

# https://www.postgresql.org/docs/15/errcodes-appendix.html; the longest beginning counts
POSTGRESQL = {
    "08": LOST,
    "25006": READ_ONLY,
    "25P03": LOST,
    "28": REFUSED,
    "40001": LOCKED,
    "40P01": LOCKED,
    "42501": REFUSED,
    "53": "is short of memory or files: see its log",
    "53100": FULL,
    "53300": CROWDED,
    "55P03": LOCKED,
    "57": LOST,
    "57014": "gave up a statement that took longer than its statement_timeout: allow more",
    "58": FAILED,
    "XX": FAILED,
}

# What a PostgreSQL server says before a connection stands, where psycopg knows no code
NO_ROOM = ("too many clients already", "remaining connection slots are reserved", "too many connections for")


def explained(error: DBAPIError | NoConnectionLeft, url: URL) -> str:
    """What an operator has to do about an error; empty where a statement of ours is wrong, which is a bug."""
    what = _told(error)
    return f"The database {_place(url)} {what}" if what else ""


def is_away(error: DBAPIError) -> bool:
    """Whether the database may answer later; False where a server, or a file, answered and refused us for good."""
    answered = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    if answered or not isinstance(error, OperationalError):
        return False
    said = str(error.orig)  # psycopg has no code for what a server says before the connection stands, only its words
    passing = ("starting up", "shutting down", *NO_ROOM)  # a connection may be free in a moment
    return "FATAL" not in said or any(words in said for words in passing)


def _told(error: DBAPIError | NoConnectionLeft) -> str:
    if isinstance(error, NoConnectionLeft):
        return "is asked by more threads than it has connections for: try again"
    if state := getattr(error.orig, "sqlstate", None):
        return next((POSTGRESQL[state[:size]] for size in (5, 2) if state[:size] in POSTGRESQL), "")
    if name := getattr(error.orig, "sqlite_errorname", None):
        return SQLITE.get("_".join(name.split("_")[:2]), "")
    if any(words in str(error.orig) for words in NO_ROOM):
        return CROWDED
    if isinstance(error, OperationalError):  # there is no code where no connection came about, only words
        return f"{LOST} ({str(error.orig).strip().splitlines()[-1].strip()})"
    if isinstance(error, ProgrammingError) and error.statement is None:  # libpq refuses the URL's options
        return f"cannot be asked as its URL says: {str(error.orig).strip()}"
    return LOST if error.connection_invalidated else ""


def _place(url: URL) -> str:
    """File, or name and host: neither user nor password."""
    return str(url.database) if url.drivername == "sqlite" else f"{url.database} on {url.host or 'this machine'}"
