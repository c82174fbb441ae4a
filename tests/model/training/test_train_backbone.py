from pathlib import Path

import numpy as np
import torch

from model.training import train_autoencoder, train_backbone
from model.training.backbone.kind_head import kinds_of_cells
from model.training.backbone.scene_store import prepare


def test_every_course_gives_finite_losses_that_reach_words_and_pictures(tmp_path: Path) -> None:
    torch.manual_seed(0)
    store = prepare(tmp_path / "scenes.npz", train_autoencoder.build().eval(), 4)
    student = train_backbone.build()
    losses = train_backbone.loss_of(student, store, 1.0, train_backbone.COURSES[-1].first)
    assert all(torch.isfinite(loss) for loss in losses.values())
    losses["share"].backward()
    embedding = student.text.get_input_embeddings().weight.grad
    assert embedding is not None
    assert embedding.abs().sum() > 0
    assert student.unet.conv_in.weight.grad.abs().sum() > 0


def test_the_same_step_gives_the_same_loss(tmp_path: Path) -> None:
    store = prepare(tmp_path / "scenes.npz", train_autoencoder.build().eval(), 4)
    student = train_backbone.build()
    with torch.no_grad():
        one, other = (train_backbone.loss_of(student, store, 1.0, 5)["denoising"] for _ in range(2))
    assert one == other


def test_kinds_of_cells_are_those_of_the_object_that_covers_them(tmp_path: Path) -> None:
    store = prepare(tmp_path / "scenes.npz", train_autoencoder.build().eval(), 6)
    codes, share = kinds_of_cells(store, np.arange(6))
    picture, row, column = np.argwhere(share.numpy() > 0.9)[0]
    covering = store.cover[picture, :5, row, column].argmax()
    assert codes[picture, :, row, column].tolist() == store.codes[picture, covering].tolist()


def test_a_run_keeps_the_vocabulary_it_began_with(tmp_path: Path) -> None:
    student = train_backbone.build()
    student.tokenizer.save_pretrained(tmp_path / "pipeline" / "tokenizer")
    assert train_backbone.build(tmp_path).tokenizer.get_vocab() == student.tokenizer.get_vocab()


def test_rates_follow_the_share() -> None:
    both = train_backbone.optimisers(train_backbone.build())
    train_backbone.set_rate(both, 0.5)
    assert [each.param_groups[0]["lr"] for each in both] == [train_backbone.MUON_RATE / 2, train_backbone.RATE / 2]


def test_codes_are_whitened() -> None:
    goal = train_autoencoder.components()
    codes = goal.codes(train_autoencoder.pictures(77))
    assert codes.shape == (16, 8, 8, 8)
    assert 0.7 < codes.std() < 1.3
