"""Label names as teams write them."""

import pytest

from backend.label_config import Label
from backend.label_names import spoken_names


@pytest.mark.parametrize(
    ("name", "looked_for"),
    [
        ("circle", ("circle",)),
        ("a circle", ("circle",)),
        ("The Circle!", ("Circle",)),
        ("circle [a]", ("circle",)),
        ("circle (round)", ("circle",)),
        ("circle - good", ("circle",)),
        ("class: circle", ("circle",)),
        ("car/truck", ("car", "truck")),
        ("car / truck", ("car", "truck")),
        ("w/ helmet", ("w/ helmet",)),
        ("24/7", ("24/7",)),
        ("[a]", ("[a]",)),
        ("12", ("12",)),
        ("traffic light", ("traffic light",)),
        ("T-shirt", ("T-shirt",)),
    ],
)
def test_what_is_looked_for_under_a_name(name: str, looked_for: tuple[str, ...]) -> None:
    assert spoken_names(name) == looked_for


@pytest.mark.parametrize("said", ["the dog", "The Dog", "dog", "DOG!", "“dog”", "ｄｏｇ"])
def test_a_label_is_called_with_and_without_its_article(said: str) -> None:
    assert Label("1", ("The Dog",)).is_called(said)


def test_a_label_without_an_article_is_not_called_with_one() -> None:
    """ "the dog" is a text about one dog, which is parsed."""
    assert not Label("dog", ("dog",)).is_called("the dog")


def test_each_name_is_looked_for_once() -> None:
    assert Label("1", ("car", "a car", "car [x]", "van")).spoken == ("car", "van")
