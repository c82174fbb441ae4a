"""The proposer's training on the shipped text encoder: its losses reach everything, its steps repeat."""

from pathlib import Path

import pytest
import torch

from model.adapters.proposers.mask2former import Mask2FormerProposer, load_pmp
from model.training import train_proposer
from model.training.proposer.proposer_data import ProposerBatch, Scenes
from model.training.proposer.proposer_model import ProposerStudent


@pytest.fixture(scope="module")
def learner() -> ProposerStudent:
    torch.manual_seed(0)
    return ProposerStudent(train_proposer.BACKBONE).train()


def few(batch: ProposerBatch) -> ProposerBatch:
    """The first two pictures of a batch."""
    return ProposerBatch(batch.pixels[:2], batch.texts[:2], batch.masks[:2], batch.meant[:2])


def loss(learner: ProposerStudent, step: int) -> torch.Tensor:
    torch.manual_seed(step)
    batch = few(train_proposer.drawn(Scenes(), step))
    return train_proposer.loss_of(learner, train_proposer.criterion_of(learner), batch)


def test_every_fifth_batch_comes_without_text() -> None:
    drawn = [any(train_proposer.drawn(Scenes(), step).texts) for step in range(6)]
    assert drawn == [False, True, True, True, True, False]


def test_a_prompt_teaches_words_text_attention_and_pictures(learner: ProposerStudent) -> None:
    learner.zero_grad()
    loss(learner, 1).backward()
    taught = [name for name, weight in learner.named_parameters() if weight.grad is not None and weight.grad.any()]
    parts = ("text.embeddings.token_embedding", "model.text_attention.0.q_proj", "patch_embeddings", "naming.no_object")
    assert all(any(part in name for name in taught) for part in parts)


def test_no_prompt_teaches_plain_mask2former(learner: ProposerStudent) -> None:
    learner.zero_grad()
    loss(learner, 0).backward()
    assert learner.model.class_predictor.weight.grad.abs().sum() > 0
    assert learner.model.text_attention[0].q_proj_weight.grad is None


def test_the_same_step_gives_the_same_loss(learner: ProposerStudent) -> None:
    with torch.no_grad():
        assert loss(learner, 2) == loss(learner, 2)


def test_every_weight_is_trained_once(learner: ProposerStudent) -> None:
    muon, adam = train_proposer.optimisers(learner)
    both = [weight for each in (muon, adam) for weight in each.param_groups[0]["params"]]
    assert {id(weight) for weight in both} == {id(weight) for weight in learner.parameters()}
    assert len(both) == len({id(weight) for weight in both})


def test_what_is_exported_is_what_was_trained(learner: ProposerStudent, tmp_path: Path) -> None:
    torch.save({"learner": learner.state_dict()}, tmp_path / "checkpoint.pt")
    train_proposer.export(tmp_path, train_proposer.BACKBONE, tmp_path / "proposer")
    loaded = load_pmp(str(tmp_path / "proposer"))
    for part, trained in ((loaded.model, learner.model), (loaded.text.model, learner.text)):
        for name, tensor in trained.state_dict().items():
            torch.testing.assert_close(part.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)
    assert sum(file.stat().st_size for file in (tmp_path / "proposer").rglob("*")) < 12e6


def test_the_measure_counts_held_out_objects(learner: ProposerStudent) -> None:
    found = train_proposer.measure(Mask2FormerProposer("new", learner.model.eval(), learner.encoder), 2)
    assert set(found) >= {"text_recall_50", "no_text_recall_75", "text_mean_iou", "named", "false"}
    assert all(0 <= value <= 1 for value in found.values())
