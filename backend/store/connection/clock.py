"""The clock of those who share a database. Machines differ by seconds and more, so none of theirs counts."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from backend.store.connection.columns import Moment


def now(connection: Connection) -> datetime:
    """The time by the database server's clock, or by this machine's for a file."""
    if connection.dialect.name == "postgresql":
        return connection.execute(select(func.clock_timestamp(type_=Moment))).scalar_one()
    return datetime.now(UTC)
