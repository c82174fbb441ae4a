"""Tables for corrections, revisions and runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

COUNTER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make every table."""
    _facts()
    _masks()
    _revisions()
    _runs()


def _facts() -> None:
    op.create_table(
        "anyword_projects",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("hostname", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("label_config", sa.Text, nullable=False),
        sa.Column("last_webhook", MOMENT),
        sa.Column("last_sync", MOMENT),
    )
    op.create_table(
        "anyword_events",
        sa.Column("id", COUNTER, primary_key=True, autoincrement=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received", MOMENT, nullable=False),
    )
    op.create_table(
        "anyword_annotations",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("task", sa.BigInteger, nullable=False),
        sa.Column("picture", sa.Text, nullable=False),
        sa.Column("annotator", sa.Text, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
        sa.Column("cancelled", sa.Boolean, nullable=False),
        sa.Column("ground_truth", sa.Boolean, nullable=False),
        sa.Column("imported", sa.Boolean, nullable=False),
        sa.Column("parent_prediction", sa.BigInteger),
        sa.Column("texts", sa.JSON, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("seen", MOMENT),
    )
    op.create_index("anyword_annotations_task", "anyword_annotations", ["project", "task"])
    op.create_table(
        "anyword_tombstones",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("died", MOMENT, nullable=False),
    )
    op.create_table(
        "anyword_syncs",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("began", MOMENT),
    )


def _masks() -> None:
    op.create_table(
        "anyword_corrections",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("annotation", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("counts", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "annotation"], ["anyword_annotations.project", "anyword_annotations.id"], ondelete="CASCADE"
        ),
    )
    op.create_table(
        "anyword_offers",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("region", sa.Text, primary_key=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("phrase", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("counts", sa.LargeBinary, nullable=False),
        sa.Column("offered", MOMENT, nullable=False),
    )
    op.create_index("anyword_offers_age", "anyword_offers", ["project", "offered", "region"])


def _revisions() -> None:
    op.create_table(
        "anyword_revisions",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("parent", sa.Integer, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("lessons", sa.LargeBinary, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
    )
    op.create_table(
        "anyword_standings",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("era", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["project", "number"], ["anyword_revisions.project", "anyword_revisions.number"]),
    )


def _runs() -> None:
    op.create_table(
        "anyword_runs",
        sa.Column("id", COUNTER, primary_key=True, autoincrement=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("basis_count", sa.Integer, nullable=False),
        sa.Column("basis_digest", sa.String(32), nullable=False),
        sa.Column("parent", sa.Integer, nullable=False),
        sa.Column("era", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("doing", sa.Text, nullable=False),
        sa.Column("finished", MOMENT),
        sa.Column("revision", sa.Integer),
        sa.Column("figures", sa.JSON),
        sa.Column("reason", sa.Text),
        sa.UniqueConstraint("project", "basis_digest", "parent", "era", name="anyword_runs_once"),
    )
    op.create_table(
        "anyword_steps",
        sa.Column("run", COUNTER, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["anyword_runs.id"], ondelete="CASCADE"),
    )
