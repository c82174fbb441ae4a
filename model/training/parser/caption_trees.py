"""Dependency trees of generated captions: words, what hangs off them, and the line of text they make; all ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Node:
    """A word and what hangs off it: `tag` is Penn Treebank's, `pos` Universal Dependencies'."""

    form: str
    lemma: str
    pos: str
    tag: str
    dep: str
    left: tuple[Node, ...] = ()
    right: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption in layers of equal length; `heads` are absolute indices, the root is its own head."""

    words: tuple[str, ...]
    spaces: tuple[bool, ...]
    lemmas: tuple[str, ...]
    pos: tuple[str, ...]
    tags: tuple[str, ...]
    heads: tuple[int, ...]
    deps: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(form + " " * space for form, space in zip(self.words, self.spaces, strict=True)).rstrip()


FUNCTION_TAGS = {"DET": "DT", "ADP": "IN", "CCONJ": "CC", "PUNCT": ",", "ADJ": "JJ", "NOUN": "NN", "ADV": "RB"}


def word(form: str, pos: str, dep: str, tag: str = "", lemma: str = "") -> Node:
    return Node(form, lemma or form, pos, tag or FUNCTION_TAGS[pos], dep)


def verb(entry: str, dep: str, tag: str = "VBG") -> Node:
    form, lemma = entry.split(":")
    return word(form, "VERB", dep, tag, lemma)


def attach(node: Node, dep: str, *front: Node) -> Node:
    """The node as a dependent, with function words put in front of its phrase."""
    return replace(node, dep=dep, left=(*front, *node.left))


def case(*forms: str) -> tuple[Node, ...]:
    return tuple(word(form, "ADP", "case") for form in forms)


def the() -> Node:
    return word("the", "DET", "det")


def lay_out(root: Node) -> Caption:
    """Read the tree from left to right."""
    order = list(_in_order(root))
    index = {id(node): position for position, node in enumerate(order)}
    heads = list(range(len(order)))
    for node in order:
        for child in (*node.left, *node.right):
            heads[index[id(child)]] = index[id(node)]
    forms = [_article(node.form, order[at + 1].form if at + 1 < len(order) else "") for at, node in enumerate(order)]
    spaces = [_space_after(form, after) for form, after in zip(forms, [*forms[1:], ","], strict=True)]
    return Caption(tuple(forms), tuple(spaces), tuple(node.lemma for node in order), tuple(node.pos for node in order),
                   tuple(node.tag for node in order), tuple(heads), tuple(node.dep for node in order))  # fmt: skip


def _in_order(node: Node) -> Iterator[Node]:
    for child in node.left:
        yield from _in_order(child)
    yield node
    for child in node.right:
        yield from _in_order(child)


def _article(form: str, after: str) -> str:
    vowel = after[:1] in "aeio" or after.startswith(("umb", "up"))
    return "an" if form == "a" and after and vowel else form


def _space_after(form: str, after: str) -> bool:
    return after not in (",", ".", "'s", "-") and form != "-"


def dress(rng: Random, caption: Caption) -> Caption:
    """Capitals and a full stop, as people write them or not."""
    draw = rng.random()
    if draw < 0.15:
        caption = replace(caption, words=(caption.words[0].capitalize(), *caption.words[1:]))
    elif draw < 0.2:
        caption = replace(caption, words=tuple(form.title() if len(form) > 2 else form for form in caption.words))
    if rng.random() < 0.12 and len(caption.words) > 2:
        root = next(at for at, head in enumerate(caption.heads) if head == at)
        return Caption((*caption.words, "."), (*caption.spaces, False), (*caption.lemmas, "."), (*caption.pos, "PUNCT"),
                       (*caption.tags, "."), (*caption.heads, root), (*caption.deps, "punct"))  # fmt: skip
    return caption
