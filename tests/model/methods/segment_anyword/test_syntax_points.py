"""R1 and R2 on maps drawn by hand, on a grid of 16 x 16 cells over a picture of 160 x 320 pixels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from model.config import SyntaxConfig
from model.methods.segment_anyword.syntax_points import (
    Cell,
    PhrasePoints,
    cluster_prompt,
    clusters,
    outside,
    plain_mask,
    positives,
)
from model.text.prompt_text import Sought, Wording
from model.types import MaskPrompt, Phrase, Tokens, Word

SIZE = (160, 320)
CONFIG = SyntaxConfig()
RANDOM = replace(CONFIG, seed=7)
EVERYWHERE = np.ones((16, 16), np.bool_)


def square(row: int, column: int, side: int = 5, height: float = 1.0) -> NDArray[np.float32]:
    """A map (16, 16) of 0.1 with a square of another height, its top left corner at a cell."""
    scores = np.full((16, 16), 0.1, np.float32)
    scores[row : row + side, column : column + side] = height
    return scores


def wording(*owners: tuple[int, ...], context: int = 0) -> Wording:
    """A text with as many phrases as `owners`, and some more that nobody asks for."""
    phrase = Phrase("thing", Word("thing", "thing", 0, 5))
    sought = tuple(Sought(phrase, 0, (1,), (), owners=each) for each in owners)
    return Wording(Tokens("", (), ()), sought, (Sought(phrase, 0, (1,), ()),) * context)


def asked(words: NDArray[np.float32], *negatives: Cell, config: SyntaxConfig = CONFIG) -> MaskPrompt:
    prompt = cluster_prompt(PhrasePoints(words, negatives), EVERYWHERE, SIZE, config)
    assert prompt is not None
    return prompt


def test_a_point_is_the_most_central_cell_of_the_largest_region() -> None:
    scores = np.maximum(square(2, 3), square(11, 12, side=2))
    assert positives(scores[None], replace(CONFIG, positives=False)) == ((4, 5),)


def test_a_region_is_what_exceeds_seven_tenths_of_the_maximum() -> None:
    scores = square(2, 2, side=7, height=0.65)
    scores[3:6, 3:6] = 1.0
    assert positives(scores[None], replace(CONFIG, positives=False)) == ((4, 4),)
    assert positives(scores[None], replace(CONFIG, positives=False, threshold=0.6)) == ((5, 5),)


def test_regions_that_touch_at_a_corner_are_one() -> None:
    scores = np.zeros((16, 16), np.float32)
    scores[0, 0:3] = scores[8, 8] = scores[9, 9] = scores[10, 10] = scores[11, 11] = 1
    assert positives(scores[None], replace(CONFIG, positives=False))[0][0] >= 8


def test_each_word_gives_a_point_of_its_own() -> None:
    boy, blue, sweatshirt = square(1, 1), square(8, 1), square(8, 9)
    assert positives(np.stack([boy, blue, sweatshirt]), CONFIG) == ((3, 3), (10, 3), (10, 11))


def test_words_with_the_same_map_give_different_points_apart() -> None:
    first, second = positives(np.stack([square(2, 2, side=9)] * 2), CONFIG)
    assert first == (6, 6)
    assert np.hypot(second[0] - 6, second[1] - 6) >= 2
    assert square(2, 2, side=9)[second] == 1


def test_a_noun_without_adjective_gives_two_points_of_its_own_map() -> None:
    cells = positives(square(2, 2)[None], CONFIG)
    assert len(set(cells)) == 2
    assert all(square(2, 2)[cell] == 1 for cell in cells)


def test_a_region_of_a_single_cell_gives_a_single_point() -> None:
    assert positives(square(5, 5, side=1)[None], CONFIG) == ((5, 5),)
    assert positives(square(5, 5, side=1)[None], RANDOM) == ((5, 5),)
    assert asked(square(5, 5, side=1)[None]).multimask_output


def test_a_flat_map_gives_no_point_and_no_prompt() -> None:
    flat = np.full((1, 16, 16), 0.4, np.float32)
    assert positives(flat, CONFIG) == positives(flat, RANDOM) == ()
    assert outside(flat, CONFIG) == outside(flat, RANDOM) == ()
    assert cluster_prompt(PhrasePoints(flat, ((1, 1),)), EVERYWHERE, SIZE, CONFIG) is None
    assert not plain_mask(flat[0], SIZE).any()


def test_a_word_with_a_flat_map_leaves_the_other_words_points() -> None:
    assert positives(np.stack([square(2, 2), np.zeros((16, 16), np.float32)]), CONFIG) == ((4, 4),)


def test_points_are_cell_centres_in_image_pixels() -> None:
    prompt = asked(np.stack([square(2, 3), square(9, 9)]), (0, 15))
    assert prompt.point_coords.tolist() == [[110, 45], [230, 115], [310, 5]]
    assert prompt.point_labels.tolist() == [1, 1, 0]
    assert prompt.box is None
    assert not prompt.multimask_output


def test_without_r1_there_is_one_point_and_three_candidates() -> None:
    prompt = asked(np.stack([square(2, 3), square(9, 9)]), config=replace(CONFIG, positives=False))
    assert prompt.point_coords.tolist() == [[110, 45]]
    assert prompt.multimask_output


@pytest.mark.parametrize(("cell", "kept"), [((4, 4), 0), ((5, 5), 0), ((4, 6), 1), ((12, 12), 1)])
def test_a_negative_on_or_next_to_a_positive_is_dropped(cell: Cell, kept: int) -> None:
    prompt = asked(square(2, 2)[None], cell, config=replace(CONFIG, positives=False))
    assert np.count_nonzero(prompt.point_labels == 0) == kept


def test_an_object_is_asked_for_inside_its_own_cells() -> None:
    circles, red = np.maximum(square(1, 1), square(9, 9)), np.maximum(square(1, 1), square(9, 9, height=0.9))
    cells = np.zeros((16, 16), np.bool_)
    cells[8:, 8:] = True
    prompt = cluster_prompt(PhrasePoints(np.stack([circles, red]), ()), cells, SIZE, CONFIG)
    assert prompt is not None
    assert len(prompt.point_coords) == 2
    assert (prompt.point_coords > (180, 90)).all()


def test_a_word_about_another_object_gives_no_point_in_this_one() -> None:
    boys, sweatshirt = np.maximum(square(1, 1), square(9, 9)), square(3, 1, side=3)
    cells = np.zeros((16, 16), np.bool_)
    cells[8:, 8:] = True
    prompt = cluster_prompt(PhrasePoints(np.stack([boys, sweatshirt]), ()), cells, SIZE, CONFIG)
    assert prompt is not None
    assert (prompt.point_coords > (180, 90)).all()


def test_figure_six() -> None:
    """A boy in a blue sweatshirt eating a donut: three points against the donut's, and the other way round."""
    boy = np.stack([square(1, 1), square(6, 1, side=3), square(9, 1)])
    donut = square(9, 10, side=5)[None]
    first, second = clusters(wording((), ()), [boy, donut], CONFIG)
    assert first.negatives == positives(donut, CONFIG)
    assert second.negatives == positives(boy, CONFIG)
    assert len(second.negatives) == 3


def test_what_describes_a_phrase_is_no_negative_of_it() -> None:
    man, glasses, dog = (square(row, row, side=3)[None] for row in (1, 6, 11))
    first, second, _ = clusters(wording((), (0,), ()), [man, glasses, dog], CONFIG)
    assert first.negatives == positives(dog, CONFIG)
    assert second.negatives == positives(man, CONFIG) + positives(dog, CONFIG)


def test_what_the_text_names_besides_is_a_negative() -> None:
    (circle,) = clusters(wording((), context=1), [square(1, 1)[None], square(9, 9)[None]], CONFIG)
    assert circle.negatives == positives(square(9, 9)[None], CONFIG)


def test_without_r2_nothing_is_negative() -> None:
    config = replace(CONFIG, negatives=False)
    found = clusters(wording((), ()), [square(1, 1)[None], square(9, 9)[None]], config)
    assert [each.negatives for each in found] == [(), ()]


def test_a_lone_object_gets_three_negatives_apart_in_what_is_least_attended() -> None:
    (lone,) = clusters(wording(()), [square(2, 2)[None]], CONFIG)
    assert len(lone.negatives) == 3
    assert all(square(2, 2)[cell] < 0.3 for cell in lone.negatives)
    apart = [np.hypot(a[0] - b[0], a[1] - b[1]) for a in lone.negatives for b in lone.negatives if a != b]
    assert min(apart) > 8


def test_negatives_of_a_lone_object_keep_off_what_describes_it() -> None:
    man, glasses = square(0, 0, side=15)[None], square(15, 15, side=1)[None]
    first, _ = clusters(wording((), (0,)), [man, glasses], CONFIG)
    assert all(glasses[0][cell] < 0.3 for cell in first.negatives)


def test_random_points_follow_the_seed_and_stay_in_their_regions() -> None:
    words, drawn = square(2, 2)[None], set()
    for seed in range(20):
        config = replace(CONFIG, seed=seed)
        cells = positives(words, config)
        assert cells == positives(words, config)
        assert len(set(cells)) == 2
        assert all(words[0][cell] == 1 for cell in cells)
        off = outside(words, config)
        assert 1 <= len(off) <= 3
        assert all(words[0][cell] < 0.3 for cell in off)
        drawn.add(cells)
    assert len(drawn) > 10


def test_one_seed_draws_differently_in_different_maps() -> None:
    offsets = {
        (cell[0] - row, cell[1]) for row in range(8) for cell in positives(square(row, 2, side=7)[None], RANDOM)[:1]
    }
    assert len(offsets) > 3


@given(words=arrays(np.float32, (2, 8, 8), elements=st.floats(0, 1, width=32)), seed=st.none() | st.integers(0, 99))
def test_whatever_the_maps_points_lie_where_the_rules_say(words: NDArray[np.float32], seed: int | None) -> None:
    config = replace(CONFIG, seed=seed)
    on = positives(words, config)
    assert len(set(on)) == len(on) <= 2
    assert all(any(scores[cell] > 0.7 * scores.max() for scores in words) for cell in on)
    off = outside(words, config)
    assert len(set(off)) == len(off) <= 3


def test_the_plain_mask_covers_what_exceeds_half_the_maximum() -> None:
    mask = plain_mask(square(4, 4, side=8, height=2.0), SIZE)
    assert mask.shape == SIZE
    assert mask[45:115, 90:230].all()
    assert not mask[:35].any()
    assert mask.mean() == pytest.approx(0.25, abs=0.02)


def test_the_plain_mask_of_a_picture_smaller_than_the_grid_has_its_size() -> None:
    assert plain_mask(square(0, 0, side=8), (3, 5)).shape == (3, 5)
