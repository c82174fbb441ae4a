"""Reading CoNLL-U: multiword tokens and empty nodes leave the tree alone."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

import spacy

from model.training.parser.treebank import batches, read_conllu, shuffled_texts, word_classes

NLP = spacy.blank("en")
ROWS = [
    "# text = They don't, ok",
    "1\tThey\tthey\tPRON\tPRP\t_\t2\tnsubj\t_\t_",
    "2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No",
    "2\tdo\tdo\tVERB\tVBP\t_\t0\troot\t_\t_",
    "3\tn't\tnot\tPART\tRB\t_\t2\tadvmod\t_\t_",
    "3.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\t_",
    "4\t,\t,\tPUNCT\t,\t_\t5\tpunct\t_\t_",
    "5\tok\tok\tINTJ\tUH\t_\t2\tdiscourse\t_\t_",
]


def bank(folder: Path) -> Path:
    path = folder / "train.conllu.gz"
    other = "1\tDogs\tdog\tNOUN\tNNS\t_\t0\troot\t_\t_\n\n"
    path.write_bytes(gzip.compress(("\n".join(ROWS) + "\n\n" + other).encode()))
    return path


def test_words_heads_and_text_of_a_sentence(tmp_path: Path) -> None:
    sentence, other = read_conllu(NLP, bank(tmp_path))
    assert [token.text for token in sentence] == ["They", "do", "n't", ",", "ok"]
    assert sentence.text == "They don't, ok "
    assert [token.head.i for token in sentence] == [1, 1, 1, 4, 1]
    assert [token.dep_ for token in sentence] == ["nsubj", "ROOT", "advmod", "punct", "discourse"]
    assert (other[0].lemma_, other[0].tag_, other[0].pos_) == ("dog", "NNS", "NOUN")


def test_shuffled_texts_keep_every_word(tmp_path: Path) -> None:
    sentences = list(read_conllu(NLP, bank(tmp_path))) * 50
    texts = list(shuffled_texts(NLP, Random(1), sentences))
    assert sum(map(len, texts)) == sum(map(len, sentences))
    assert any(len(list(text.sents)) > 1 for text in texts)
    assert any(text[0].text == "dogs" for text in texts)


def test_batches_hold_at_least_the_asked_words(tmp_path: Path) -> None:
    sentences = list(read_conllu(NLP, bank(tmp_path))) * 10
    sizes = [sum(map(len, batch)) for batch in batches(sentences, 12)]
    assert all(size >= 12 for size in sizes[:-1])
    assert sum(sizes) == sum(map(len, sentences))


def test_word_class_is_the_most_frequent_one(tmp_path: Path) -> None:
    assert word_classes(read_conllu(NLP, bank(tmp_path)))["RB"] == "PART"
