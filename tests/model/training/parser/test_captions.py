"""Generated captions: trees, text and the words of the shape world."""

from __future__ import annotations

from itertools import islice

import pytest
import spacy

from model.adapters.spacy.noun_phrases import phrases_of
from model.training.parser.caption_phrases import plural
from model.training.parser.caption_trees import Caption
from model.training.parser.caption_words import SHAPE_COLOURS, SHAPES
from model.training.parser.captions import captions
from model.training.parser.treebank import caption_doc
from model.types import Phrase

NLP = spacy.blank("en")
SAMPLE = list(islice(captions(7), 2000))


def descendants(caption: Caption, at: int) -> list[int]:
    """The positions in the subtree of a word, itself included."""
    below = [child for child, head in enumerate(caption.heads) if head == at and child != at]
    return sorted([at, *(position for child in below for position in descendants(caption, child))])


def test_same_seed_gives_the_same_captions() -> None:
    assert list(islice(captions(7), 200)) == SAMPLE[:200]
    assert list(islice(captions(8), 200)) != SAMPLE[:200]


def test_every_caption_is_one_projective_tree() -> None:
    for caption in SAMPLE[:500]:
        roots = [at for at, head in enumerate(caption.heads) if head == at]
        assert len(roots) == 1, caption.text
        assert caption.deps[roots[0]] == "root"
        assert descendants(caption, roots[0]) == list(range(len(caption.words)))
        for at in range(len(caption.words)):
            covered = descendants(caption, at)
            assert covered == list(range(covered[0], covered[-1] + 1)), caption.text


def test_tokenizer_cuts_captions_as_the_trees_do() -> None:
    same = sum([token.text for token in NLP(caption.text)] == list(caption.words) for caption in SAMPLE)
    assert same / len(SAMPLE) > 0.99


def test_text_reads_like_english() -> None:
    text = " ".join(caption.text for caption in SAMPLE).lower()
    for wrong in (" a apple ", " a orange ", " an red ", " ,", " .", "mans ", "persons "):
        assert wrong not in text
    for right in (" on the left", " next to ", " in front of ", ", a ", " and ", " wearing ", "striped "):
        assert right in text


def test_shape_world_is_covered() -> None:
    words = {word.lower() for caption in SAMPLE for word in caption.words}
    named = {*SHAPES, *SHAPE_COLOURS, "plain", "striped", "dotted", "big", "small", "grass", "sand", "water", "stone",
             "object", "shape", "background"}  # fmt: skip
    assert named <= words


def test_gold_trees_give_phrases_with_parents_and_places() -> None:
    phrases = [phrase for caption in SAMPLE for phrase in _phrases(caption)]
    assert {"left", "right", "top", "bottom", "middle"} == {phrase.place for phrase in phrases if phrase.place}
    assert any(phrase.parent is not None for phrase in phrases)
    assert sum(bool(_phrases(caption)) for caption in SAMPLE) / len(SAMPLE) > 0.95


def _phrases(caption: Caption) -> tuple[Phrase, ...]:
    doc = caption_doc(NLP, caption)
    return phrases_of(doc, [(token.idx, token.idx + len(token)) for token in doc], doc.text)


@pytest.mark.parametrize(
    ("noun", "many"), [("dog", "dogs"), ("bus", "buses"), ("bench", "benches"), ("cherry", "cherries"), ("man", "men"),
                       ("boy", "boys"), ("box", "boxes"), ("knife", "knives"), ("key", "keys")],
)  # fmt: skip
def test_plural(noun: str, many: str) -> None:
    assert plural(noun) == many
