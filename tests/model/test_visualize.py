import numpy as np

from model.types import MaskPrompt
from model.visualize import NEGATIVE, POSITIVE, heat, marked, overlay


def test_masks_keep_their_colours_and_the_rest_is_dark() -> None:
    image = np.full((40, 60, 3), 200, np.uint8)
    mask = np.zeros((40, 60), np.bool_)
    mask[10:30, 20:40] = True
    before = image.copy()
    picture = overlay(image, [mask])
    assert picture[20, 30].tolist() == [200, 200, 200]
    assert picture[2, 2].tolist() == [80, 80, 80]
    assert np.array_equal(image, before)


def test_masks_are_outlined_in_colours_of_their_own() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    left, right = np.zeros((40, 60), np.bool_), np.zeros((40, 60), np.bool_)
    left[10:30, 5:25], right[10:30, 35:55] = True, True
    picture = overlay(image, [left, right])
    assert len({tuple(picture[20, 5].tolist()), tuple(picture[20, 35].tolist()), (0, 0, 0)}) == 3


def test_heat_is_brighter_where_the_map_is_higher_and_covers_the_picture() -> None:
    picture = heat(np.array([[0, 1], [0.5, 2]], np.float32), (40, 60))
    brightness = picture.astype(int).sum(-1)
    assert picture.shape == (40, 60, 3)
    assert brightness[5, 5] < brightness[35, 5] < brightness[5, 55] == brightness[35, 55]


def test_points_and_boxes_are_drawn_where_they_are() -> None:
    prompt = MaskPrompt(np.array([[10, 20], [50, 40]], np.float32), np.array([1, 0]))
    picture = marked(np.zeros((64, 64, 3), np.uint8), [prompt])
    assert tuple(picture[20, 10]) == POSITIVE
    assert tuple(picture[40, 50]) == NEGATIVE
    assert not picture[60, 5].any()
