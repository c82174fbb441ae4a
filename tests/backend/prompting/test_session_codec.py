from dataclasses import replace

import numpy as np
import pytest

from backend.prompting import session_codec
from backend.prompting.fusion import Session
from backend.prompting.marks import Mark
from backend.prompting.prompts import Prompts
from backend.prompting.refining import Found, RefinedRegion
from backend.prompting.texts import Text
from model.types import Box, Clause, Hint, Point, Stroke

LOGITS = np.random.default_rng(5).normal(size=(96, 96)).astype(np.float32)
TEXT = Text("t", "Dog: the brown dog \ud800", (Clause("the brown dog", label="Dog"), Clause("cat", name=True)))
MARKS = (
    Mark("p", "point", "Dog", "Dog", Point(3.25, 7.0, positive=False)),
    Mark("b", "box", None, None, Box(1.0, 2.0, 30.5, 40.0), TEXT),
    Mark("s", "brush", "Dog", "Dog", (Stroke(((1.5, 2.5), (3.0, 4.0)), positive=False),)),
)
SESSION = Session(
    "a" * 32,
    (60, 80),
    Prompts(TEXT, MARKS),
    "7",
    frozenset({"p", "b"}),
    ("region-1", "region-2"),
    (Found("region-1", LOGITS > 0, 1, LOGITS), Found("region-2", LOGITS > 1, 2, None)),
    {"p": "region-1"},
    {
        "region-1": RefinedRegion(
            Hint((Point(1, 2),), Box(0, 0, 5, 5), (Stroke(((1, 2),)),), previous=LOGITS), LOGITS + 1
        )
    },
)


def again(session: Session, answer: bytes | None) -> Session:
    found = session_codec.session(session.number, session_codec.asked(session), answer)
    assert found is not None
    return found


def test_a_session_comes_back_to_the_last_bit() -> None:
    found = again(SESSION, session_codec.answered(SESSION))
    assert replace(found, found=(), refined={}) == replace(SESSION, found=(), refined={})
    for one, other in zip(found.found, SESSION.found, strict=True):
        assert (one.region, one.step) == (other.region, other.step)
        np.testing.assert_array_equal(one.small, other.small)
        np.testing.assert_array_equal(one.logits, other.logits)
    mine, theirs = found.refined["region-1"], SESSION.refined["region-1"]
    assert mine.hint == theirs.hint
    np.testing.assert_array_equal(mine.hint.previous, theirs.hint.previous)
    np.testing.assert_array_equal(mine.after, theirs.after)


def test_values_keep_the_names_that_stored_sessions_have_for_them() -> None:
    named = ("Prompts", "Text", "Clause", "Mark", "Point", "Box", "Stroke", "Hint", "Found", "Refined")
    assert tuple(session_codec.KINDS) == named


def test_a_session_that_was_not_answered_yet() -> None:
    found = again(SESSION, None)
    assert (found.prompts, found.user, found.shown) == (SESSION.prompts, SESSION.user, SESSION.shown)
    assert (found.sent, found.found, found.regions, found.refined) == ((), (), {}, {})


def test_what_a_text_found_is_forgotten_with_the_text() -> None:
    retyped = replace(SESSION, prompts=Prompts(replace(TEXT, typed="another"), MARKS))
    found = again(retyped, session_codec.answered(SESSION))
    assert (found.found, found.sent) == ((), SESSION.sent)


def test_what_another_version_wrote_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = session_codec.asked(SESSION), session_codec.answered(SESSION)
    monkeypatch.setattr(session_codec, "FORM", "of another version")
    assert session_codec.session(SESSION.number, asked, answered) is None
    found = again(SESSION, answered)
    assert (found.prompts, found.sent) == (SESSION.prompts, ())


def test_a_click_takes_little_more_than_its_logits() -> None:
    assert len(session_codec.asked(SESSION)) < 4_000
    assert len(session_codec.answered(SESSION)) < 3 * LOGITS.nbytes + 3 * LOGITS.size + 4_000
