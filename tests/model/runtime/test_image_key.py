import gc

import numpy as np

from model.runtime import image_key as image_key_module
from model.runtime.image_key import freeze, image_key


def test_a_key_tells_pictures_of_equal_bytes_and_other_shape_apart() -> None:
    assert image_key(np.zeros((2, 3, 3), np.uint8)) != image_key(np.zeros((3, 2, 3), np.uint8))
    assert image_key(np.zeros((2, 3, 3), np.uint8)) == image_key(np.zeros((2, 3, 3), np.uint8))


def test_a_picture_that_may_still_change_has_the_key_of_what_it_shows_now() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    before = image_key(image)
    image[0, 0] = 1
    view = image[:]
    view.setflags(write=False)
    shown = image_key(view)
    image[0, 0] = 2
    assert len({before, shown, image_key(view)}) == 3


def test_a_frozen_picture_has_the_key_of_its_content_and_forgets_it_in_the_end() -> None:
    image = np.arange(18, dtype=np.uint8).reshape(2, 3, 3).copy()
    key = image_key(image)
    frozen = freeze(image)
    number = id(frozen)
    assert (image_key(frozen), frozen.flags.writeable, image_key_module._keys[number]) == (key, False, key)
    del frozen, image
    gc.collect()
    assert number not in image_key_module._keys


def test_freezing_a_view_leaves_its_owner_as_it_is() -> None:
    image = np.zeros((4, 3, 3), np.uint8)
    frozen = freeze(image[::2])
    image[:] = 7
    assert (frozen.max(), image.flags.writeable) == (0, True)
