"""Where the replicas of a server find each other's sessions: in the database that they share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import Counter
from sqlalchemy import Connection

from backend.background import Seldom
from backend.prompting import session_codec
from backend.prompting.fusion import Session
from backend.prompting.task_key import TaskKey
from backend.store import session_rows
from backend.store.connection.clock import now
from backend.store.database import Database
from backend.store.session_rows import Kept, Key
from model.errors import Unavailable

logger = logging.getLogger(__name__)

NONE = (0, 0)  # the progress of a session that is not known


@dataclass(frozen=True, slots=True)
class SessionNews:
    """What happened on a task: sessions that went on elsewhere, and the numbers of those that are over."""

    sessions: tuple[Session, ...] = ()
    over: frozenset[str] = frozenset()


def _alone(_: Session) -> None:
    """No other replica can be told."""


@dataclass(frozen=True, slots=True)
class Held:
    """A task as one replica has it for itself. `ask` keeps what a session has asked by now.

    `used` of the sessions in `news` is in seconds before now.
    """

    news: SessionNews
    ask: Callable[[Session], None] = _alone


class SharedSessions:
    """Reads and writes sessions; threads may share it.

    A click waits meanwhile, so `database` should be one whose patience is below a second, and that is left alone for a
    while once it did not answer. Until it does, each replica goes on with what it knows itself.
    """

    def __init__(self, database: Database, seconds: float, failures: Counter) -> None:
        """Sessions are forgotten after `seconds` without use; `failures` counts what was not read or written."""
        self._reads, self._writes = database, database.sparing()
        self._patience = timedelta(seconds=seconds)
        self._failures = failures
        self._line = Seldom()

    @contextmanager
    def held(self, place: TaskKey, known: Mapping[str, tuple[int, int]]) -> Iterator[Held]:
        """A task that no other replica asks about meanwhile; what is asked is kept when the block ends.

        `known`: the progress of its sessions here, by number. Where the database is away, each replica goes on alone.
        """
        asked: list[Session] = []
        with ExitStack() as transaction:
            news, keep = SessionNews(), _alone
            try:
                with ExitStack() as beginning:  # ends a transaction that fails before it is looked at
                    connection = beginning.enter_context(self._reads.writing())
                    news, moment = self._look(connection, place, known)
                    keep = partial(self._ask, connection, place, moment)
                    transaction.enter_context(beginning.pop_all())
            except Unavailable as error:
                self._complain(error)
            yield Held(news, asked.append)
            try:
                with transaction.pop_all():
                    for session in asked:
                        keep(session)
            except Unavailable as error:
                self._complain(error)

    def _look(
        self, connection: Connection, place: TaskKey, known: Mapping[str, tuple[int, int]]
    ) -> tuple[SessionNews, datetime]:
        """What is new on a task, once it is held, and the moment by the database's clock."""
        task = (place.project, place.digest)
        session_rows.hold(connection, *task)
        moment = now(connection)
        there = session_rows.stamps(connection, *task, moment - self._patience)
        newer = [number for number, stamp in there.items() if stamp.progress > known.get(number, NONE)]
        kept = session_rows.get(connection, *task, newer) if newer else ()
        found = (_session(each, moment) for each in kept)
        over = frozenset(number for number, stamp in there.items() if stamp.over)
        news = SessionNews(tuple(each for each in found if each is not None), over)
        return news, moment

    def _ask(self, connection: Connection, place: TaskKey, moment: datetime, session: Session) -> None:
        """Keep what a session has asked by now; where it is a new one, what is too old is forgotten."""
        asked = session_codec.asked(session)
        session_rows.ask(connection, _key(place, session), session.turn, asked, moment)
        if session.turn == 1:
            session_rows.trim(connection, moment - self._patience)

    def answer(self, place: TaskKey, session: Session) -> None:
        """Keep what a session was answered last."""
        key, answer = _key(place, session), session_codec.answered(session)
        self._write(lambda connection: session_rows.answer(connection, key, session.answered, answer))

    def end(self, place: TaskKey) -> None:
        """Let every replica forget the sessions of a task."""
        self._write(lambda connection: session_rows.end(connection, place.project, place.digest, now(connection)))

    def _write(self, work: Callable[[Connection], None]) -> None:
        """Not where reading has just failed: one wait is enough. That writing fails is no reason to read no more."""
        if self._reads.left_alone:
            self._failures.inc()
            return
        try:
            with self._writes.writing() as connection:
                work(connection)
        except Unavailable as error:
            self._complain(error)

    def _complain(self, error: Unavailable) -> None:
        self._failures.inc()
        if self._line.due:
            logger.error("Other replicas do not know what annotators work on here: %s", error)


def _key(place: TaskKey, session: Session) -> Key:
    return Key(place.project, place.digest, session.number)


def _session(kept: Kept, moment: datetime) -> Session | None:
    """The session; None where another version of this code wrote it."""
    found = session_codec.session(kept.number, kept.asked, kept.answer)
    if found is None:
        return None
    return replace(found, turn=kept.turn, answered=kept.answered, used=(kept.used - moment).total_seconds())
