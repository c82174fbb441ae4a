"""The method's constants, each with its source. A checkpoint's profile (adapters/profile.py) may override."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from model.errors import Misconfigured

CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class AttentionConfig:
    """How maps are read and joined."""

    enhancement: float = 1.6  # Cat-Cross factor on the phrases' text-encoder outputs (iSeg, table of gamma)
    resolution_weights: tuple[float, ...] = (0.7, 0.3)  # coarsest first (iSeg, 16 and 32 of 64 cells)
    modifier_weight: float = 0.3  # share of the modifiers' maps in a phrase's map; ours


@dataclass(frozen=True, slots=True)
class RefineConfig:
    """Entropy-reduced iterative refinement (iSeg); the stopping rule is ours, iSeg leaves it open."""

    entropy_factor: float = 0.1  # lambda, with log10 as in iSeg's code
    max_iterations: int = 20
    tolerance: float = 0.02  # stop when a product moves less than this share of the map's mass


@dataclass(frozen=True, slots=True)
class PromptingConfig:
    """From scores to mask prompts. Ours, after Segment Anyword section 2.3 (threshold, region, point)."""

    threshold: float = 0.5  # share of the map's maximum above which a cell belongs to an object
    smallest: float = 0.004  # least share of the grid for a region to be an object
    most: int = 12  # objects per phrase at most


@dataclass(frozen=True, slots=True)
class SelectionConfig:
    """From candidate masks to segments. Ours."""

    presence: float = 0.0  # least evidence (mean attention of a phrase's words in a mask) of an object; 0: not measured
    agreement: float = 0.6  # weight of the agreement with the scores against SAM's own IoU prediction
    hint_agreement: float = 0.3  # the same where somebody pointed and no text came along
    overlap: float = 0.6  # IoU above which two answers to one phrase are the same object


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything the engine can be told."""

    attention: AttentionConfig = field(default_factory=AttentionConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    prompting: PromptingConfig = field(default_factory=PromptingConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    template: str = "a photograph of {} and other objects and background"  # iSeg, section 7 of its code notes
    cache_bytes: int = CACHE_BYTES


def overridden(config: EngineConfig, changes: Mapping[str, Mapping[str, Any]]) -> EngineConfig:
    """A configuration with some constants changed, by section and name: {"refine": {"tolerance": 0.01}}.

    Raises Misconfigured for a section or a name that is not there.
    """
    sections = {}
    for name, values in changes.items():
        section = getattr(config, name, None)
        unknown = set(values) - set(getattr(type(section), "__slots__", ()))
        if section is None or unknown:
            raise Misconfigured(f"no constants {name}: {', '.join(sorted(unknown)) or 'no such section'}")
        frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        sections[name] = replace(section, **frozen)
    return replace(config, **sections)
