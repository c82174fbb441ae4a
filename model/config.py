"""The method's constants, each with its source. A checkpoint's profile (adapters/profile.py) may override."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from model.errors import Misconfigured

CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class AttentionConfig:
    """How maps are read and joined."""

    enhancement: float = 1.6  # Cat-Cross factor on the phrases' text-encoder outputs (iSeg, table of gamma)
    resolution_weights: tuple[float, ...] = (0.7, 0.3)  # coarsest first (iSeg, 16 and 32 of 64 cells)
    pooling: int = 0  # seeds per side of the clusters that maps are averaged over (only in iSeg's code: 6); 0: none
    modifier_weight: float = 0.3  # share of the modifiers' maps in a phrase's map; ours
    draws: int = 1  # passes with other noise that attention is the mean of; ours (Segment Anyword: all DDIM steps)


@dataclass(frozen=True, slots=True)
class InversionConfig:
    """Test-time prompt inversion. `denoising` is Segment Anyword's objective, `clustering` InvSeg's.

    Segment Anyword: 1,100 AdamW steps, batch 8, base rate 0.005 (appendix C.1), times the batch in its trainer. The
    embedded model's steps and rates are ours, from a sweep. InvSeg's numbers were never published: all are ours.
    """

    objective: Literal["none", "denoising", "clustering"] = "none"
    steps: int = 24
    rate: float = 0.03
    batch: int = 4  # draws of timestep and noise in one step
    timesteps: tuple[int, int] = (50, 900)  # Segment Anyword: all 1,000; a checkpoint's profile may narrow it
    still: float = 0.01  # ends the steps: share of the maps' mass that moved in four of them; 0: never
    contrast: float = 0.0  # weight of the contrastive term over nouns (Segment Anyword: 0.00075)
    temperature: float = 0.3  # of the contrastive term (Segment Anyword, appendix C.1)
    trace: int = 0  # DDIM inversion steps that attention is averaged over; 0: one pass at the fixed timestep
    anchor_threshold: float = 0.75  # InvSeg: share of a map's maximum above which a cell is an anchor
    cluster_temperature: float = 0.1  # InvSeg: of the contrastive softmax over distances
    entropy_weight: float = 0.5  # InvSeg: weight of the entropy of view-averaged maps; 0 leaves the term out
    cluster_weight: float = 1.0  # InvSeg: weight of the contrastive soft clustering; 0 leaves the term out


@dataclass(frozen=True, slots=True)
class SyntaxConfig:
    """Segment Anyword's rules for points, section 2.4 and figure 6."""

    prompts: Literal["peak", "words", "both"] = "peak"  # SAM is asked by a region's peak and box, by word maps' points
    positives: bool = True  # R1: the modifiers' points join the noun's
    negatives: bool = True  # R2: the other phrases' points become negative
    attachments: Literal["figure", "text"] = "figure"  # whether "in a blue sweatshirt" joins the noun's positives
    threshold: float = 0.7  # share of a map's maximum above which a cell is in the region (section 2.3)
    seed: int | None = None  # draw points at random as the paper does; None: the region's most central cell (ours)
    decode: bool = True  # False: the thresholded map itself is the mask ("plain" Segment Anyword, at 0.5)


@dataclass(frozen=True, slots=True)
class ProposalConfig:
    """Prompt-guided mask proposals (PMP). How many join, and from which probability, are ours."""

    join: bool = False
    least: float = 0.3  # least probability of a proposal that joins SAM's candidates
    most: int = 6  # proposals per phrase at most


@dataclass(frozen=True, slots=True)
class RefineConfig:
    """Entropy-reduced iterative refinement (iSeg); the stopping rule is ours, iSeg leaves it open."""

    coherent_first: bool = False  # whether the first product, too, is with the coherent heads alone; ours
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
    templates: tuple[str, ...] = ()  # more templates than the engine's that evidence is read under; the mean counts
    agreement: float = 0.6  # weight of the agreement with the scores against SAM's own IoU prediction
    hint_agreement: float = 0.0  # the same where somebody pointed and no text came along: SAM knows best; ours
    overlap: float = 0.6  # IoU above which two answers to one phrase are the same object
    steadiness: float = 0.5  # weight of the agreement with the mask that clicks refine against SAM's own IoU prediction
    snapping: float = 4.5  # how far a border may move to an edge, in cells of SAM's low-resolution frame; 0: not at all
    granularity: int | None = None  # which of SAM's three masks, the smallest first; None: the one that agrees best
    specks: float = 0.0005  # least share of the picture for a part of a mask, or a hole in it; 0: all are kept


@dataclass(frozen=True, slots=True)
class FinishConfig:
    """What a project's annotators always do to masks, learned from their corrections. Ours."""

    fill_holes: bool = False
    margin: float = 0.0  # how far a border moves outwards (inwards below 0), in square roots of the mask's area
    smoothing: float = 0.0  # radius of an opening and a closing, in square roots of the mask's area


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything the engine can be told."""

    attention: AttentionConfig = field(default_factory=AttentionConfig)
    inversion: InversionConfig = field(default_factory=InversionConfig)
    syntax: SyntaxConfig = field(default_factory=SyntaxConfig)
    proposals: ProposalConfig = field(default_factory=ProposalConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    prompting: PromptingConfig = field(default_factory=PromptingConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    finish: FinishConfig = field(default_factory=FinishConfig)
    presences: Mapping[str, float] = field(default_factory=dict)  # selection.presence under presets that differ in it
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
