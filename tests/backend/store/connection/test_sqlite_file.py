"""A SQLite file that is deleted, replaced or claimed twice while a server runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.store import projects
from backend.store.connection.sqlite_file import RESCUED, FileGone, one_server
from backend.store.database import Database
from backend.store.projects import Project
from model.errors import Misconfigured, Unavailable

ROOT = Path(__file__).parents[4]


def delete(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def delete_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def delete_index(path: Path) -> None:
    Path(f"{path}-shm").unlink()


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    Database(f"sqlite:///{other}").close()
    other.replace(path)


@pytest.mark.parametrize("harm", [delete, replace, delete_log, delete_index])
def test_nothing_is_stored_in_a_file_that_nobody_will_read(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "own.db"
    database = Database(f"sqlite:///{path}")
    brisk = database.hurried(0.5)
    with database.writing() as connection:
        projects.see(connection, Project("1.1", title="kept"))
    harm(path)
    for each in (database, brisk):
        with pytest.raises(Unavailable, match="was deleted or replaced"), each.writing() as connection:
            projects.see(connection, Project("2.1"))
    database.close()
    assert titles(path) == [["kept"]]


def titles(path: Path) -> list[list[str]]:
    """Of the projects in each copy."""
    found = []
    for copy in sorted(path.parent.glob(f"{path.name}.{RESCUED}-*")):
        opened = Database(f"sqlite:///{copy}")
        with opened.reading() as connection:
            found.append([project.title for project in projects.all_projects(connection)])
        opened.close()
    return found


def test_a_file_that_is_deleted_during_a_write_is_noticed_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    database = Database(f"sqlite:///{path}")

    def write() -> None:
        with database.writing() as connection:
            projects.see(connection, Project("1.1", title="kept"))
            delete(path)

    with pytest.raises(FileGone):
        write()
    database.close()
    assert titles(path) == [["kept"]]


def test_a_file_that_nobody_asks_for_is_copied_at_the_end_and_no_copy_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    for title in ("first", "second"):
        database = Database(f"sqlite:///{path}")
        with database.writing() as connection:
            projects.see(connection, Project("1.1", title=title))
        for name in ("own.db", "own.db-wal", "own.db-shm"):
            (tmp_path / name).unlink()
        database.close()
    assert titles(path) == [["first"], ["second"]]


def test_commands_may_come_and_go(tmp_path: Path) -> None:
    """The last connection of another process leaves the log in place: this one has it open."""
    path = tmp_path / "own.db"
    database = Database(f"sqlite:///{path}")
    code = (
        "from backend.store.database import Database; from backend.store import projects\n"
        f"database = Database('sqlite:///{path}')\n"
        "with database.writing() as connection: projects.see(connection, projects.Project('1.1', title='told'))\n"
        "database.close()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    with database.reading() as connection:
        assert [project.title for project in projects.all_projects(connection)] == ["told"]
    database.close()
    assert titles(path) == []


def test_a_link_to_a_file_is_the_file(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "own.db")
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("own", "link")]
    with one_server(urls[0]), pytest.raises(Misconfigured, match="another server"), one_server(urls[1]):
        pass


def test_a_file_that_was_put_back_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    database = Database(f"sqlite:///{path}")
    path.rename(tmp_path / "away.db")
    with pytest.raises(Unavailable), database.reading():
        pass
    (tmp_path / "away.db").rename(path)
    with database.writing() as connection:
        projects.see(connection, Project("1.1"))
    database.close()


def test_a_second_server_on_one_file_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/own.db"
    code = f"from backend.store.connection.sqlite_file import one_server\nwith one_server({url!r}): print('mine')"
    with one_server(url):
        second = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    third = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"another server (process {os.getpid()}) works with {tmp_path}/own.db" in second.stderr
    assert third.stdout == "mine\n"


def test_any_number_of_servers_share_a_database_server() -> None:
    with one_server("postgresql://u:p@host/name"), one_server("postgresql://u:p@host/name"):
        pass


def test_the_refusal_is_for_the_operator(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/own.db"
    with one_server(url), pytest.raises(Misconfigured, match="use PostgreSQL for several"), one_server(url):
        pass
