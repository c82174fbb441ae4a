"""`python -m backend revisions` on a real database: what it prints, what it changes, and what it says of wrong use."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.store import revisions
from backend.store.database import Database
from tests.backend.page import learned
from tests.backend.page.learned import ELSEWHERE, KEY, OTHER, teach

Said = tuple[int, str, str]
Command = Callable[..., Said]
HEAD = 'project 12 "Dogs and stars" on http://studio:8080'


@pytest.fixture
def store(tmp_path: Path) -> Database:
    return learned.database(tmp_path)


@pytest.fixture
def command(store: Database, capsys: pytest.CaptureFixture[str]) -> Command:
    """The exit status of a command on this database, and what it printed."""

    def command(*arguments: str) -> Said:
        status = main(["revisions", *arguments], {"ANYWORD_DATABASE": store.name})
        return status, *capsys.readouterr()

    return command


def in_force(store: Database) -> int:
    with store.reading() as connection:
        return revisions.number_in_force(connection, KEY)


# Looking


def test_list_shows_all_revisions_the_newest_first(store: Database, command: Command) -> None:
    teach(store)
    status, out, _ = command("list")
    head, empty, header, *rows = out.splitlines()
    assert (status, head, empty) == (0, f"{HEAD}: revision 2 is in force", "")
    assert header.split() == ["revision", "when", "pictures", "score", "cause"]
    assert [row.split()[0] for row in rows] == ["2", "1"]
    assert rows[0].endswith("8         0.77 -> 0.88  in force  8 corrected pictures")
    assert rows[1].endswith("5         0.18 -> 0.79            5 corrected pictures")
    assert {row.index("0.") for row in rows} == {header.index("score")}


def test_list_of_a_project_that_learned_nothing(store: Database, command: Command) -> None:
    teach(store, story=())
    assert command("list") == (0, f"{HEAD}: nothing learned is in force\n", "")


def test_show_tells_figures_and_lessons(store: Database, command: Command) -> None:
    teach(store)
    status, out, _ = command("show", "1")
    assert status == 0
    assert "Learned on top of: nothing learned" in out
    assert "Score:             0.18 -> 0.79, 5 held-out pictures" in out
    assert "Star   5         0.18 -> 0.79  asked as 'glorp'; embeddings of 'glorp'" in out
    assert 'Star\n  looks for "glorp"\n' in out
    assert '  embeddings for "glorp" (2 tokens, 6,144 bytes)\n' in out


def test_diff_tells_what_differs_label_by_label(store: Database, command: Command) -> None:
    teach(store)
    lines = ["", "Ring", "  + one region for all objects", "  + holes are filled"]
    assert command("diff", "1", "2")[1].splitlines() == [f"From revision 1 to 2 of {HEAD}:", *lines]
    back = [line.replace("+", "-") for line in lines]
    assert command("diff", "2", "1")[1].splitlines()[1:] == back
    assert '  + looks for "glorp"' in command("diff", "0", "1")[1]
    assert command("diff", "2", "2")[1].splitlines()[1:] == ["no difference"]


# Changing


@pytest.mark.parametrize("number", [0, 1, 2])
def test_rollback_puts_a_revision_in_force(store: Database, command: Command, number: int) -> None:
    teach(store)
    status, out, _ = command("rollback", str(number))
    assert (status, in_force(store)) == (0, number)
    assert out.endswith(f"{f'revision {number}' if number else 'nothing learned'} is in force\n")


def test_pinned_is_shown_until_it_is_unpinned(store: Database, command: Command) -> None:
    teach(store)
    assert command("pin") == (0, f"{HEAD}: revision 2 is in force, pinned\n", "")
    assert command("list")[1].startswith(f"{HEAD}: revision 2 is in force, pinned\n")
    assert command("unpin") == (0, f"{HEAD}: revision 2 is in force\n", "")


def test_reset_puts_nothing_learned_in_force(store: Database, command: Command) -> None:
    teach(store)
    assert command("reset") == (0, f"{HEAD}: nothing learned is in force\n", "")
    assert in_force(store) == 0


# Which project


def test_a_project_is_named_by_id_or_key(store: Database, command: Command) -> None:
    teach(store)
    for name in ("12", KEY):
        assert command("--project", name, "list")[1].startswith(HEAD)


def test_several_projects_that_could_be_meant_are_listed(store: Database, command: Command) -> None:
    teach(store)
    teach(store, ELSEWHERE, ())
    for arguments in (["list"], ["--project", "12", "rollback", "1"]):
        status, out, err = command(*arguments)
        assert (status, out) == (2, "")
        assert f"  --project {KEY}  http://studio:8080  Dogs and stars\n" in err
        assert f"  --project {OTHER}  http://other:8080   Ships\n" in err
    assert in_force(store) == 2
    assert command("--project", OTHER, "list")[0] == 0


def test_an_unknown_project_is_told_with_those_that_are_known(store: Database, command: Command) -> None:
    teach(store)
    status, _, err = command("--project", "77", "list")
    assert status == 2
    assert err.startswith("python -m backend revisions: no project 77 is known, choose from:\n  --project 12.")


def test_without_any_project_the_command_says_what_to_do(command: Command) -> None:
    status, _, err = command("list")
    assert status == 2
    assert "connect one in Label Studio" in err


# Wrong use


@pytest.mark.parametrize("arguments", [["show", "9"], ["diff", "1", "9"], ["rollback", "9"], ["rollback", "-1"]])
def test_a_revision_that_is_not_there_is_told(store: Database, command: Command, arguments: list[str]) -> None:
    teach(store)
    status, out, err = command(*arguments)
    assert (status, out, in_force(store)) == (2, "", 2)
    assert f"has no revision {arguments[-1]}" in err


@pytest.mark.parametrize("arguments", [[], ["rollback"], ["show", "x"], ["remove"]])
def test_arguments_that_are_none_are_refused(command: Command, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command(*arguments)
    assert refused.value.code == 2


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:////nowhere/anyword.db", "cannot be opened"),
        ("postgresql://anna:word-0123@127.0.0.1:9/x", "see whether its server runs"),
        ("nonsense", "is no database URL"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told(url: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["revisions", "list"], {"ANYWORD_DATABASE": url}) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "word-0123" not in err
