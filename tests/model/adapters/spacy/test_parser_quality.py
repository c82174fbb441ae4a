"""How good the shipped parser is, on trees and captions that it was not trained on.

Captions written by hand are in test_parser.py.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import spacy

from model.adapters.spacy.noun_phrases import phrases_of
from model.adapters.spacy.parser import SpacyParser, load_parser
from model.training.parser.caption_trees import Caption
from model.training.parser.treebank import caption_doc, example, read_conllu
from model.training.train_parser import Training, held_out_captions
from model.types import Phrase

ROOT = Path(__file__).parents[4]
WEIGHTS = ROOT / "model" / "embedded" / "weights" / "parser"
TREEBANK = ROOT.parent / "shared" / "data" / "ud-english-ewt" / "test.conllu.gz"
BLANK = spacy.blank("en")
Structure = list[tuple[int, list[int], int | None, str | None, int | None]]


@pytest.fixture(scope="module")
def shipped() -> SpacyParser:
    if not (WEIGHTS / "meta.json").exists():
        pytest.skip("the parser's weights are not here: run model.training.train_parser")
    return load_parser(WEIGHTS)


def structure(phrases: tuple[Phrase, ...]) -> Structure:
    """Where nouns and modifiers start, and how the phrases hang together; generated trees know no verb as a phrase."""
    return [
        (each.noun.start, [word.start for word in each.modifiers], each.parent, each.place, each.trait_of)
        for each in phrases
        if not each.verb
    ]


def gold(caption: Caption) -> Structure:
    doc = caption_doc(BLANK, caption)
    return structure(phrases_of(doc, [(token.idx, token.idx + len(token)) for token in doc], caption.text))


def test_captions_give_exactly_their_phrases(shipped: SpacyParser) -> None:
    """Noun, modifiers, attachment and place of every phrase, in 95 of 100 generated captions."""
    held_out = held_out_captions(Training(TREEBANK.parent, WEIGHTS, WEIGHTS, held_out=300))
    right = [structure(shipped.phrases(caption.text)) == gold(caption) for caption in held_out]
    assert sum(right) >= 0.95 * len(right)


def test_trees_of_running_text() -> None:
    """LAS on EWT's test set is 80 or more, and a sixteenth of it says that the figure is that of these weights."""
    if not TREEBANK.exists():
        pytest.skip("English EWT is not here")
    figure = json.loads((WEIGHTS / "figures.json").read_text())["ewt_test_las"]
    nlp = spacy.load(WEIGHTS, exclude=["trainable_lemmatizer", "attribute_ruler"])
    sample = islice(read_conllu(nlp, TREEBANK), 0, None, 16)
    measured = 100 * nlp.evaluate([example(nlp, doc) for doc in sample])["dep_las"]
    assert figure >= 80
    assert abs(measured - figure) < 3
