"""One step of prompt inversion at full size: ours beside a textbook's, their gradients compared, and a whole inversion.

The textbook is diffusers' own textual inversion script in short: frozen networks, every attention layer's probabilities
of all heads in the graph, one draw of noise at a time through text encoder and UNet, and AdamW over the whole table of
token embeddings, whose other rows are put back after each step.
"""

from __future__ import annotations

import ctypes
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from model.adapters.diffusers_backbone import DiffusersBackbone
from model.alignment import tokens_of
from model.clustering import Views, cluster
from model.config import EngineConfig, InversionConfig
from model.inversion import JUDGED_DRAWS, LOSS_SCALE, Subject, draw, draws, invert, put, slope
from model.presets import under
from model.values import Phrase, Word
from model.wording import Sought
from tests.benchmarks.figures import Figure
from tests.benchmarks.full import models
from tests.benchmarks.full.measure import Measured, Setting, measured
from tests.benchmarks.full.rows import Row, Section

CONFIG = InversionConfig(objective="denoising", batch=1, rate=0.01)
STEPS = 2
OPENING = "a photograph of "
NOUNS = "cat dog bird horse sheep cow bear car bus train boat plane chair table bottle person".split()
EXACT, HALF = 1e-3, 0.05  # relative difference of gradients that float32 allows, and half precision
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt
BUDGET = 3.0  # seconds of a whole inversion on a graphics card


def section(settings: Sequence[Setting]) -> Section:
    """A step, its memory, the same with 16 phrases, and what whole inversions come to, under each setting."""
    plain = None
    for setting in settings:
        ours, theirs = yield from stepping(setting)
        if plain is not None:
            yield Row(f"a step in {setting.type_name}, textbook in float32", "s", ours, plain, 2.5)
        plain = theirs if setting.dtype is torch.float32 else plain


def stepping(setting: Setting) -> Generator[Row | Figure, None, tuple[float, float]]:
    """Seconds of a step, ours and the textbook's: two steps of each, in turn, on the same draws."""
    backbone = models.backbone("tiny" if setting.small else "sd21", setting.device, setting.dtype)
    settled(backbone)
    subject, kind = asked(backbone, NOUNS[:1]), setting.type_name
    noisy, _, timesteps = draw(backbone, subject.latents, CONFIG, 0)
    with torch.no_grad():  # every weight is used once before anything counts
        backbone.denoise(noisy, timesteps, backbone.embed(subject.tokens))
        forward = measured(lambda: backbone.denoise(noisy, timesteps, backbone.embed(subject.tokens)), setting.device)
    ours, textbook = Ours(backbone, subject), Textbook(backbone, subject)
    taken: list[tuple[Measured[torch.Tensor], Measured[torch.Tensor]]] = []
    for number in range(STEPS):
        if number:
            freed_at_once()  # the last step tells the memory, the quickest the time
        with as_written(backbone.unet):
            theirs = measured(lambda at=number: textbook.step(at), setting.device)  # type: ignore[misc]
        taken.append((measured(lambda at=number: ours.step(at), setting.device), theirs))  # type: ignore[misc]
    seconds, other = (min(each.seconds for each in side) for side in zip(*taken, strict=True))
    memory, more = (each.grown / 2**30 for each in taken[-1])
    yield Row(f"a step of one draw, {kind}", "s", seconds, other, 2.5, floor(backbone, setting))
    yield Row("  its memory beyond the weights", "GB", memory, more, 3)
    many = measured(lambda: Ours(backbone, asked(backbone, NOUNS)).step(0), setting.device)
    yield Row("  for 16 phrases of one text (textbook: 16 times one)", "s", many.seconds, 16 * other)
    allowed = EXACT if setting.dtype is torch.float32 else HALF
    yield Figure("  relative difference of the gradients", apart(*(each.value for each in taken[0])), "", allowed)
    found, wanted = (each.learned - ours.start[ours.rows] for each in (ours, textbook))
    if setting.dtype is torch.float32:  # in half precision the textbook's table hardly moves
        yield Figure(
            "  relative difference of what two steps did to the embeddings", apart(found, wanted), "", 10 * EXACT
        )
    yield from whole(backbone, subject, setting, (seconds, forward.seconds))
    return seconds, other


def whole(backbone: DiffusersBackbone, subject: Subject, setting: Setting, spent: tuple[float, float]) -> Section:
    """Inversions as the presets make them; on a CPU they are added up from what a step and a pass took."""
    config = replace(under(EngineConfig(), "accurate").inversion, still=0.0)
    step, forward = config.batch * spent[0], 2 * JUDGED_DRAWS * spent[1]
    what = f"  preset accurate: {config.steps} steps of {config.batch} draws"
    if setting.device.type == "cuda":
        taken = [measured(lambda: invert(backbone, subject, config, idle), setting.device) for _ in range(2)]
        yield Figure(what, taken[-1].seconds, "s", BUDGET)
    else:
        yield Figure(f"{what}, added up", config.steps * step + forward, "s", None)
    last, two = (measured(lambda many=many: clustered(backbone, subject, many), setting.device) for many in (0, 1))  # type: ignore[misc]
    steps = under(EngineConfig(), "balanced").inversion.steps
    total = last.seconds + steps * (two.seconds - last.seconds)
    yield Figure(f"  preset balanced: {steps} steps on two views, added up", total, "s", None)
    yield Figure("    its memory beyond the weights", two.grown / 2**30, "GB", None)


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


class Textbook:
    """The textbook's steps, one by one, on the same weights."""

    def __init__(self, backbone: DiffusersBackbone, subject: Subject) -> None:
        self.backbone, self.subject = backbone, subject
        self.table = backbone.text_encoder.get_input_embeddings().weight
        self.ids = torch.tensor([subject.tokens.ids], device=backbone.device)
        self.rows = self.ids[0, list(subject.learned)]
        self.before = self.table.detach().clone()
        self.learned = self.table[self.rows].detach().clone()
        self.optimiser: torch.optim.Optimizer | None = None

    def step(self, number: int) -> torch.Tensor:
        """The gradient (k, d) at the learned tokens, and a step along it; the model is left as it was found."""
        self.table.requires_grad_()
        self.table.data[self.rows] = self.learned.to(self.table)
        self.optimiser = self.optimiser or torch.optim.AdamW([self.table], lr=rate(self.learned))
        fused = self.backbone.unet.attn_processors
        self.backbone.unet.set_attn_processor(AttnProcessor())
        noisy, noise, timesteps = draw(self.backbone, self.subject.latents, CONFIG, number)
        states = self.backbone.text_encoder(self.ids).last_hidden_state
        predicted = self.backbone.unet(noisy.to(states), timesteps.to(self.ids.device), states).sample
        (functional.mse_loss(predicted.float(), noise) * LOSS_SCALE).backward()
        self.optimiser.step()
        assert self.table.grad is not None
        gradient: torch.Tensor = self.table.grad[self.rows].float()
        self.learned = self.table[self.rows].detach().float()
        self.optimiser.zero_grad()
        self.table.data.copy_(self.before)
        self.table.requires_grad_(False)
        self.backbone.unet.set_attn_processor(fused)
        return gradient


def freed_at_once() -> None:
    """Have glibc give tensors of 4 MB and more back when they are freed: holes in its heap are nobody's memory."""
    libc = ctypes.CDLL("libc.so.6")
    for option in (MMAP_THRESHOLD, TRIM_THRESHOLD):
        libc.mallopt(option, 2**22)


@contextmanager
def as_written(unet: torch.nn.Module) -> Iterator[None]:
    """A UNet without what ours changed about its layers: it keeps all that the library keeps for gradients."""
    changed = [(module, module.__dict__.pop("forward")) for module in unet.modules() if "forward" in module.__dict__]
    yield
    for module, forward in changed:
        module.forward = forward


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
    views = Views(subject.latents, subject.latents.flip(3), classes)
    short = replace(config, inversion=replace(config.inversion, steps=steps))
    cluster(backbone, views, backbone.embed(subject.tokens), short, idle)


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


def rate(learned: torch.Tensor) -> float:
    """AdamW's rate as the engine has it: a share of the embeddings' root mean square."""
    return CONFIG.rate * float(learned.detach().float().square().mean().sqrt())


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Relative difference of two tensors."""
    return float((one - other).detach().norm() / other.norm())


def idle() -> None:
    """Nobody waits."""
