from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from backend.learning import lesson_codec
from backend.learning.lesson_codec import Learned, decode, encode
from model.errors import Misconfigured
from model.types import Lesson

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
CONSTANTS = st.none() | st.booleans() | st.integers() | NUMBERS | st.text() | st.lists(NUMBERS).map(tuple)
EMBEDDINGS = arrays.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 5)))
LESSONS = st.builds(
    Lesson,
    key=st.text(),
    phrases=st.lists(st.text(), max_size=3).map(tuple),
    changes=st.dictionaries(st.text(), st.dictionaries(st.text(), CONSTANTS, max_size=3), max_size=3),
    embeddings=st.dictionaries(st.text(), EMBEDDINGS, max_size=3),
    separate=st.none() | st.booleans(),
)
LEARNED = st.builds(Learned, st.text(), st.dictionaries(st.text(), LESSONS, max_size=3))
STAR = Learned("embedded", {"star": Lesson("k", ("glorp",), embeddings={"glorp": np.ones((2, 4), np.float32)})})


def parts(learned: Learned) -> Any:
    """Everything in it, as lessons compare by their key alone."""
    return learned.models, {
        label: (
            lesson.key,
            lesson.phrases,
            lesson.changes,
            {word: (array.shape, array.tobytes()) for word, array in lesson.embeddings.items()},
            lesson.separate,
        )
        for label, lesson in learned.lessons.items()
    }


@given(LEARNED)
def test_lessons_come_back_as_they_were(learned: Learned) -> None:
    assert parts(decode(encode(learned))) == parts(learned)


@given(LEARNED)
def test_equal_lessons_give_equal_bytes(learned: Learned) -> None:
    turned = Learned(learned.models, dict(reversed(list(learned.lessons.items()))))
    assert encode(turned) == encode(learned)


def test_embeddings_of_another_layout_come_back_too() -> None:
    array = np.arange(6, dtype=np.float64).reshape(3, 2).T
    lesson = decode(encode(Learned("", {"star": Lesson("k", embeddings={"star": array.astype(np.float32)})}))).lessons
    assert np.array_equal(lesson["star"].embeddings["star"], array)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_lessons_are_refused(data: bytes) -> None:
    with pytest.raises(Misconfigured, match="damaged"):
        decode(data)


@given(st.data())
def test_one_damaged_byte_is_noticed(data: st.DataObject) -> None:
    damaged = bytearray(encode(STAR))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Misconfigured, match="damaged"):
        decode(bytes(damaged))


def test_lessons_cut_short_are_noticed() -> None:
    with pytest.raises(Misconfigured, match="damaged"):
        decode(encode(STAR)[:-1])


def test_another_format_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesson_codec, "FORMAT", 2)
    data = encode(STAR)
    monkeypatch.undo()
    with pytest.raises(Misconfigured, match="format 2"):
        decode(data)


def test_a_project_takes_a_few_hundred_kilobytes() -> None:
    array = np.random.default_rng(0).random((3, 768), np.float32)
    lessons = {f"label {at}": Lesson(str(at), ("a phrase",), embeddings={"word": array}) for at in range(20)}
    assert len(encode(Learned("models", lessons))) < 200_000
