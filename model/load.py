"""Build an engine from checkpoints: the embedded ones, local folders, or names on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import diffusers
import torch
import transformers

from model.adapters.diffusers_backbone import load_backbone
from model.adapters.proposer import load_proposer
from model.adapters.sam import load_sam
from model.adapters.spacy_parser import load_parser
from model.config import CACHE_BYTES, EngineConfig, overridden
from model.engine import Engine
from model.errors import Misconfigured
from model.sight import Models

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
    """Load the four models; the backbone's measured profile overrides the plain configuration.

    `cache_bytes` bounds what is kept of recent pictures.
    Raises Misconfigured where a path, a device or a type cannot be used.
    """
    quiet()
    device, dtype = device_named(paths.device), _dtype(paths.dtype)
    backbone = load_backbone(paths.backbone or str(WEIGHTS / "backbone"), device, dtype)
    segmenter = load_sam(paths.segmenter or str(WEIGHTS / "segmenter"), device, dtype)
    parser = load_parser(paths.parser or str(WEIGHTS / "parser"))
    proposer = load_proposer(paths.proposer or str(WEIGHTS / "proposer"), device, dtype, paths.clip)
    if paths.lora:
        backbone.adapt(Path(paths.lora))
    plain = EngineConfig(cache_bytes=cache_bytes, presences=backbone.profile.presences)
    config = overridden(plain, backbone.profile.constants)
    return Engine(Models(backbone, segmenter, parser, proposer), config)


def quiet() -> None:
    """Keep the libraries' progress bars out of logs and of what commands print."""
    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()


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
    return device


def _dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise Misconfigured(f"dtype {name}: use one of {', '.join(DTYPES)}")
    return DTYPES[name]
