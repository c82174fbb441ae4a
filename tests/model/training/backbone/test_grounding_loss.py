import numpy as np
import pytest
import torch

from model.embedded.scene_language import Mention, Prompt
from model.training.backbone import vocabulary
from model.training.backbone.grounding_loss import ContentWords, grounding_loss, words_of
from model.training.backbone.scene_store import GRID, SceneStore


def store() -> SceneStore:
    """One scene: a red ring in the upper half, a blue ring in the lower."""
    cover = np.zeros((1, 6, GRID, GRID), np.uint8)
    cover[0, 0, :8] = 255
    cover[0, 1, 8:] = 255
    codes = np.full((1, 5, 4), -1, np.int8)
    codes[0, :2] = [(4, 0, 0, 0), (4, 2, 0, 0)]
    return SceneStore(np.zeros((1, 8, GRID, GRID), np.float16), cover, codes, np.zeros(1, np.int8))


def test_each_word_means_the_objects_that_fit_the_phrase_so_far() -> None:
    prompt = Prompt("a big blue ring", (Mention(("big", "blue", "ring"), (2, 6, 11), True),))
    words = words_of(vocabulary.build(), store(), np.array([0]), [prompt])
    assert words.token.tolist() == [2, 3, 4]
    assert words.there.tolist() == [True, True, True]
    assert words.target[0].mean() == 1.0  # both are big
    assert words.target[2, 8:].mean() == 1.0
    assert words.target[2, :8].mean() == 0.0


def test_a_word_about_nothing_has_no_target() -> None:
    prompt = Prompt("green ring", (Mention(("green", "ring"), (0, 6), False),))
    words = words_of(vocabulary.build(), store(), np.array([0]), [prompt])
    assert not words.there.any()


def test_attention_inside_costs_less_than_attention_outside() -> None:
    target = torch.zeros(1, GRID, GRID)
    target[0, :8] = 1
    words = ContentWords(torch.tensor([0]), torch.tensor([1]), target, torch.tensor([True]))
    maps = torch.full((1, GRID * GRID, 3), 0.01)
    inside, outside = maps.clone(), maps.clone()
    inside[0, : GRID * 8, 1] = 0.5
    outside[0, GRID * 8 :, 1] = 0.5
    weight = torch.ones(1)
    assert grounding_loss(inside, words, weight)[0] < grounding_loss(outside, words, weight)[0]
    assert grounding_loss(inside, words, weight)[1] < grounding_loss(outside, words, weight)[1]


def test_noisy_pictures_do_not_count() -> None:
    target = torch.ones(1, GRID, GRID)
    words = ContentWords(torch.tensor([0]), torch.tensor([1]), target, torch.tensor([True]))
    share, level = grounding_loss(torch.rand(1, GRID * GRID, 3), words, torch.zeros(1))
    assert share == pytest.approx(0)
    assert level == pytest.approx(0)
