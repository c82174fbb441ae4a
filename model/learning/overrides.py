"""What a lesson changes about a phrase: constants, and the token embeddings of its words. All of it is ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from model.config import EngineConfig, overridden
from model.errors import Misconfigured
from model.protocols import Backbone
from model.text.prompt_text import Wording
from model.types import Lesson, Tokens

OF_A_PHRASE = ("refine", "prompting", "selection", "finish")  # sections that act on one phrase alone
FACTOR = {"enhancement"}  # the one constant of attention that can differ between the phrases of one text


@dataclass(frozen=True, slots=True)
class Taught:
    """Token embeddings that a lesson gives to one word: its tokens in a text, and rows (n, d) float32 as bytes."""

    pieces: tuple[int, ...]
    rows: bytes


def under(config: EngineConfig, lesson: Lesson | None) -> EngineConfig:
    """A configuration as a lesson changes it for its phrases.

    Raises Misconfigured for a constant that is not there, or that the phrases of one text have to share.
    """
    if lesson is None or not lesson.changes:
        return config
    factor = lesson.changes.get("attention", {})
    shared = [name for name in lesson.changes if name not in (*OF_A_PHRASE, "attention")]
    shared += [f"attention.{name}" for name in factor if name not in FACTOR]
    if shared:
        raise Misconfigured(f"a lesson cannot change {', '.join(shared)}: the phrases of one text share it")
    return overridden(config, lesson.changes)


def taught_words(wording: Wording) -> tuple[Taught, ...]:
    """The words of a text whose token embeddings a lesson knows, those of as many tokens as were learned."""
    found = []
    for each in wording.sought:
        known = each.lesson.embeddings if each.lesson else {}
        for pieces in each.words if known else ():
            rows = known.get(written(wording.tokens, pieces))
            if rows is not None and len(rows) == len(pieces):
                found.append(Taught(pieces, np.asarray(rows, np.float32).tobytes()))
    return tuple(found)


def written(tokens: Tokens, pieces: tuple[int, ...]) -> str:
    """The characters that a word's tokens cover, in lower case."""
    spans = [span for span in (tokens.spans[piece] for piece in pieces) if span]
    return tokens.text[spans[0][0] : spans[-1][1]].lower() if spans else ""


def with_taught(backbone: Backbone, tokens: Tokens, words: tuple[Taught, ...]) -> torch.Tensor | None:
    """Token embeddings (L, d) of a text, those of taught words as they were learned; None where nothing was.

    Raises Misconfigured where they were learned for another text encoder.
    """
    if not words:
        return None
    inputs = backbone.inputs(tokens).clone()
    for word in words:
        rows = np.frombuffer(word.rows, np.float32).reshape(len(word.pieces), -1)
        if rows.shape[1] != inputs.shape[1]:
            raise Misconfigured(
                f"the learned embeddings have {rows.shape[1]} numbers for each token, the text encoder reads "
                f"{inputs.shape[1]}: they come from another backbone; reset the project's lessons, or go back to it"
            )
        inputs[list(word.pieces)] = torch.from_numpy(rows.copy()).to(inputs)
    return inputs
