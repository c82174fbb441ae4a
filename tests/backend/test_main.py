from pathlib import Path

import pytest

from backend import __version__
from backend.__main__ import main


def test_a_wrong_setting_ends_the_command_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve"], {"ANYWORD_PORT": "many"}) == 2
    assert capsys.readouterr().err == "python -m backend: ANYWORD_PORT is 'many', but has to be a whole number\n"


def test_without_a_command_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([], {})
    assert "serve" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "-1", "http", "9090.5", "١"])
def test_a_port_that_is_none_is_refused_in_one_line(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", f"--port={port}"], {})
    assert ended.value.code == 2
    assert f"argument --port: '{port}' is not a port: take a number from 0 to 65535" in capsys.readouterr().err


def test_a_demo_without_a_folder_to_write_to_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file")], {}) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("file', but cannot be made: File exists")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"], {})
    assert (ended.value.code, capsys.readouterr().out) == (0, f"anyword {__version__}\n")
