import re

from tests.readme import README, ROOT, filled


def test_settings_and_tree_in_readme_are_those_of_the_code() -> None:
    text = README.read_text()
    assert filled(text) == text, "run `python -m tests.readme`"


def test_every_make_target_in_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z0-9]+)`", README.read_text())) <= targets


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
