"""The values that flow through the engine: frozen, with shapes, without behaviour.

Frames: image pixels, origin at the top left corner, points (X, Y), sizes (H, W), boxes XYXY half-open.
`g` is the side of the attention grid, `P` the number of phrases, `L` the number of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch  # a value names tensors, it makes none: the HTTP side imports this file before torch is there

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Mask = NDArray[np.bool_]  # (H, W)


@dataclass(frozen=True, slots=True)
class Point:
    """A click in image pixels; `positive` says whether it lies on the object."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in image pixels, turned by `rotation` degrees clockwise about its corner (x0, y0)."""

    x0: float
    y0: float
    x1: float
    y1: float
    rotation: float = 0.0


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line drawn by hand, as corners (X, Y) in image pixels; `positive` says whether it lies on the object."""

    corners: tuple[tuple[float, float], ...]
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Hint:
    """What an annotator pointed at: clicks, strokes and at most one box, all about one object.

    `previous`: logits (h, w) in SAM's low-resolution frame, the `low_res_mask` of the answer on the same picture that
    this hint refines. It takes no part in comparing hints: it follows from what was pointed at before.
    """

    points: tuple[Point, ...] = ()
    box: Box | None = None
    strokes: tuple[Stroke, ...] = ()
    previous: NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a project's corrections taught about one label; all of it is ours.

    `key` names the content: lessons with one key are the same lesson. phrases: what pre-annotation looks for under the
    label; empty: the label's own names. changes: constants of `EngineConfig` by section and name. embeddings: by word
    (as it is written, in lower case) the token embeddings (n, d) that the text encoder reads for its n tokens.
    `separate`: as in `Query`, for this label's clauses; None: as the query says.
    """

    key: str
    phrases: tuple[str, ...] = field(default=(), compare=False)
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False)
    embeddings: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, compare=False)
    separate: bool | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Clause:
    """One piece of text to look for. A `name` (a label) is one noun phrase as it stands; other text is parsed.

    `label`: the label that the text is written for, if any; whoever asks reads it again in the answer. `lesson`: what
    the project taught about that label.
    """

    text: str
    name: bool = False
    lesson: Lesson | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Everything asked of one picture. No clause: the hints alone speak. No hint: the text alone speaks.

    `separate`: one region for each object that a phrase matches, else one region for all of them.
    `preset`: which of the ways in presets.py answers the text.
    """

    clauses: tuple[Clause, ...] = ()
    hints: tuple[Hint, ...] = ()
    separate: bool = True
    preset: str = "fast"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the parser: `start` and `end` are character offsets, half-open, in the parsed text."""

    text: str
    lemma: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase: its syntactic head, the words that modify it, and how it hangs in the sentence.

    `text` is the phrase without its determiner and without the phrases that hang off it ("brown dog").
    `parent` is the index, in the parser's answer, of the phrase that this one hangs off by a preposition
    ("in a blue sweatshirt" hangs off "boy"); None for the phrases that are asked for.
    `place` is where the text says it is: left, right, top, bottom or middle.
    `trait_of` is the index of the phrase that this one describes, as "blue sweatshirt" does the boy who is in it or
    wears it; "on the grass" describes nothing. `verb`: what happens is asked for, and `noun` is the verb ("running").
    """

    text: str
    noun: Word
    modifiers: tuple[Word, ...] = ()
    parent: int | None = None
    place: str | None = None
    trait_of: int | None = None
    verb: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as the text encoder's pieces: ids (L,), and per token its characters (start, end), None for specials."""

    text: str
    ids: tuple[int, ...]
    spans: tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Attention:
    """What the backbone looked at, averaged over the heads of the layers that are read.

    cross: the two coarse resolutions, coarsest first, each (L, h, w): a cell's attention to a token in 0..1 (softmax
    over tokens, not normalised over space), mean of the layers and heads of that resolution.
    among: (g*g, g*g), rows sum to 1: self-attention of the last decoder level, heads weighted by coherence.
    broad: (g*g, g*g), rows sum to 1: the same layer, all heads alike.
    """

    cross: tuple[torch.Tensor, ...]
    among: torch.Tensor
    broad: torch.Tensor


@dataclass(frozen=True, slots=True)
class ImageEmbedding:
    """The segmenter's picture: features (1, C, h, w) and the sizes that bring prompts and masks to scale.

    `size` is the original image's (H, W); `input_size` the resized picture's (H, W) inside the padded square.
    """

    features: torch.Tensor
    size: tuple[int, int]
    input_size: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class MaskPrompt:
    """One object as SAM is asked for it, in image pixels.

    point_coords: (N, 2) XY; point_labels: (N,) 1 on the object, 0 off it; box: (4,) XYXY;
    mask_input: (h, w) logits in SAM's low-resolution frame.
    """

    point_coords: NDArray[np.float32]
    point_labels: NDArray[np.int64]
    box: NDArray[np.float32] | None = None
    mask_input: NDArray[np.float32] | None = None
    multimask_output: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The segmenter's answers to one prompt: low_res_masks (K, h, w) logits, iou_predictions (K,) in 0..1.

    The low-resolution frame covers the padded square; the picture fills its top left `valid` (H, W) cells.
    """

    low_res_masks: NDArray[np.float32]
    iou_predictions: NDArray[np.float32]
    valid: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """Masks that a proposer offers for a picture and T texts.

    masks: (N, h, w) logits that cover the whole picture; probabilities: (N, T) in 0..1, how surely a mask shows a text.
    """

    masks: NDArray[np.float32]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One region: mask (H, W) of the image's size, score in 0..1, and what it answers.

    `presence` (0..1) is how surely what was asked for is there; 1 where somebody pointed at it.
    `clause` indexes Query.clauses, `hint` indexes Query.hints; at least one of them is set.
    `low_res_mask`: the logits (h, w), in SAM's low-resolution frame, that the mask was made of; a click that refines
    the region brings them back as `Hint.previous`. None where the mask is not SAM's.
    """

    mask: Mask
    score: float
    phrase: Phrase | None = None
    clause: int | None = None
    hint: int | None = None
    presence: float = 1.0
    low_res_mask: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A phrase that was looked for: where (scores (g, g), maximum 1) and how surely it is there (presence 0..1).

    attended: (g, g), maximum 1, the phrase's cross-attention before it was refined to `scores`.
    """

    phrase: Phrase
    clause: int
    scores: NDArray[np.float32]
    presence: float
    present: bool
    attended: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the engine found: the segments, best first within each phrase, and every phrase that was looked for.

    `warnings`: what did not go as it should have without spoiling the answer, in words for an annotator.
    """

    segments: tuple[Segment, ...]
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
