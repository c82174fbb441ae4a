"""Insert or update, which SQLite and PostgreSQL spell alike and SQLAlchemy keeps apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; where one with the same key is there, the given columns take its place."""
    if rows:
        insert = INSERTS[connection.dialect.name](table)
        keys = [column.name for column in table.primary_key]
        given = {name: insert.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=given), rows)


def ensure(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row unless one with the same key is there."""
    connection.execute(INSERTS[connection.dialect.name](table).values(row).on_conflict_do_nothing())
