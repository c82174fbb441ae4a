"""Gold sentences for the parser: UD English EWT from CoNLL-U files, and generated captions, as spaCy documents."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from model.training.parser.caption_trees import Caption


def read_conllu(nlp: Language, path: Path) -> Iterator[Doc]:
    """The sentences of a CoNLL-U file; ranges (multiword tokens) and empty nodes carry no tree and are left out."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for block in file.read().split("\n\n"):
            lines = [line.split("\t") for line in block.splitlines() if line and not line.startswith("#")]
            if lines:
                yield _sentence(nlp, lines)


def _sentence(nlp: Language, lines: list[list[str]]) -> Doc:
    joined = _joined_to_next(lines)
    rows = [row for row in lines if row[0].isdigit()]
    return Doc(
        nlp.vocab,
        words=[row[1] for row in rows],
        spaces=[row[0] not in joined and "SpaceAfter=No" not in row[9] for row in rows],
        tags=[row[4] for row in rows],
        pos=[row[3] for row in rows],
        lemmas=[row[2] for row in rows],
        heads=[at if row[6] == "0" else int(row[6]) - 1 for at, row in enumerate(rows)],
        deps=[_dep(row[7]) for row in rows],
    )


def _joined_to_next(lines: list[list[str]]) -> set[str]:
    """Ids of the words inside multiword tokens, and of their last words where no space follows."""
    joined: set[str] = set()
    for row in lines:
        if "-" in row[0]:
            first, last = map(int, row[0].split("-"))
            joined.update(str(number) for number in range(first, last))
            joined.update({str(last)} if "SpaceAfter=No" in row[9] else ())
    return joined


def _dep(relation: str) -> str:
    return "ROOT" if relation == "root" else relation


def caption_doc(nlp: Language, caption: Caption) -> Doc:
    """A generated caption as a gold document."""
    return Doc(nlp.vocab, words=list(caption.words), spaces=list(caption.spaces), tags=list(caption.tags),
               pos=list(caption.pos), lemmas=list(caption.lemmas), heads=list(caption.heads),
               deps=[_dep(relation) for relation in caption.deps])  # fmt: skip


def example(nlp: Language, gold: Doc) -> Example:
    """The gold document beside an empty one with the same words."""
    blank = Doc(nlp.vocab, words=[token.text for token in gold], spaces=[bool(token.whitespace_) for token in gold])
    return Example(blank, gold)


def shuffled_texts(nlp: Language, rng: Random, sentences: list[Doc]) -> Iterator[Doc]:
    """Sentences shuffled, joined by one to three so that their ends are learnt, a third of them in small letters."""
    order = rng.sample(sentences, len(sentences))
    while order:
        parts = [order.pop() for _ in range(min(len(order), rng.choices([1, 2, 3], [7, 2, 1])[0]))]
        text = Doc.from_docs(parts, ensure_whitespace=True) if len(parts) > 1 else parts[0]
        yield _small(nlp, text) if rng.random() < 0.33 else text


def _small(nlp: Language, doc: Doc) -> Doc:
    return Doc(nlp.vocab, words=[token.lower_ for token in doc], spaces=[bool(token.whitespace_) for token in doc],
               tags=[token.tag_ for token in doc], pos=[token.pos_ for token in doc],
               lemmas=[token.lemma_.lower() for token in doc], heads=[token.head.i for token in doc],
               deps=[token.dep_ for token in doc])  # fmt: skip


def batches(docs: Iterable[Doc], words: int) -> Iterator[list[Doc]]:
    """Batches of at least `words` words; the last one may be smaller."""
    batch: list[Doc] = []
    for doc in docs:
        batch.append(doc)
        if sum(map(len, batch)) >= words:
            yield batch
            batch = []
    if batch:
        yield batch


def word_classes(docs: Iterable[Doc]) -> dict[str, str]:
    """For each Penn tag the universal word class that it most often stands for."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for doc in docs:
        for token in doc:
            counts[token.tag_][token.pos_] += 1
    return {tag: classes.most_common(1)[0][0] for tag, classes in counts.items()}
