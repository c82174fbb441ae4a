"""One step of prompt inversion at full size: ours beside the textbook's, gradients compared, and whole inversions.

There are two textbooks (`baseline_inversion`): diffusers' script, which freezes both networks, and the same with no
weight frozen, a full backward pass through everything. The second is measured in float32 alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch.utils.flop_counter import FlopCounterMode

from model.adapters.diffusers.backbone import DiffusersBackbone
from model.config import EngineConfig
from model.methods.invseg import Views, cluster
from model.methods.segment_anyword.inversion import JUDGED_DRAWS, Subject, draw, draws, invert, put, slope
from model.presets import under
from model.text.prompt_text import Sought
from model.text.token_spans import tokens_of
from model.types import Phrase, Word
from tests.benchmarks.figures import Figure
from tests.benchmarks.full import models
from tests.benchmarks.full.baseline_inversion import CONFIG, Textbook, rate, unfrozen
from tests.benchmarks.full.heap import freed_at_once
from tests.benchmarks.full.measure import Measured, Setting, measured
from tests.benchmarks.full.rows import Row, Section

STEPS = {"cpu": 2, "cuda": 8}
OPENING = "a photograph of "
NOUNS = "cat dog bird horse sheep cow bear car bus train boat plane chair table bottle person".split()
EXACT, HALF = 1e-3, 0.05  # relative difference of gradients that float32 allows, and half precision
BUDGET = 3.0  # seconds of a whole inversion on a graphics card
TEXTBOOKS = ("networks frozen", "none frozen")
Taken = list[Measured[torch.Tensor]]


def section(settings: Sequence[Setting]) -> Section:
    """A step, its memory, the same with 16 phrases, and what whole inversions come to, under each setting."""
    plain: list[float] = []
    for setting in settings:
        ours, others = yield from stepping(setting)
        for what, other in zip(TEXTBOOKS, plain, strict=False):
            yield Row(f"a step in {setting.type_name} (textbook in float32, {what})", "s", ours, other, 2.5)
        plain = plain or others


def stepping(setting: Setting) -> Generator[Row | Figure, None, tuple[float, list[float]]]:
    """Seconds of a step, ours and each textbook's."""
    backbone = models.backbone("tiny" if setting.small else "sd21", setting.device, setting.dtype)
    settled(backbone)
    subject, exact = asked(backbone, NOUNS[:1]), setting.dtype is torch.float32
    noisy, _, timesteps = draw(backbone, subject.latents, CONFIG, 0)
    with torch.no_grad():  # every weight is used once before anything counts
        backbone.denoise(noisy, timesteps, backbone.embed(subject.tokens))
        forward = measured(lambda: backbone.denoise(noisy, timesteps, backbone.embed(subject.tokens)), setting.device)
    ours, textbook = Ours(backbone, subject), Textbook(backbone, subject)
    more = [partial(unfrozen, Textbook(backbone, subject))] if exact else []
    own, *theirs = in_turn([ours.step, textbook.step, *more], setting.device)
    seconds, *others = (min(each.seconds for each in taken) for taken in (own, *theirs))
    for what, taken, other in zip(TEXTBOOKS, theirs, others, strict=False):
        least = floor(backbone, setting) if taken is theirs[0] else None
        yield Row(f"a step of one draw, {setting.type_name} (textbook: {what})", "s", seconds, other, 2.5, least)
        mine, their = (memory(each, setting.device) / 2**30 for each in (own, taken))
        yield Row("  its memory beyond the weights", "GB", mine, their, 3)
    many = measured(lambda: Ours(backbone, asked(backbone, NOUNS)).step(0), setting.device)
    yield Row("  for 16 phrases of one text (textbook: 16 times, frozen)", "s", many.seconds, 16 * others[0])
    difference = max(apart(own[0].value, taken[0].value) for taken in theirs)
    yield Figure("  relative difference of the gradients", difference, "", EXACT if exact else HALF)
    if exact:  # in half precision the textbook's table hardly moves
        found, wanted = (each.learned - ours.start[ours.rows] for each in (ours, textbook))
        what = "  relative difference of what two steps did to the embeddings"
        yield Figure(what, apart(found, wanted), "", 10 * EXACT)
    yield from whole(backbone, subject, setting, (seconds, forward.seconds))
    return seconds, others


def in_turn(ways: Sequence[Callable[[int], torch.Tensor]], device: torch.device) -> list[Taken]:
    """So many steps of each way in turn, on the same draws; the quickest tells the time."""
    last = STEPS[device.type] - 1
    taken = [[measured(partial(way, number), device, runs=1) for way in ways] for number in range(last)]
    with freed_at_once():
        taken.append([measured(partial(way, last), device, runs=1) for way in ways])
    return [list(each) for each in zip(*taken, strict=True)]


def memory(taken: Taken, device: torch.device) -> int:
    """Bytes by which the last step grew; on a GPU the greatest, as later steps find what the first one has recorded."""
    return max(each.grown for each in taken) if device.type == "cuda" else taken[-1].grown


def whole(backbone: DiffusersBackbone, subject: Subject, setting: Setting, spent: tuple[float, float]) -> Section:
    """Inversions as the presets make them; on a CPU they are added up from what a step and a pass took."""
    config = replace(under(EngineConfig(), "accurate").inversion, still=0.0)
    steps = under(EngineConfig(), "balanced").inversion.steps
    accurate, balanced = f"{config.steps} steps of {config.batch} draws", f"{steps} steps on two views"
    if setting.device.type == "cuda":
        yield from _inverted(f"accurate: {accurate}", lambda: invert(backbone, subject, config, idle), setting.device)
        yield from _inverted(f"balanced: {balanced}", lambda: clustered(backbone, subject, steps), setting.device)
        return
    step, forward = config.batch * spent[0], 2 * JUDGED_DRAWS * spent[1]
    yield Figure(f"  preset accurate: {accurate}, added up", config.steps * step + forward, "s", None)
    last, two = (measured(lambda many=many: clustered(backbone, subject, many), setting.device) for many in (0, 1))  # type: ignore[misc]
    total = last.seconds + steps * (two.seconds - last.seconds)
    yield Figure(f"  preset balanced: {balanced}, added up", total, "s", None)
    yield Figure("    its memory beyond the weights", two.grown / 2**30, "GB", None)


def _inverted(what: str, code: Callable[[], object], device: torch.device) -> Section:
    first, later = measured(code, device, runs=1), measured(code, device)
    yield Figure(f"  preset {what}", later.seconds, "s", BUDGET)
    yield Figure("    the first one, which records its passes", first.seconds, "s", None)
    yield Figure("    its memory beyond the weights", max(first.grown, later.grown) / 2**30, "GB", None)


class Ours:
    """The engine's steps, one by one."""

    def __init__(self, backbone: DiffusersBackbone, subject: Subject) -> None:
        self.backbone, self.subject = backbone, subject
        self.start, self.rows = backbone.inputs(subject.tokens).float(), torch.tensor(subject.learned)
        self.rows = self.rows.to(self.start.device)
        self.learned = self.start[self.rows].clone().requires_grad_()
        self.optimiser = torch.optim.AdamW([self.learned], lr=rate(self.learned))

    def step(self, number: int) -> torch.Tensor:
        """The gradient (k, d) at the learned tokens, and a step along it."""
        self.optimiser.zero_grad()
        embeddings = self.backbone.embed(self.subject.tokens, put(self.start, self.rows, self.learned))
        drawn = draws(self.backbone, self.subject, CONFIG, number)
        embeddings.backward(slope(self.backbone, self.subject, embeddings, CONFIG, drawn))
        self.optimiser.step()
        assert self.learned.grad is not None
        return self.learned.grad.clone()


def settled(backbone: DiffusersBackbone) -> None:
    """Copy weights out of their mapped files: pages that a busy machine drops and reads again would count as growth."""
    for part in (backbone.unet, backbone.text_encoder):
        for weight in part.parameters():
            weight.data = weight.data.clone()


def asked(backbone: DiffusersBackbone, nouns: list[str]) -> Subject:
    """A text with these nouns, every one learned, and a picture of noise."""
    text = OPENING + " ".join(nouns)
    tokens = backbone.tokenize(text)
    words = [
        Word(noun, noun, text.index(noun, len(OPENING)), text.index(noun, len(OPENING)) + len(noun)) for noun in nouns
    ]
    side, channels = backbone.unet.config.sample_size, backbone.unet.config.in_channels
    latents = torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(3))
    return Subject(
        latents.to(backbone.device, backbone.dtype), tokens, tuple((tokens_of(tokens, word),) for word in words)
    )


def clustered(backbone: DiffusersBackbone, subject: Subject, steps: int) -> None:
    """The preset's clustering, as many steps of it, with a noun and one more word as classes."""
    config = under(EngineConfig(), "balanced")
    phrase = Phrase("cat", Word("cat", "cat", 0, 3))
    classes = tuple(Sought(phrase, 0, words, ()) for words in (subject.phrases[0][0], (1,)))
    views = Views(subject.latents, subject.latents.flip(3), classes, backbone.embed(subject.tokens).detach())
    short = replace(config, inversion=replace(config.inversion, steps=steps))
    cluster(backbone, [views], short, idle)


def floor(backbone: DiffusersBackbone, setting: Setting) -> float:
    """Seconds that a step's products and convolutions take at the measured rates; counted without computing them."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        unet = UNet2DConditionModel.from_config(backbone.unet.config).requires_grad_(False)
        unet.set_attn_processor(AttnProcessor())
        side, wide = unet.config.sample_size, unet.config.cross_attention_dim
        states = torch.zeros(1, backbone.max_tokens, wide, requires_grad=True)
        unet(torch.zeros(1, unet.config.in_channels, side, side), torch.zeros(1), states).sample.sum().backward()
    counts = counter.get_flop_counts()["Global"]
    convolutions = sum(count for operation, count in counts.items() if "convolution" in str(operation))
    weights = sum(weight.numel() for weight in backbone.text_encoder.parameters() if weight.ndim > 1)
    encoder = 4 * backbone.max_tokens * (weights - backbone.text_encoder.get_input_embeddings().weight.numel())
    return setting.rates.seconds(counter.get_total_flops() - convolutions + encoder, convolutions)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Relative difference of two tensors."""
    return float((one - other).detach().norm() / other.norm())


def idle() -> None:
    """Nobody waits."""
