"""Label names as teams write them."""

import pytest

from backend.labelstudio.label_config import Label
from backend.labelstudio.label_names import spoken_names


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
        ("car|truck", ("car", "truck")),
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


@pytest.mark.parametrize(
    "written",
    [
        "class: {}", "class::{}", "shape > {}", "shape→{}", "shape={}", "[{}]", "({})", "{} ((a))", "【a】{}",
        "{} (a) [b]", "01 - {}", "{} – good", "01 - {} - good", "{}:", "the {} / ", "*{}*", "《{}》",
        "class: The {} [a] - good!",
    ],
)  # fmt: skip
def test_a_name_is_found_in_what_stands_around_it(written: str) -> None:
    assert spoken_names(written.format("circle")) == ("circle",)


def test_each_name_is_looked_for_once() -> None:
    assert Label("1", ("car", "a car", "car [x]", "van")).spoken == ("car", "van")
