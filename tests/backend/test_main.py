import pytest

from backend.__main__ import main


def test_a_wrong_setting_ends_the_command_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve"], {"ANYWORD_PORT": "many"}) == 2
    assert capsys.readouterr().err == "python -m backend: ANYWORD_PORT is 'many', but has to be a whole number\n"


def test_without_a_command_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([], {})
    assert "serve" in capsys.readouterr().err
