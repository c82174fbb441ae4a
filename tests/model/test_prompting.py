import numpy as np
import pytest
from numpy.typing import NDArray

from model.config import PromptingConfig
from model.errors import BadQuery
from model.prompting import blob_prompts, blobs, check, hint_map, hint_prompt
from model.values import Box, Hint, Point

SIZE = (100, 200)


def two_bumps() -> NDArray[np.float32]:
    scores = np.zeros((16, 16), np.float32)
    scores[2:5, 2:5] = 0.8
    scores[3, 3] = 1.0
    scores[10:13, 9:14] = 0.7
    scores[11, 12] = 0.75
    return scores


def test_each_region_that_stands_out_is_an_object_brightest_first() -> None:
    found = blobs(two_bumps(), PromptingConfig())
    assert [blob.peak for blob in found] == [(3, 3), (11, 12)]
    assert [int(blob.cells.sum()) for blob in found] == [9, 15]


def test_a_speck_is_no_object() -> None:
    scores = two_bumps()
    scores[15, 0] = 0.9
    assert len(blobs(scores, PromptingConfig(smallest=0.01))) == 2


def test_a_flat_zero_map_has_no_objects() -> None:
    assert blobs(np.zeros((16, 16), np.float32), PromptingConfig()) == ()


def test_prompts_lie_on_the_object_in_image_pixels() -> None:
    point, boxed = blob_prompts(blobs(two_bumps(), PromptingConfig())[0], SIZE)
    assert point.point_coords.tolist() == [[43.75, 21.875]]
    assert boxed.box is not None
    assert boxed.box.tolist() == [25.0, 12.5, 62.5, 31.25]


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


def test_a_point_starts_in_its_cell_and_a_box_in_all_its_cells() -> None:
    point = hint_map(Hint((Point(199, 99), Point(0, 0, positive=False))), 16, SIZE)
    assert point.sum() == 1
    assert point[15, 15] == 1
    box = hint_map(Hint(box=Box(0, 0, 100, 100)), 16, SIZE)
    assert box[:, :8].all()
    assert box[:, 9:].sum() == 0
