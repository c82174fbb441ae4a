"""Which label a text names."""

import pytest

from backend.labelstudio.label_config import Label
from backend.labelstudio.label_index import index_of


def labels(*names: str) -> tuple[Label, ...]:
    return tuple(Label(name, (name,)) for name in names)


@pytest.mark.parametrize("said", ["the dog", "The Dog", "dog", "DOG!", "“dog”", "ｄｏｇ", "dog:", "do\u00adg"])
def test_a_label_is_called_with_and_without_its_article(said: str) -> None:
    (dog,) = labels("The Dog")
    assert index_of((dog,)).called(said) == dog


def test_a_label_without_an_article_is_not_called_with_one() -> None:
    """ "the dog" is a text about one dog, which is parsed."""
    assert index_of(labels("dog")).called("the dog") is None


@pytest.mark.parametrize(
    "names", [("the dog", "dog"), ("Dog", "dog"), ("dog!", "dog"), ("ｄｏｇ", "dog"), ("dog", "DOG")]
)
def test_a_name_as_it_is_written_goes_before_one_that_is_alike(names: tuple[str, str]) -> None:
    for name in names:
        label = index_of(labels(*names)).called(name)
        assert label is not None
        assert label.value == name


def test_the_first_of_labels_that_are_called_alike_is_meant() -> None:
    label = index_of(labels("Dog", "DOG")).called("dog")
    assert label is not None
    assert label.value == "Dog"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a;b;c", ["a;b", "c"]),
        ("A;B: one;two\nthree", ["A;B: one", "two", "three"]),
        ("xa;by", ["xa", "by"]),
    ],
)
def test_a_name_s_own_semicolon_does_not_cut(text: str, pieces: list[str]) -> None:
    assert [found.group() for found in index_of(labels("a;b")).pieces.finditer(text)] == pieces


def test_no_more_of_a_text_than_a_name_may_be_long_is_compared() -> None:
    index = index_of(labels("dog", "traffic light"))
    assert index.called("the traffic light!!") is None
    assert index.called("traffic light!!") is not None
    assert index.called("dog" + "!" * 1000) is None
    assert index.longest < 30
