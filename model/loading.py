"""Build an engine from checkpoints: the embedded ones, local folders, or names on the hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import transformers

from model.adapters.diffusers import profile
from model.adapters.hub import located
from model.adapters.sam.segmenter import load_sam
from model.config import CACHE_BYTES, EngineConfig, overridden
from model.engine import Engine
from model.errors import Misconfigured
from model.grounding.features import Models
from model.protocols import Segmenter
from model.runtime.cache import Cache
from model.runtime.pending_models import Pending

WEIGHTS = Path(__file__).parent / "embedded" / "weights"
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class EnginePaths:
    """Where the models are; an empty path means the embedded one. `device` as torch names it, empty to choose."""

    backbone: str = ""
    segmenter: str = ""
    parser: str = ""
    device: str = ""
    dtype: str = "float32"
    proposer: str = ""
    clip: str = ""  # second opinion on the proposer's names; none where empty
    lora: str = ""  # adapter of tuning.py for the backbone's text encoder; none where empty


def load_engine(paths: EnginePaths, cache_bytes: int = CACHE_BYTES) -> Engine:
    """The engine with all models; arguments and errors are those of `load_engines`."""
    *_, whole = load_engines(paths, cache_bytes)
    return whole


def load_engines(paths: EnginePaths, cache_bytes: int = CACHE_BYTES) -> Iterator[Engine]:
    """As soon as SAM is there, an engine that can be clicked and knows no texts; then the one with all four models.

    Both have the same SAM, what was seen of recent pictures in at most `cache_bytes`, and the configuration that the
    backbone's measured profile makes of the plain one: a click is answered alike by both.
    Raises Misconfigured where a path, a device or a type cannot be used.
    """
    transformers.utils.logging.disable_progress_bar()
    device, dtype = device_named(paths.device), _dtype(paths.dtype)
    paths = _located(paths)
    measured, cache = profile.find(_backbone(paths)), Cache(cache_bytes)
    plain = EngineConfig(cache_bytes=cache_bytes, presences=measured.presences)
    config = overridden(plain, measured.constants)
    segmenter = load_sam(paths.segmenter or str(WEIGHTS / "segmenter"), device, dtype)
    if not config.selection.hint_agreement:  # else a click, too, looks at what the backbone makes of the picture
        yield Engine(Models(Pending(), segmenter, Pending()), config, cache)
    yield Engine(_models(paths, segmenter, device, dtype), config, cache)


def _models(paths: EnginePaths, segmenter: Segmenter, device: torch.device, dtype: torch.dtype) -> Models:
    from model.adapters.diffusers.backbone import load_backbone  # these bring libraries that SAM does not wait for
    from model.adapters.proposers.load_proposer import load_proposer
    from model.adapters.spacy.parser import load_parser

    quiet()
    backbone = load_backbone(_backbone(paths), device, dtype)
    parser = load_parser(paths.parser or str(WEIGHTS / "parser"))
    proposer = load_proposer(paths.proposer or str(WEIGHTS / "proposer"), device, dtype, paths.clip)
    if paths.lora:
        backbone.adapt(Path(paths.lora))
    return Models(backbone, segmenter, parser, proposer)


def check(role: str, paths: EnginePaths) -> None:
    """Read one of the models, by its name in `EnginePaths`, as `load_engines` would, but none of its weights.

    It takes the time of the libraries' imports and next to no memory. Raises Misconfigured where it cannot be used.
    """
    from model.adapters.diffusers.backbone import load_backbone
    from model.adapters.proposers.clip_naming import load_clip  # see `_models`
    from model.adapters.proposers.load_proposer import load_proposer
    from model.adapters.spacy.parser import load_parser

    quiet()
    nowhere, dtype = torch.device("meta"), _dtype(paths.dtype)
    match role:
        case "backbone":
            load_backbone(_backbone(paths), nowhere, dtype)
        case "lora":
            load_backbone(_backbone(paths), nowhere, dtype).adapt(Path(paths.lora))
        case "segmenter":
            load_sam(paths.segmenter or str(WEIGHTS / "segmenter"), nowhere, dtype)
        case "proposer":
            load_proposer(paths.proposer or str(WEIGHTS / "proposer"), nowhere, dtype)
        case "clip":
            load_clip(paths.clip, nowhere, dtype)
        case "parser":
            load_parser(paths.parser or str(WEIGHTS / "parser"))


def quiet() -> None:
    """Keep the libraries' progress bars out of logs and of what commands print."""
    import diffusers  # not at the top: see `_models`

    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()


def _located(paths: EnginePaths) -> EnginePaths:
    """With folders in place of hub names that are on this machine while the hub is out of reach."""
    roles = ("backbone", "segmenter", "proposer", "clip")
    return replace(paths, **{role: located(getattr(paths, role)) for role in roles})


def device_named(name: str) -> torch.device:
    """The device that a name means; an empty one means CUDA where there is one. Raises Misconfigured."""
    if not name:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise Misconfigured(f"device {name}: use cpu, cuda or cuda:0 ({error})") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise Misconfigured(f"device {name}: this machine has no usable CUDA device; use cpu")
    try:
        torch.ones(1, device=device).item()  # the other kinds, such as meta, xla or a GPU that is not there
    except (RuntimeError, NotImplementedError, AssertionError, ImportError) as error:
        said = str(error).strip().partition("\n")[0]
        raise Misconfigured(f"device {name}: cannot compute here; use cpu, cuda or cuda:0 ({said})") from error
    return device


def _dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise Misconfigured(f"dtype {name}: use one of {', '.join(DTYPES)}")
    return DTYPES[name]


def _backbone(paths: EnginePaths) -> str:
    return paths.backbone or str(WEIGHTS / "backbone")
