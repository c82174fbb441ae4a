"""Train the embedded segmenter: Segment Anything's recipe (arXiv 2304.02643, appendix A) in small.

    python -m model.training.train_segmenter --side 128 --steps 5000 --run runs/segmenter-128
    python -m model.training.train_segmenter --side 192 --steps 1500 --run runs/segmenter-192 --start runs/segmenter-128
    python -m model.training.train_segmenter --run runs/segmenter-192 --export model/embedded/weights/segmenter

It starts on small pictures, where a step costs half or less, and goes on at full size.
Stopped runs go on where they were.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from transformers import SamModel

from model.training.checkpoint import Checkpoint
from model.training.segmenter import simulated_annotator
from model.training.segmenter.segmenter_data import SegmenterBatch, collate, shows_shapes
from model.training.segmenter.segmenter_model import SegmenterStudent, export, grown

Tensor = torch.Tensor
SAVE_EVERY = 180  # seconds
MEASURE_EVERY = 300  # steps
HELD_OUT = 10_000_000  # seeds from here on are for measuring only


@dataclass(frozen=True, slots=True)
class SegmenterRecipe:
    """What a run is made of: the picture's side in pixels, steps, pictures a step, objects a picture, rate, seed."""

    side: int
    steps: int
    batch: int = 6
    objects: int = 3
    rate: float = 1e-3
    warmup: int = 60
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class DecoderCall:
    """One decoder call: points (B, K, N, 2) and labels (B, K, N), boxes (B, K, 4), mask logits (B * K, 1, h, w)."""

    points: Tensor | None
    labels: Tensor | None
    boxes: Tensor | None = None
    logits: Tensor | None = None
    several: bool = True


def first_clicks(rng: np.random.Generator, batch: SegmenterBatch) -> DecoderCall:
    """One click for each mask."""
    points = [[simulated_annotator.click(rng, mask) for mask in masks] for masks in batch.masks]
    labels = torch.ones((*batch.masks.shape[:2], 1))
    return DecoderCall(frame(np.array(points))[:, :, None], labels, several=bool(rng.random() < 0.85))


def first_boxes(rng: np.random.Generator, batch: SegmenterBatch) -> DecoderCall:
    """One rough box for each mask, one time in four with a coarse mask and a click as well, as text prompts give."""
    boxes = (
        torch.from_numpy(np.array([[simulated_annotator.box(rng, mask) for mask in masks] for masks in batch.masks]))
        * 2
    )
    several = bool(rng.random() < 0.5)
    if rng.random() > 0.3:
        return DecoderCall(None, None, boxes, None, several)
    logits = torch.from_numpy(
        np.array([simulated_annotator.coarse(rng, mask) for masks in batch.masks for mask in masks])
    )
    clicks = first_clicks(rng, batch)
    return DecoderCall(clicks.points, clicks.labels, boxes if rng.random() < 0.5 else None, logits[:, None], several)


def corrected(rng: np.random.Generator, batch: SegmenterBatch, ask: DecoderCall, answer: Tensor) -> DecoderCall:
    """The same question with one more click where the answer (B, K, h, w) was wrong, and the answer as mask prompt."""
    seen = (answer > 0).numpy()
    found = [
        simulated_annotator.correction(rng, truth, mask)
        for truths, masks in zip(batch.masks, seen, strict=True)
        for truth, mask in zip(truths, masks, strict=True)
    ]
    shape = batch.masks.shape[:2]
    points = frame(np.array([point for point, _ in found]).reshape(*shape, 1, 2))
    labels = torch.tensor([float(label) for _, label in found]).reshape(*shape, 1)
    if ask.points is not None and ask.labels is not None:
        points, labels = torch.cat([ask.points, points], dim=2), torch.cat([ask.labels, labels], dim=2)
    return DecoderCall(points, labels, ask.boxes, answer.flatten(0, 1)[:, None].clamp(-32, 32), several=False)


def frame(low: NDArray[np.float32]) -> Tensor:
    """Pixel indices of the low-resolution frame as pixel indices of the picture, whose pixels are half as large."""
    return torch.from_numpy(low.astype(np.float32)) * 2 + 0.5


def decode(model: SamModel, embeddings: Tensor, ask: DecoderCall) -> tuple[Tensor, Tensor]:
    """Mask logits (B, K, M, h, w) and predicted IoU (B, K, M) for every question, M being 3 or 1."""
    count = (ask.points if ask.points is not None else ask.boxes).shape[1]  # type: ignore[union-attr]
    sparse, dense = model.prompt_encoder(ask.points, ask.labels, ask.boxes, ask.logits)
    positions = model.get_image_wide_positional_embeddings()
    folded = embeddings.repeat_interleave(count, 0)
    if ask.logits is None:
        dense = dense[:1].expand(len(folded), -1, -1, -1)
    sparse = sparse.flatten(0, 1)[:, None]
    masks, ious = model.mask_decoder(folded, positions.expand(len(folded), -1, -1, -1), sparse, dense, ask.several)
    return masks.unflatten(0, (-1, count))[:, :, 0], ious.unflatten(0, (-1, count))[:, :, 0]


def losses(logits: Tensor, ious: Tensor, covers: Tensor) -> tuple[Tensor, Tensor]:
    """SAM's loss, 20 focal + dice + error of the IoU head, of the best of M masks; and the best masks (B, K, h, w).

    The truth is the share of each cell that the object covers, so that the zero line of the logits runs along
    borders more finely than the cells do (ours; the focal term is then the quality focal loss, arXiv 2006.04388).
    """
    logits = logits.float()
    truth = covers[:, :, None].expand_as(logits)
    chance = logits.sigmoid()
    focal = ((chance - truth) ** 2 * F.binary_cross_entropy_with_logits(logits, truth, reduction="none")).mean((3, 4))
    overlap, total = (chance * truth).sum((3, 4)), (chance + truth).sum((3, 4))
    masked = 20 * focal + 1 - (2 * overlap + 1) / (total + 1)
    best, index = masked.min(dim=2)
    answer, solid = logits > 0, truth > 0.5
    reached = (answer & solid).sum((3, 4)) / (answer | solid).sum((3, 4)).clamp(min=1)
    chosen = logits.gather(2, index[..., None, None, None].expand(-1, -1, 1, *logits.shape[3:]))[:, :, 0]
    return best.mean() + F.mse_loss(ious.float(), reached), chosen.detach()


def learn(learner: SegmenterStudent, batch: SegmenterBatch, rng: np.random.Generator) -> dict[str, float]:
    """Gradients of one step: pictures are encoded once; clicks, boxes and corrections follow one after the other."""
    model = learner.sam
    with torch.autocast("cpu", torch.bfloat16):
        embeddings = model.vision_encoder(batch.pixels).last_hidden_state
    shared = embeddings.detach().requires_grad_()
    kinship = learner.kinship(shared, batch.places, batch.cells)
    kinship.backward()
    spent = {"kinship": kinship.item()}

    def ask(name: str, question: DecoderCall) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            masks, ious = decode(model, shared, question)
        loss, chosen = losses(masks, ious, batch.covers)
        loss.backward()
        spent[name] = loss.item()
        return chosen

    clicks, boxes = first_clicks(rng, batch), first_boxes(rng, batch)
    answer, boxed = ask("click", clicks), ask("box", boxes)
    again = (clicks, answer) if rng.random() < 0.7 else (boxes, boxed)
    if rng.random() < 0.7:
        question = corrected(rng, batch, *again)
        answer = ask("second", question)
        if rng.random() < 0.2:
            ask("third", corrected(rng, batch, question, answer))
    embeddings.backward(shared.grad)
    return spent


def train(recipe: SegmenterRecipe, run: Path, start: Path | None) -> None:
    """Train until the last step, saving every three minutes and measuring now and then.

    `start` is the run on smaller pictures that the first weights come from.
    """
    torch.manual_seed(recipe.seed)
    learner = SegmenterStudent(recipe.side)
    if start is not None:
        trained = torch.load(start / "checkpoint.pt", weights_only=True)["model"]
        learner.load_state_dict(grown(trained, recipe.side // 8))
    matrices, others = shares(learner)
    muon = torch.optim.Muon(matrices, recipe.rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.AdamW(others, recipe.rate, (0.9, 0.98), weight_decay=0.0)
    checkpoint = Checkpoint(run / "checkpoint.pt", {"model": learner, "muon": muon, "adam": adam})
    step, spent = checkpoint.resume()
    begun, saved = time.monotonic() - spent, time.monotonic()
    while step < recipe.steps:
        found = advance(learner, (muon, adam), recipe, step)
        step += 1
        seconds = time.monotonic() - begun
        if step % 20 == 0:
            print(f"step {step} {seconds:.0f}s", {name: round(loss, 3) for name, loss in found.items()}, flush=True)
        if time.monotonic() - saved > SAVE_EVERY or step == recipe.steps:
            saved = time.monotonic()
            checkpoint.save(step, seconds)
        if step % MEASURE_EVERY == 0 or step == recipe.steps:
            record(learner.sam, recipe, run, (step, seconds))


def record(model: SamModel, recipe: SegmenterRecipe, run: Path, progress: tuple[int, float]) -> None:
    """Measure and note what the run has done so far, for the model card."""
    step, seconds = progress
    note = {"recipe": asdict(recipe), "step": step, "seconds": round(seconds), "pictures": step * recipe.batch}
    note |= {"machine": f"{platform.machine()}, {torch.get_num_threads()} thread", "torch": torch.__version__}
    note |= {"held_out": measure(model, recipe.side, 40)}
    (run / "record.json").write_text(json.dumps(note, indent=1))
    print(json.dumps(note["held_out"]), flush=True)


def shares(learner: torch.nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The hidden layers' matrices, for Muon, and everything else, for AdamW."""
    trained = [(name, weight) for name, weight in learner.named_parameters() if weight.requires_grad]
    hidden = [name for name, weight in trained if weight.ndim == 2 and ("layers." in name or "attn" in name)]
    return [w for name, w in trained if name in hidden], [w for name, w in trained if name not in hidden]


def advance(
    learner: SegmenterStudent, optimizers: tuple[torch.optim.Optimizer, ...], recipe: SegmenterRecipe, step: int
) -> dict[str, float]:
    """One optimiser step; its pictures and clicks follow from the seed and the step's number."""
    share = min((step + 1) / recipe.warmup, (recipe.steps - step) / (0.7 * recipe.steps), 1.0)
    first = (recipe.seed * 1_000_000 + step) * recipe.batch
    batch = collate(range(first, first + recipe.batch), recipe.side, recipe.objects)
    learner.train()
    spent = learn(learner, batch, np.random.default_rng([recipe.seed, 4, step]))
    torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * share
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return spent


@torch.no_grad()
def measure(model: SamModel, side: int, count: int) -> dict[str, float]:
    """Mean low-resolution IoU on held-out pictures: a click at the centre, a slightly rough box, by kind of picture."""
    model.eval()
    found: dict[str, list[float]] = {}
    for seed in range(HELD_OUT, HELD_OUT + count):
        scene = shows_shapes(np.random.default_rng([seed, 2]))
        batch = collate(range(seed, seed + 1), side, 4)
        rng = np.random.default_rng(seed)
        centres = frame(np.array([[simulated_annotator.innermost(mask) for mask in batch.masks[0]]]))[:, :, None]
        boxes = torch.from_numpy(np.array([[simulated_annotator.box(rng, mask, 0.05) for mask in batch.masks[0]]])) * 2
        embeddings = model.vision_encoder(batch.pixels).last_hidden_state
        for name, ask in {
            "click": DecoderCall(centres, torch.ones(1, 4, 1)),
            "box": DecoderCall(None, None, boxes),
        }.items():
            masks, ious = decode(model, embeddings, ask)
            chosen = masks[0, torch.arange(4), ious[0].argmax(dim=1)].numpy() > 0
            truth = batch.masks[0]
            reached = (chosen & truth).sum((1, 2)) / (chosen | truth).sum((1, 2))
            found.setdefault(f"{'scene' if scene else 'picture'} {name}", []).append(float(reached.mean()))
    return {name: round(float(np.mean(values)), 4) for name, values in sorted(found.items())}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run's checkpoint and record")
    parser.add_argument("--side", type=int, default=192, help="side of the pictures in pixels")
    parser.add_argument("--steps", type=int, default=2350)
    parser.add_argument("--start", type=Path, help="run to take the first weights from")
    parser.add_argument("--export", type=Path, help="write the weights to this folder instead of training")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    if given.export is not None:
        export(given.run, given.side, given.export)
    else:
        train(SegmenterRecipe(given.side, given.steps), given.run, given.start)


if __name__ == "__main__":
    main()
