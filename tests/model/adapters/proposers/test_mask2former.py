"""The PMP proposer: any picture in, masks and names out; its folder; CLIP's second opinion."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.adapters.proposers.clip_naming import NOTHING, ClipNaming, load_clip
from model.adapters.proposers.load_proposer import load_proposer
from model.adapters.proposers.mask2former import Mask2FormerProposer, load_pmp
from model.adapters.proposers.text_query import PromptedMask2Former
from model.errors import Misconfigured
from model.types import Image
from tests.model.adapters import tiny_proposer
from tests.model.adapters.tiny_proposer import QUERIES

TEXTS = ("red circle", "dog")


@pytest.fixture(scope="module")
def proposer() -> Mask2FormerProposer:
    return tiny_proposer.proposer()


@pytest.fixture(scope="module")
def clip() -> ClipNaming:
    return tiny_proposer.clip()


@pytest.fixture(scope="module")
def folder(proposer: Mask2FormerProposer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "proposer"
    proposer.model.save_pretrained(path)
    proposer.text.model.save_pretrained(path / "text_encoder")
    proposer.text.tokenizer.save_pretrained(path / "tokenizer")
    return path


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(64, 64), (1, 200), (333, 47)])
def test_pictures_of_any_size_give_masks_and_probabilities(
    proposer: Mask2FormerProposer, size: tuple[int, int]
) -> None:
    found = proposer.propose(noise(*size), TEXTS)
    assert found.masks.shape == (QUERIES, 16, 16)
    assert found.probabilities.shape == (QUERIES, 2)
    assert found.probabilities.dtype == found.masks.dtype == np.float32
    assert (found.probabilities.sum(axis=1) < 1).all()  # the rest is "no object"


def test_without_text_the_surest_masks_of_plain_mask2former_come_first(proposer: Mask2FormerProposer) -> None:
    found = proposer.propose(noise(64, 64), ())
    assert found.probabilities.shape == (QUERIES, 0)
    named = proposer.propose(noise(64, 64), TEXTS)
    assert not np.allclose(np.sort(found.masks.sum((1, 2))), np.sort(named.masks.sum((1, 2))))


def test_a_folder_gives_the_same_proposer(proposer: Mask2FormerProposer, folder: Path) -> None:
    loaded = load_proposer(str(folder))
    assert isinstance(loaded, Mask2FormerProposer)
    assert loaded.name == "proposer without CLIP"
    one, other = proposer.propose(noise(50, 60), TEXTS), loaded.propose(noise(50, 60), TEXTS)
    np.testing.assert_allclose(one.masks, other.masks, atol=1e-5)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)


def test_half_the_precision_gives_nearly_the_same(proposer: Mask2FormerProposer, folder: Path) -> None:
    half = load_pmp(str(folder), dtype=torch.bfloat16).propose(noise(50, 60), TEXTS)
    assert np.abs(half.probabilities - proposer.propose(noise(50, 60), TEXTS).probabilities).max() < 0.1


def test_clips_opinion_counts_with_a_third(proposer: Mask2FormerProposer, clip: ClipNaming) -> None:
    both = Mask2FormerProposer("both", proposer.model, proposer.text, clip)
    alone, found = proposer.propose(noise(40, 40), TEXTS), both.propose(noise(40, 40), TEXTS)
    opinion = clip.probabilities(noise(40, 40), torch.from_numpy(alone.masks), TEXTS).numpy()
    np.testing.assert_allclose(found.probabilities, alone.probabilities**0.65 * opinion**0.35, rtol=1e-4)
    np.testing.assert_array_equal(found.masks, alone.masks)


def test_clip_looks_only_where_the_mask_is(clip: ClipNaming) -> None:
    masks = torch.full((2, 4, 4), -99.0)
    masks[0, :2] = masks[1, 2:] = 99.0
    both = clip.probabilities(noise(40, 40), masks, TEXTS)
    top = clip.probabilities(noise(40, 40), masks[:1], TEXTS)
    assert both.shape == (2, 2)
    torch.testing.assert_close(both[:1], top)
    assert not torch.allclose(both[0], both[1])


def test_clip_may_say_that_a_mask_shows_nothing_asked_for(clip: ClipNaming) -> None:
    found = clip.probabilities(noise(40, 40), torch.ones(1, 4, 4), (NOTHING,))
    assert found.item() == pytest.approx(0.5)


def test_a_checkpoint_with_clip_says_so(folder: Path, clip: ClipNaming, tmp_path: Path) -> None:
    for part in (clip.model, clip.tokenizer, clip.processor):
        part.save_pretrained(tmp_path)
    loaded = load_pmp(str(folder), clip=str(tmp_path))
    assert loaded.name == f"proposer with {tmp_path}"


def test_a_missing_proposer_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No proposer at"):
        load_proposer(str(tmp_path / "nothing"))


def test_another_model_is_no_proposer(clip: ClipNaming, tmp_path: Path) -> None:
    clip.model.save_pretrained(tmp_path)
    with pytest.raises(Misconfigured, match="but clip"):
        load_proposer(str(tmp_path))


def test_a_mask2former_that_was_not_trained_for_prompts_is_told(folder: Path, tmp_path: Path) -> None:
    model = PromptedMask2Former.from_pretrained(folder)
    plain = {name: tensor for name, tensor in model.state_dict().items() if "text_attention" not in name}
    model.save_pretrained(tmp_path, state_dict=plain)
    with pytest.raises(Misconfigured, match="No proposer at"):
        load_pmp(str(tmp_path))
    for part in ("text_encoder", "tokenizer"):
        (tmp_path / part).symlink_to(folder / part)
    with pytest.raises(Misconfigured, match="not trained for prompts"):
        load_pmp(str(tmp_path))


@pytest.mark.parametrize("source", ["nowhere", "proposer"])
def test_a_wrong_clip_is_told(folder: Path, tmp_path: Path, source: str) -> None:
    path = folder if source == "proposer" else tmp_path / source
    with pytest.raises(Misconfigured, match="No CLIP model at"):
        load_clip(str(path), "cpu", torch.float32)
