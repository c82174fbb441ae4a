"""Train prompt-guided mask proposals (PMP, arXiv 2412.10292) on procedural scenes or a COCO-panoptic-style data set.

    python -m model.training.train_proposer --out runs/proposer
    python -m model.training.train_proposer --out runs/proposer --panoptic FILE.json --images FOLDER
    python -m model.training.train_proposer --out runs/proposer --export model/embedded/weights/proposer

Mask2Former's losses and Hungarian matching. One batch in five comes without text and trains plain Mask2Former, so
that it also proposes unasked. Deterministic from the step number, resumes from its checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from transformers.models.mask2former.modeling_mask2former import Mask2FormerLoss

from model.adapters.proposers.mask2former import Mask2FormerProposer
from model.embedded import scenes
from model.embedded.scene_language import absent_phrase, phrase_of
from model.methods.pmp import best_ious, masks_at, recall
from model.training.checkpoint import Checkpoint
from model.training.proposer.proposer_data import (
    MOST_TEXTS,
    Panoptic,
    ProposerBatch,
    Scenes,
    Source,
    batch_of,
    of_scene,
    shown,
)
from model.training.proposer.proposer_model import GRID, SIDE, ProposerStudent
from model.training.train_backbone import advance, set_rate

BATCH = 8
RATE, MUON_RATE = 5e-4, 1e-3
CELLS = 4.0  # weight of the second task, next to four rounds of Mask2Former's losses
UNPROMPTED = 5  # every fifth batch comes without text
SAVE_EVERY, MEASURE_EVERY = 100, 250  # steps
BACKBONE = Path(__file__).parents[1] / "embedded" / "weights" / "backbone"
SURE = 0.3  # probability from which a proposal counts as named, as in ProposalConfig


def loss_of(learner: ProposerStudent, criterion: Mask2FormerLoss, batch: ProposerBatch) -> torch.Tensor:
    """Mask, dice and class losses of every round; without text those of plain Mask2Former."""
    if not any(batch.texts):
        answer = learner.model(batch.pixels, mask_labels=batch.masks, class_labels=batch.meant)
        return answer.loss  # type: ignore[no-any-return]
    texts = learner.tokens(batch.texts, MOST_TEXTS)
    rounds = learner.model.rounds(batch.pixels, texts)
    *early, last = ({"masks_queries_logits": each.masks, "class_queries_logits": each.names} for each in rounds.said)
    losses = criterion(**last, mask_labels=batch.masks, class_labels=batch.meant, auxiliary_predictions=early)
    weights = criterion.weight_dict
    matched = torch.stack([loss * weights[_kind(name, weights)] for name, loss in losses.items()]).sum()
    cells: torch.Tensor = learner.cells(rounds.cells, texts, shown(batch, MOST_TEXTS, (GRID, GRID)))
    return matched + CELLS * cells


def _kind(name: str, weights: dict[str, float]) -> str:
    """Which of the losses "loss_mask_3" is."""
    return next(kind for kind in weights if name.startswith(kind))


def criterion_of(learner: ProposerStudent) -> Mask2FormerLoss:
    """Mask2Former's losses with the texts of a prompt in place of classes."""
    config = deepcopy(learner.model.config)
    config.num_labels = MOST_TEXTS
    return Mask2FormerLoss(config, learner.model.weight_dict)


def train(out: Path, source: Source, steps: int, backbone: Path) -> None:
    """Train up to `steps`, saving and measuring now and then and at the end."""
    torch.manual_seed(0)
    learner = ProposerStudent(backbone).train()
    criterion, both = criterion_of(learner), optimisers(learner)
    checkpoint = Checkpoint(out / "checkpoint.pt", {"learner": learner, "muon": both[0], "adam": both[1]})
    first, spent, began = *checkpoint.resume(), time.monotonic()
    for step in range(first, steps):
        torch.manual_seed(step)
        set_rate(both, min((step + 1) / 200, 1, 3 * (1 - step / steps)))
        loss = loss_of(learner, criterion, drawn(source, step))
        advance(both, loss)
        seconds = spent + time.monotonic() - began
        if step % 20 == 0:
            print(
                f"step {step} {'' if step % UNPROMPTED else 'no text '}loss {loss.item():.3f} {seconds:.0f} s",
                flush=True,
            )
        if step % SAVE_EVERY == SAVE_EVERY - 1 or step == steps - 1:
            checkpoint.save(step + 1, seconds)
        if step % MEASURE_EVERY == MEASURE_EVERY - 1 or step == steps - 1:
            record(learner, out, {"steps": step + 1, "seconds": round(seconds), "pictures": (step + 1) * BATCH})


def drawn(source: Source, step: int) -> ProposerBatch:
    """The batch of a step: the same one after a restart."""
    rng = np.random.default_rng([3, step])
    return batch_of([source.example(rng, step % UNPROMPTED != 0) for _ in range(BATCH)], SIDE)


def optimisers(learner: ProposerStudent) -> tuple[torch.optim.Muon, torch.optim.AdamW]:
    """Muon for the matrices of attention and feed-forward layers, AdamW for everything else."""
    others = ("embed", "queries_", "table", "sampling_offsets", "attention_weights", "class_predictor")
    named = [
        (weight, weight.ndim == 2 and not any(part in name for part in others))
        for name, weight in learner.named_parameters()
    ]
    matrices, rest = ([weight for weight, hidden in named if hidden == wanted] for wanted in (True, False))
    muon = torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01, adjust_lr_fn="match_rms_adamw", ns_steps=4)
    return muon, torch.optim.AdamW(rest, lr=RATE, weight_decay=0.01)


def record(learner: ProposerStudent, out: Path, progress: dict[str, int]) -> None:
    """Measure and note what the run has done so far, for the model card."""
    proposer = Mask2FormerProposer("proposer", learner.model.eval(), learner.encoder)
    note = progress | {"held_out": measure(proposer, 40)}
    learner.train()
    (out / "record.json").write_text(json.dumps(note, indent=1))
    print(json.dumps(note), flush=True)


def measure(proposer: Mask2FormerProposer, count: int) -> dict[str, float]:
    """How well all proposals reach the objects asked for, with text and without, on held-out scenes of 192 pixels.

    `named`: the share of objects that a proposal shows with IoU 0.5 whose probability for its text is sure enough;
    `false`: the share of texts about nothing in the picture that some proposal is sure enough of.
    """
    with_text, without, named, false = [], [], [], []
    for seed in range(scenes.HELD_OUT, scenes.HELD_OUT + count):
        scene, rng = scenes.draw(seed, 192), np.random.default_rng([4, seed])
        kinds = [thing.kind for thing in scene.objects]
        asked = tuple(dict.fromkeys(" ".join(phrase_of(rng, kind)) for kind in kinds))[: MOST_TEXTS - 1]
        truth = of_scene(scene, asked)
        offered = proposer.propose(scene.image, (*asked, " ".join(absent_phrase(rng, kinds))))
        masks, sure = masks_at(offered, (192, 192)), offered.probabilities >= SURE
        with_text.append(best_ious(masks, truth.masks))
        without.append(best_ious(masks_at(proposer.propose(scene.image, ()), (192, 192)), truth.masks))
        named += [best_ious(masks[sure[:, n]], mask[None])[0] for mask, n in zip(truth.masks, truth.meant, strict=True)]
        false.append(float(sure[:, -1].any()))
    found: dict[str, float] = {}
    for name, each in (("text", np.concatenate(with_text)), ("no_text", np.concatenate(without))):
        found |= {f"{name}_recall_50": recall(each, 0.5), f"{name}_recall_75": recall(each, 0.75)}
        found |= {f"{name}_mean_iou": float(each.mean())}
    found |= {"named": recall(np.array(named), 0.5), "false": float(np.mean(false))}
    return {name: round(value, 4) for name, value in found.items()}


def export(out: Path, backbone: Path, folder: Path) -> None:
    """Write a run's weights as they are shipped."""
    learner = ProposerStudent(backbone)
    learner.load_state_dict(torch.load(out / "checkpoint.pt", weights_only=True)["learner"])
    learner.save(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/proposer"))
    parser.add_argument(
        "--backbone", type=Path, default=BACKBONE, help="diffusion folder whose text encoder is the start"
    )
    parser.add_argument("--steps", type=int, default=3300)
    parser.add_argument("--panoptic", type=Path, help="train on this panoptic JSON file instead of scenes")
    parser.add_argument("--images", type=Path, default=Path(), help="the folder of its pictures")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--export", type=Path, help="write the weights to this folder instead of training")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.export:
        export(arguments.out, arguments.backbone, arguments.export)
    else:
        data = Panoptic(arguments.panoptic, arguments.images) if arguments.panoptic else Scenes()
        train(arguments.out, data, arguments.steps, arguments.backbone)
