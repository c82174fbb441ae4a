"""Load a model of transformers or diffusers, and refuse weights that do not fit it.

Both libraries fill what is missing with random numbers, leave out what is unknown, and go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from transformers import CLIPTextModel, CLIPTokenizer

from model.adapters.weight_files import variant_of
from model.errors import Misconfigured

T = TypeVar("T", bound=torch.nn.Module)

REMEDY = "copy or download the model again, all files of one and the same checkpoint"
LOUD = ("transformers", "diffusers")
CLIP_PARTS = ("text_projection.", "vision_model.", "visual_projection.", "logit_scale")  # beside CLIP's text encoder
SHOWN = 200  # characters of what a library says


@dataclass(frozen=True, slots=True)
class ModelKind(Generic[T]):
    """A class of models, and what to say where weights do not fit it: `trouble` and `remedy`.

    spare: how the names of weights may begin that belong to a model around this one.
    """

    made: type[T]
    spare: tuple[str, ...] = ()
    trouble: str = ""
    remedy: str = REMEDY


TEXT_ENCODER = ModelKind(CLIPTextModel, spare=CLIP_PARTS)


def fitted(
    kind: ModelKind[T],
    source: str | Path,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    subfolder: str = "",
) -> T:
    """The model in a folder or under a hub name; on the device "meta" its files are checked and no weight is read.

    The variant fp16 is loaded where there are no plain weights. The libraries leave out the names that they list as
    ignorable themselves. Raises Misconfigured where weights are missing, unknown or of another shape.
    """
    where = f"'{Path(source) / subfolder}'" if subfolder else f"'{source}'"
    placed = {"device_map": "meta"} if torch.device(device).type == "meta" else {}
    model, found = attempt(
        lambda: kind.made.from_pretrained(  # type: ignore[attr-defined]
            source,
            dtype=dtype,
            variant=variant_of(Path(source) / subfolder),
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are named in `found` then
            **({"subfolder": subfolder} if subfolder else {}),
            **placed,
        ),
        f"{where} cannot be loaded",
        kind.remedy,
    )
    computed = {name for name, _ in model.named_buffers()}  # older versions stored some that are computed now
    unknown = [key for key in found["unexpected_keys"] if key not in computed and not key.startswith(kind.spare)]
    if wrong := misfit(found["missing_keys"], unknown, found["mismatched_keys"]):
        trouble = kind.trouble or f"does not fit {kind.made.__name__}"
        raise Misconfigured(f"{where} {trouble}: {wrong}; {kind.remedy}")
    return model.eval()  # type: ignore[no-any-return]


def misfit(missing: Collection[str], unknown: Collection[str], reshaped: Collection[Sequence[Any]] = ()) -> str:
    """What does not fit, in words; empty where all does. `reshaped`: a name and its shapes, as the libraries tell."""
    told = {"missing": missing, "unknown": unknown, "of another shape": [name for name, *_ in reshaped]}
    return ", ".join(_counted(what, sorted(names)) for what, names in told.items() if names)


def _counted(what: str, names: Sequence[str]) -> str:
    return f"{len(names)} {'weight is' if len(names) == 1 else 'weights are'} {what} ({names[0]})"


def tokenizer_of(source: str | Path, most: int, subfolder: str = "", remedy: str = REMEDY) -> CLIPTokenizer:
    """CLIP's tokenizer for a text encoder that knows `most` pieces.

    Without its files the library makes one that knows no word. Raises Misconfigured for that, too.
    """
    where = f"The tokenizer in '{Path(source) / subfolder}'"
    read = partial(CLIPTokenizer.from_pretrained, source, **({"subfolder": subfolder} if subfolder else {}))
    tokenizer: CLIPTokenizer = attempt(read, f"{where} cannot be loaded", remedy)
    if not len(tokenizer.all_special_tokens) < len(tokenizer) <= most:
        raise Misconfigured(f"{where} knows {len(tokenizer)} pieces of words, and its text encoder {most}; {remedy}")
    return tokenizer


def attempt(load: Callable[[], Any], trouble: str, remedy: str = REMEDY) -> Any:
    """What `load` returns. Raises Misconfigured for whatever a library raises at a checkpoint that it cannot read."""
    with _hushed():
        try:
            return load()
        except (MemoryError, Misconfigured):
            raise
        except Exception as error:  # the boundary to the libraries: each file format has errors of its own
            raise Misconfigured(f"{trouble} ({said(error)}); {remedy}") from error


def said(error: Exception) -> str:
    """The first sentence of a library's error, cut, or its name where it says nothing."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return " ".join(line.partition(". ")[0].split())[:SHOWN].rstrip(".") or type(error).__name__


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the libraries' tables of weights out of the log: what is wrong stands in one line of ours."""
    loggers = [logging.getLogger(name) for name in LOUD]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
