import numpy as np
from numpy.typing import NDArray

from model.config import PromptingConfig
from model.masks.mask_prompts import blob_prompts, blobs

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
