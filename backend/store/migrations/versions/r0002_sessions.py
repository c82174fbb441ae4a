"""A table for what annotators work on, which replicas share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table: on PostgreSQL outside its log, so that no click waits for a disk."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "anyword_sessions",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("place", sa.String(32), primary_key=True),
        sa.Column("number", sa.String(32), primary_key=True),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.Column("used", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.LargeBinary),
        sa.Column("answer", sa.LargeBinary),
        prefixes=["UNLOGGED"] if on_postgresql else [],
    )
    op.create_index("anyword_sessions_used", "anyword_sessions", ["used"])
    if on_postgresql:
        op.execute("ALTER TABLE anyword_sessions ALTER answer SET STORAGE EXTERNAL")  # logits do not get smaller
