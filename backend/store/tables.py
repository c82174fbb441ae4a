"""The tables: facts as they came, what was learned from them, and the work in progress.

A project's key stands first in every key, and nothing refers from one project to another. Names begin with "anyword_"
because an operator may give us a database that others use, too. There is no column for tokens or passwords.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from backend.store.connection.columns import CleanText, Moment

metadata = MetaData()
Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only

projects = Table(
    "anyword_projects",
    metadata,
    Column("key", CleanText, primary_key=True),
    Column("hostname", CleanText, nullable=False),
    Column("title", CleanText, nullable=False),
    Column("label_config", CleanText, nullable=False),
    Column("last_webhook", Moment),
    Column("last_sync", Moment),
)

events = Table(  # the inbox: webhook events that nobody has read yet
    "anyword_events",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("project", CleanText, nullable=False),
    Column("action", CleanText, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received", Moment, nullable=False),
)

annotations = Table(  # live ones only
    "anyword_annotations",
    metadata,
    Column("project", CleanText, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("task", BigInteger, nullable=False),
    Column("picture", CleanText, nullable=False),
    Column("annotator", CleanText, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("ground_truth", Boolean, nullable=False),
    Column("imported", Boolean, nullable=False),
    Column("parent_prediction", BigInteger),
    Column("texts", JSON, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("digest", String(32), nullable=False),
    Column("seen", Moment),  # when the newest sync that found it began
    Index("anyword_annotations_task", "project", "task"),
)

corrections = Table(
    "anyword_corrections",
    metadata,
    Column("project", CleanText, primary_key=True),
    Column("annotation", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("region", CleanText, nullable=False),
    Column("label", CleanText),
    Column("origin", CleanText, nullable=False),
    Column("height", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["project", "annotation"], ["anyword_annotations.project", "anyword_annotations.id"], ondelete="CASCADE"
    ),
)

tombstones = Table(  # deleted annotations and tasks; `kind` is "annotation" or "task"
    "anyword_tombstones",
    metadata,
    Column("project", CleanText, primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("died", Moment, nullable=False),
)

syncs = Table(  # one row a project, locked by whoever changes its facts
    "anyword_syncs",
    metadata,
    Column("project", CleanText, primary_key=True),
    Column("began", Moment),  # of the newest sync that is complete
)

offers = Table(
    "anyword_offers",
    metadata,
    Column("project", CleanText, primary_key=True),
    Column("region", CleanText, primary_key=True),
    Column("task", CleanText, nullable=False),
    Column("label", CleanText),
    Column("phrase", CleanText, nullable=False),
    Column("version", CleanText, nullable=False),
    Column("height", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    Column("offered", Moment, nullable=False),
    Index("anyword_offers_age", "project", "offered", "region"),
)

revisions = Table(
    "anyword_revisions",
    metadata,
    Column("project", CleanText, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer, nullable=False),  # 0: nothing learned
    Column("cause", CleanText, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("lessons", LargeBinary, nullable=False),
    Column("created", Moment, nullable=False),
)

standings = Table(  # what is in force; one row a project, locked by whoever changes it
    "anyword_standings",
    metadata,
    Column("project", CleanText, primary_key=True),
    Column("number", Integer),  # NULL: nothing learned; else the database itself checks that the revision is there
    Column("pinned", Boolean, nullable=False),
    Column("era", Integer, nullable=False),  # counts resets
    ForeignKeyConstraint(["project", "number"], ["anyword_revisions.project", "anyword_revisions.number"]),
)

runs = Table(
    "anyword_runs",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("project", CleanText, nullable=False),
    Column("basis_count", Integer, nullable=False),
    Column("basis_digest", String(32), nullable=False),
    Column("parent", Integer, nullable=False),
    Column("era", Integer, nullable=False),
    Column("owner", CleanText, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("doing", CleanText, nullable=False),
    Column("finished", Moment),
    Column("revision", Integer),  # that the verdict adopted
    Column("figures", JSON),
    Column("reason", CleanText),
    UniqueConstraint("project", "basis_digest", "parent", "era", name="anyword_runs_once"),
)

steps = Table(
    "anyword_steps",
    metadata,
    Column("run", Counter, primary_key=True, autoincrement=False),
    Column("name", CleanText, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    ForeignKeyConstraint(["run"], ["anyword_runs.id"], ondelete="CASCADE"),
)

sessions = Table(  # what annotators work on; on PostgreSQL it is not logged, as a crash may cost some minutes of it
    "anyword_sessions",
    metadata,
    Column("project", CleanText, primary_key=True),
    Column("place", String(32), primary_key=True),  # a digest of the task and its picture
    Column("number", String(32), primary_key=True),
    Column("turn", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("used", Moment, nullable=False),
    Column("asked", LargeBinary),  # NULL: over
    Column("answer", LargeBinary),
    Index("anyword_sessions_used", "used"),
)
