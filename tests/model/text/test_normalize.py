"""What people and their keyboards write, and the words that are read of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.embedded import scenes
from model.engine import Engine
from model.errors import BadQuery
from model.text.normalize import clean, sentence, spoken
from model.types import Clause, Query

KNOWN = {"blue", "circle", "youtube", "shirt", "phone", "red"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ｔｈｅ ｒｅｄ ｃｉｒｃｌｅ，ｒｉｎｇ；ｓｔａｒ：ａ", "the red circle,ring;star:a"),
        ("red、blue。", "red,blue."),
        ("red\u200bcircle", "redcircle"),
        ("\u200ered circle\u200f\ufeff", "red circle"),
        ("cir\u00adcle", "circle"),
        ("red\u00a0circle", "red circle"),
        ("“the red circle”", "the red circle"),
        ("«red» circle and 'blue' one", "red circle and blue one"),
        ("the dog's bone", "the dog's bone"),
        ("one\n two ", "one\ntwo"),
        ("ﬁre", "fire"),
        ("red\tcircle", "red circle"),
        ("one\r\ntwo\rthree\u2028four\u0085five", "one\ntwo\nthree\nfour\nfive"),
        ("circle\ufe0f", "circle"),
        ("cir\u034fcle", "circle"),
        ("caf\u200be\u200b\u0301", "caf\u00e9"),
        ("red\ud83d circle", "red circle"),
        ("the dog’s and the cat´s bones", "the dog's and the cat's bones"),
        ("red، blue؛ green", "red, blue; green"),
        ("dog∶ red−brown ‹one› 《two》 【a】", "dog: red-brown one two [a]"),
    ],
)
def test_text_is_cleaned(written: str, read: str) -> None:
    assert clean(written) == read


@pytest.mark.parametrize(
    "name",
    [
        "blue_circle", "blue-circle", "BlueCircle", "blueCircle", "the blue_circle", "blue circle!", "BLUE_CIRCLE",
        "BLUECircle", "blueCIRCLE", "the_blue_circle", "TheBlueCircle", "blue.circle", "blue+circle", "blue~circle",
        "blue−circle", "blue・circle", "🔵 blue circle", "• blue circle", "#blue_circle", "¿blue circle?",
        "blue circle…",
    ],
)  # fmt: skip
def test_a_name_is_read_in_its_words(name: str) -> None:
    assert spoken(name, KNOWN).lower() == "blue circle"


@pytest.mark.parametrize(
    "name", ["T-shirt", "X-ray", "iPhone", "YouTube", "circle", "The", "c-3", "DVDs", "R&B", "C++", "3.5", "mp3"]
)
def test_a_word_that_is_known_or_has_a_part_of_one_letter_stays_whole(name: str) -> None:
    assert spoken(name, KNOWN) == name


def test_a_sentence_keeps_its_hyphens() -> None:
    assert sentence("the left-hand circle.", KNOWN) == "the left-hand circle"
    assert sentence("the blue_circle and the BlueCircle", KNOWN) == "the blue circle and the Blue Circle"
    assert sentence("blue-circle", KNOWN) == "blue circle"
    assert spoken("GrünerKreis", KNOWN) == "Grüner Kreis"
    assert [spoken(name, KNOWN) for name in ("circle2", "BlueCircle12")] == ["circle 2", "Blue Circle 12"]


def test_a_hyphen_parts_two_known_words_that_stand_as_a_noun() -> None:
    known = {*KNOWN, "left", "hand"}
    assert sentence("the blue-circle, a red-circle and the red-blue circle", known) == (
        "the blue circle, a red circle and the red-blue circle"
    )
    assert sentence("the left-hand circle", known) == "the left-hand circle"
    assert sentence("a red-phone", {*known, "redphone"}) == "a red-phone"


def test_a_name_of_emoji_stays() -> None:
    assert [spoken(name, KNOWN) for name in ("🐶", "!!!", "♥ red", "red ♥ circle")] == [
        "🐶",
        "!!!",
        "red",
        "red circle",
    ]


@given(st.text(max_size=60))
def test_cleaning_is_done_once_and_loses_no_words(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert text.isspace() or not text or spoken(text, ())


@pytest.mark.parametrize("text", ["{}_{}", "{}-{}", "“{} {}”", "{}\u00a0{} !", "the {}_{}", "{}\t{}"])
def test_parser_and_text_encoder_read_the_same_words(engine: Engine, text: str) -> None:
    """However it is written, the answer is that of the plain words."""
    scene = scenes.draw(2_700_001, 128)
    kind = scene.objects[-1].kind
    plain = engine.segment(scene.image, Query((Clause(f"{kind.colour} {kind.shape}", name=True),)))
    written = Clause(text.format(kind.colour, kind.shape), name=True)
    other = engine.segment(scene.image, Query((written,)))
    assert [each.phrase.text for each in other.findings] == [each.phrase.text for each in plain.findings]
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(plain.segments, other.segments, strict=True))


def test_one_clause_that_is_too_long_costs_itself_alone(engine: Engine) -> None:
    scene = scenes.draw(2_700_001, 128)
    query = Query((Clause("zyqxv" * 24, name=True), Clause("object", name=True), Clause("very quickly")))
    answer = engine.segment(scene.image, query)
    assert [each.clause for each in answer.findings] == [1]
    assert any("zyqxv" in warning and "too long" in warning for warning in answer.warnings)
    assert any("no thing to look for in 'very quickly'" in warning for warning in answer.warnings)
    with pytest.raises(BadQuery, match="too long"):
        engine.segment(scene.image, Query(query.clauses[:1]))
