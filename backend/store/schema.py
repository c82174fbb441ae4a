"""The form of the tables, brought to the newest one when a database is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from model.errors import Misconfigured

MIGRATIONS = Path(__file__).with_name("migrations")
VERSION_TABLE = "anyword_migrations"
LOCK = 0x616E79776F7264  # "anyword": PostgreSQL numbers its advisory locks


def bring_to_head(engine: Engine) -> None:
    """Apply the migrations that are missing; of several processes that open a database at once, one does.

    Raises: Misconfigured for a database that a newer version of this code made.
    """
    config = Config(attributes={"version_table": VERSION_TABLE})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection, connection.begin():
        if _current(connection, scripts):
            return
    with engine.connect() as connection:
        connection.execution_options(writes=True)
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            if not _current(connection, scripts):
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


def _current(connection: Connection, scripts: ScriptDirectory) -> bool:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    version = context.get_current_revision()
    if version is not None and version not in {script.revision for script in scripts.walk_revisions()}:
        raise Misconfigured(
            f"ANYWORD_DATABASE was made by a newer version of the backend (its form is {version}): run that one"
        )
    return version == scripts.get_current_head()
