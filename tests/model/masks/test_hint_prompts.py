import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.embedded import scenes
from model.embedded.scenes import Scene
from model.engine import Engine
from model.errors import BadQuery
from model.geometry import iou
from model.masks.hint_prompts import check, hint_channels, hint_prompt, merged, points_along
from model.methods.iseg import refine
from model.text.prompt_text import Wording
from model.types import Box, Hint, Mask, Point, Stroke

SIZE = (100, 200)
ACROSS = Stroke(((20, 50), (180, 50)))


def cells(maps: NDArray[np.float32]) -> list[list[int]]:
    """The (row, column) of every cell of one-hot maps."""
    return [list(map(int, np.argwhere(each)[0])) for each in maps]


def test_every_point_and_every_cell_of_a_line_is_a_channel_of_its_own() -> None:
    hint = Hint((Point(199, 99),), strokes=(Stroke(((0, 0), (60, 0))),))
    channels = hint_channels(hint, 10, SIZE)
    assert cells(channels.maps) == [[9, 9], [0, 0], [0, 1], [0, 2]]
    assert channels.positive.all()


def test_a_cell_counts_once_however_often_it_is_visited() -> None:
    hint = Hint((Point(1, 1), Point(2, 2)), strokes=(Stroke(((0, 0), (25, 0), (0, 0))),))
    assert cells(hint_channels(hint, 10, SIZE).maps) == [[0, 0], [0, 1]]


def test_negative_points_and_lines_are_negative_channels() -> None:
    hint = Hint((Point(5, 5), Point(150, 50, positive=False)), strokes=(Stroke(((100, 95),), positive=False),))
    channels = hint_channels(hint, 10, SIZE)
    assert cells(channels.maps) == [[0, 0], [5, 7], [9, 5]]
    assert channels.positive.tolist() == [True, False, False]


def test_a_box_is_one_channel_of_ones() -> None:
    channels = hint_channels(Hint(box=Box(0, 0, 100, 100)), 16, SIZE)
    assert channels.maps.shape == (1, 16, 16)
    assert channels.maps[0, :, :8].all()
    assert channels.maps[0, :, 9:].sum() == 0


def test_a_box_smaller_than_a_cell_stands_for_the_cell_it_lies_in() -> None:
    assert cells(hint_channels(Hint(box=Box(41, 41, 44, 44)), 10, SIZE).maps) == [[4, 2]]


def test_channels_are_brought_to_the_same_height_before_they_are_averaged() -> None:
    refined = torch.zeros(2, 2, 2)
    refined[0, 0, 0], refined[1, 1, 1] = 0.9, 0.1
    assert merged(refined, np.array([True, True])).tolist() == [[1, 0], [0, 1]]


def test_what_negative_channels_reach_is_taken_away() -> None:
    refined = torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.5], [0.5, 0.0]]])
    assert merged(refined, np.array([True, False])).tolist() == [[1, 0], [0, 0]]


def test_nothing_is_left_where_negative_and_positive_places_look_alike() -> None:
    alike = torch.tensor([[[1.0, 0.5], [0.0, 0.0]]]).repeat(2, 1, 1)
    assert (merged(alike, np.array([True, False])) == 0).all()
    assert (merged(torch.ones(1, 2, 2), np.array([True])) == 0).all()


def test_a_line_gives_evenly_spaced_points_away_from_its_ends() -> None:
    assert points_along(ACROSS, SIZE) == tuple(Point(x, 50) for x in (36, 68, 100, 132, 164))
    assert points_along(Stroke(((10, 10), (10, 31)), positive=False), SIZE) == (
        Point(10, 15.25, positive=False),
        Point(10, 25.75, positive=False),
    )
    assert points_along(Stroke(((10, 10), (12, 10))), SIZE) == (Point(11, 10),)
    assert points_along(Stroke(((7, 8),)), SIZE) == (Point(7, 8),)


def test_points_follow_the_corners_of_a_line() -> None:
    bent = Stroke(((0, 0), (50, 0), (50, 50)))
    assert [(point.x, point.y) for point in points_along(bent, SIZE)] == [(10, 0), (30, 0), (50, 0), (50, 20), (50, 40)]


def test_sam_is_given_clicks_and_lines_with_their_signs() -> None:
    hint = Hint((Point(5, 5, positive=False),), Box(1, 1, 150, 90), (ACROSS, Stroke(((9, 9),), positive=False)))
    prompt = hint_prompt(hint, SIZE)
    assert prompt.point_labels.tolist() == [0, 1, 1, 1, 1, 1, 0]
    assert prompt.point_coords[[0, 3, 6]].tolist() == [[5, 5], [100, 50], [9, 9]]
    assert prompt.box is not None
    assert not prompt.multimask_output


def test_a_single_click_gives_three_masks_and_more_information_one() -> None:
    assert hint_prompt(Hint((Point(5, 5),)), SIZE).multimask_output
    assert not hint_prompt(Hint((Point(5, 5), Point(9, 9, positive=False))), SIZE).multimask_output
    assert not hint_prompt(Hint(box=Box(1, 1, 50, 50)), SIZE).multimask_output


def test_negative_points_are_the_annotator_s_own() -> None:
    prompt = hint_prompt(Hint((Point(5, 5), Point(9, 8, positive=False))), SIZE)
    assert prompt.point_coords.tolist() == [[5, 5], [9, 8]]
    assert prompt.point_labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (Hint(), "empty hint"),
        (Hint((Point(201, 5),)), r"\(201, 5\) is outside the 200 x 100 picture"),
        (Hint((Point(float("nan"), 5),)), "outside"),
        (Hint((Point(5, 5, positive=False),)), "only negative points"),
        (Hint(box=Box(300, 300, 400, 400)), "box is empty or outside"),
        (Hint(box=Box(float("nan"), 0, 10, 10)), "box is empty or outside"),
    ],
)
def test_hints_that_cannot_be_answered_are_refused(hint: Hint, said: str) -> None:
    with pytest.raises(BadQuery, match=said):
        check(hint, SIZE)


def test_a_single_point_gives_three_masks_and_a_line_one() -> None:
    assert hint_prompt(Hint(strokes=(Stroke(((7, 8),)),)), SIZE).multimask_output
    assert not hint_prompt(Hint(strokes=(ACROSS,)), SIZE).multimask_output


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (Hint(), "draw a line over it"),
        (Hint(strokes=(Stroke(()),)), "a line without any point"),
        (Hint((Point(5, 5),), strokes=(Stroke(()),)), "a line without any point"),
        (Hint(strokes=(Stroke(((5, 5), (201, 5))),)), r"\(201, 5\) is outside the 200 x 100 picture"),
        (Hint(strokes=(Stroke(((5, float("nan")),)),)), "outside"),
        (Hint(strokes=(Stroke(((5, 5), (9, 9)), positive=False),)), "only negative points or lines"),
        (Hint((Point(5, 5, positive=False),), strokes=(Stroke(((5, 5),), positive=False),)), "only negative"),
    ],
)
def test_lines_that_cannot_be_answered_are_refused(hint: Hint, said: str) -> None:
    with pytest.raises(BadQuery, match=said):
        check(hint, SIZE)


def test_a_negative_line_may_go_with_a_box() -> None:
    check(Hint(box=Box(0, 0, 90, 90), strokes=(Stroke(((5, 5),), positive=False),)), SIZE)


def pairs(count: int) -> list[Scene]:
    """The first scenes with two big or middling objects."""
    drawn = (scenes.draw(seed, 256, most=2) for seed in range(1_000_000, 1_002_000))
    return list(
        itertools.islice((s for s in drawn if [o.kind.size == "small" for o in s.objects] == [False] * 2), count)
    )


def through(mask: Mask, positive: bool = True) -> Stroke:
    """A line across the middle half of a mask, on its widest row."""
    row = int(mask.sum(1).argmax())
    left, right = (float(x) for x in np.quantile(np.flatnonzero(mask[row]), (0.25, 0.75)))
    return Stroke(((left, row + 0.5), (right, row + 0.5)), positive)


def shown(engine: Engine, scene: Scene, *strokes: Stroke) -> Mask:
    """Lines' channels, refined and merged, above 0.4, at the picture's size."""
    attention = engine.attend(engine.see(scene.image), Wording(engine.models.backbone.tokenize(""), ()))
    channels = hint_channels(Hint(strokes=strokes), int(len(attention.among) ** 0.5), (256, 256))
    start = torch.from_numpy(channels.maps)
    refined = refine(start, attention.broad, attention.among, engine.config.refine).scores
    cells = merged(refined, channels.positive).numpy() > 0.4
    return np.kron(cells, np.ones((256 // len(cells),) * 2, np.bool_))


def test_a_line_spreads_over_its_object(engine: Engine) -> None:
    found = [iou(shown(engine, scene, through(scene.objects[0].mask)), scene.objects[0].mask) for scene in pairs(4)]
    assert np.mean(found) > 0.35


def test_a_negative_line_keeps_an_object_out(engine: Engine) -> None:
    for scene in pairs(3):
        one, other = (thing.mask for thing in scene.objects)
        kept = shown(engine, scene, through(one), through(other, positive=False))
        assert kept[one].mean() > kept[other].mean()
        assert kept[other].mean() < 0.15
