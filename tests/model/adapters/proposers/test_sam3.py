"""SAM 3 as a proposer, on the real classes with small random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Sam3Config, Sam3Model

from model.adapters.proposers.load_proposer import load_proposer
from model.adapters.proposers.sam3 import LEAST, Sam3Proposer
from model.errors import Misconfigured
from model.training.backbone import vocabulary
from model.types import Image

QUERIES = 5


def tiny_sam3() -> Sam3Model:
    """A SAM 3 of width 32 on pictures of 56 pixels."""
    torch.manual_seed(0)
    tokenizer, narrow = vocabulary.build(), {"hidden_size": 32, "num_attention_heads": 2}
    layer = narrow | {"intermediate_size": 64, "num_layers": 1}
    vit = narrow | {"model_type": "sam3_vit_model", "intermediate_size": 64, "num_hidden_layers": 2, "window_size": 2}
    pictures = {"image_size": 56, "patch_size": 14, "pretrain_image_size": 28, "global_attn_indexes": [1]}
    sizes = [[16, 16], [8, 8], [4, 4]]
    text = narrow | {"model_type": "clip_text_model", "num_hidden_layers": 1, "intermediate_size": 64}
    pieces = {"vocab_size": len(tokenizer), "max_position_embeddings": 16, "projection_dim": 16}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = Sam3Config(
        vision_config={"backbone_config": vit | pictures, "fpn_hidden_size": 32, "backbone_feature_sizes": sizes},
        text_config=text | pieces | ends,
        geometry_encoder_config=layer,
        detr_encoder_config=layer,
        detr_decoder_config=layer | {"num_queries": QUERIES},
        mask_decoder_config=narrow,
    )
    return Sam3Model(config).eval()


@pytest.fixture(scope="module")
def proposer() -> Sam3Proposer:
    return Sam3Proposer("tiny", tiny_sam3(), vocabulary.build())


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_each_text_brings_its_own_masks_best_first(proposer: Sam3Proposer) -> None:
    found = proposer.propose(noise(40, 70), ("red circle", "dog"))
    assert found.masks.shape == (2 * QUERIES, 16, 16)
    assert found.probabilities.shape == (2 * QUERIES, 2)
    assert (found.probabilities[:QUERIES, 1] == 0).all()
    assert (found.probabilities[QUERIES:, 0] == 0).all()
    assert (np.diff(found.probabilities[:QUERIES, 0]) <= 0).all()
    assert (found.probabilities.max(axis=1) >= LEAST).all()


def test_a_text_gives_what_the_model_gives(proposer: Sam3Proposer) -> None:
    picture = noise(56, 56)
    pieces = proposer.tokenizer("dog", padding="max_length", max_length=16, return_tensors="pt")
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        wanted = proposer.model(pixel_values=pixels, **pieces)
    scores = (wanted.pred_logits.sigmoid() * wanted.presence_logits.sigmoid())[0]
    found = proposer.propose(picture, ("dog",))
    np.testing.assert_allclose(found.probabilities[:, 0], scores.sort(descending=True).values, rtol=1e-4)
    np.testing.assert_allclose(found.masks[0], wanted.pred_masks[0, scores.argmax()], atol=1e-4)


def test_without_text_it_looks_for_any_object(proposer: Sam3Proposer) -> None:
    found = proposer.propose(noise(40, 70), ())
    assert found.masks.shape == (QUERIES, 16, 16)
    assert found.probabilities.shape == (QUERIES, 0)


def test_a_checkpoint_is_known_by_its_config(proposer: Sam3Proposer, tmp_path: Path) -> None:
    proposer.model.save_pretrained(tmp_path)
    proposer.tokenizer.save_pretrained(tmp_path)
    loaded = load_proposer(str(tmp_path))
    assert isinstance(loaded, Sam3Proposer)
    wanted, found = proposer.propose(noise(30, 30), ("dog",)), loaded.propose(noise(30, 30), ("dog",))
    np.testing.assert_allclose(wanted.masks, found.masks, atol=1e-5)


def test_missing_weights_are_told(proposer: Sam3Proposer, tmp_path: Path) -> None:
    kept = {name: tensor for name, tensor in proposer.model.state_dict().items() if "mask_decoder" not in name}
    proposer.model.save_pretrained(tmp_path, state_dict=kept)
    with pytest.raises(Misconfigured, match="no complete SAM 3"):
        load_proposer(str(tmp_path))
