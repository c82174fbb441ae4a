import numpy as np

from model.embedded.scene_language import Style, absent_phrase, matches, phrase_of, prompt
from model.embedded.scenes import Kind

RED_RING = Kind("ring", "red", "striped", "big")
BLUE_RING = Kind("ring", "blue", "plain", "")
STYLE = Style(absent=0.3, colour=0.75, all_named=0.5)


def test_a_phrase_matches_what_has_all_its_words() -> None:
    assert matches(RED_RING, ("big", "striped", "red", "ring"))
    assert matches(BLUE_RING, ("rings",))
    assert matches(BLUE_RING, ("blue", "shape"))
    assert not matches(BLUE_RING, ("red", "ring"))
    assert not matches(RED_RING, ("small", "ring"))
    assert not matches(RED_RING, ("zebra",))


def test_a_description_fits_its_object() -> None:
    rng = np.random.default_rng(0)
    assert all(matches(RED_RING, phrase_of(rng, RED_RING)) for _ in range(200))


def test_absent_phrases_fit_nothing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        words = absent_phrase(rng, [RED_RING, BLUE_RING])
        assert not any(matches(kind, words) for kind in (RED_RING, BLUE_RING))


def test_words_stand_where_the_prompt_says() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        text = prompt(rng, [RED_RING, BLUE_RING], "sand", STYLE)
        for mention in text.mentions:
            for word, start in zip(mention.words, mention.starts, strict=True):
                assert text.text[start : start + len(word)] == word


def test_prompts_know_what_is_there() -> None:
    rng = np.random.default_rng(0)
    told = [mention for _ in range(300) for mention in prompt(rng, [RED_RING], "sand", STYLE).mentions]
    for mention in told:
        assert mention.there == (matches(RED_RING, mention.words) or mention.words == ("sand",))
    assert 0.1 < np.mean([not mention.there for mention in told]) < 0.6
