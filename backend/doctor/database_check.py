"""The database: whether it can be reached, has the newest form, and can be written."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, false, update
from sqlalchemy.exc import DBAPIError

from backend.doctor.finding import Diagnosis
from backend.store import tables
from backend.store.connection.address import file_of, served
from backend.store.connection.failures import explained
from backend.store.database import Database
from backend.store.schema import MIGRATIONS, VERSION_TABLE
from model.errors import Misconfigured, Unavailable

NAME = "database"
PATIENCE = 1.0  # seconds; a server that works on it holds no lock as long
START = "Start the backend once with this setting: it makes and migrates its tables by itself."
ELSEWHERE = "Run the doctor in the server's folder and with its ANYWORD_DATABASE; a first start makes the file."
SET = "Correct ANYWORD_DATABASE, or what its message says; nothing is learned until the database answers."


def examine(url: str) -> Diagnosis:
    """Whether it answers and takes what is written. Nothing in it is changed: migrating is the server's."""
    try:
        named = served(url)
    except Misconfigured as error:
        return Diagnosis(NAME, "problem", str(error), SET)
    if (file := file_of(named)) and not file.is_file():
        return _unmade(file)
    shown = named.render_as_string(hide_password=True)
    try:
        if not _newest(named):
            return Diagnosis(NAME, "warning", f"{shown} does not have the newest form", START)
        _write(url)
    except (Misconfigured, Unavailable) as error:
        return Diagnosis(NAME, "problem", str(error), SET)
    return Diagnosis(NAME, "ok", f"{shown} is migrated and writable")


def _unmade(file: Path) -> Diagnosis:
    if not file.absolute().parent.is_dir():
        return Diagnosis(NAME, "problem", f"{file} cannot be made: its folder is not there", SET)
    return Diagnosis(NAME, "warning", f"{file.absolute()} is not there", ELSEWHERE)


def _newest(url: URL) -> bool:
    """Whether no migration is missing. A form that is unknown here is left to `Database`, which tells of it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    older = {None, *(script.revision for script in scripts.walk_revisions())} - {scripts.get_current_head()}
    engine = create_engine(url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            return context.get_current_revision() not in older
    except DBAPIError as error:
        raise Unavailable(explained(error, url) or "The database does not answer as one") from error
    finally:
        engine.dispose()


def _write(url: str) -> None:
    """Ask for the right to write, and write nothing."""
    database = Database(url, patience=PATIENCE)
    try:
        with database.writing() as connection:
            connection.execute(update(tables.projects).where(false()).values(title=""))
    finally:
        database.close()
