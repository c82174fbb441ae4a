"""A spaCy English pipeline as the engine's parser."""

from __future__ import annotations

import re
from operator import attrgetter
from pathlib import Path
from threading import Lock

import spacy
import spacy.about
from cachetools import LRUCache, cachedmethod
from spacy.language import Language
from spacy.tokens import Doc, Token

from model.adapters.spacy.noun_phrases import Span, phrases_of, word_of
from model.adapters.spacy.place_words import PLACES, UNSEEN
from model.errors import BadQuery, Misconfigured
from model.types import Phrase, Word

MAX_CHARACTERS = 2000  # far more than a text encoder reads (77 tokens)
MAX_WORDS = 300
LABELS_KEPT = 1024  # a project's labels come again with every picture; ours
SHORT = 4  # words; up to here a text without a noun may be a name that the tagger does not know
NAMELESS = frozenset(
    {"ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NUM", "PART", "PRON", "PUNCT", "SCONJ", "SYM", "VERB"}
)
NAME_ENDS = frozenset({"of", "with", "in", "on", "at", "for", "from", "without", "and", "or"})  # "bag of chips"


class SpacyParser:
    """Noun phrases by dependency rules. Threads are served one after another, a few milliseconds each."""

    def __init__(self, nlp: Language) -> None:
        self.name = f"{nlp.meta['lang']}_{nlp.meta['name']}-{nlp.meta['version']}"
        self._nlp = nlp
        self._lock = Lock()
        self._labels: LRUCache[object, Phrase] = LRUCache(LABELS_KEPT)

    def phrases(self, text: str) -> tuple[Phrase, ...]:
        """Every noun phrase of the first 300 words in order of appearance; the verbs where there is no noun."""
        with self._lock, self._nlp.memory_zone():
            doc, spans = self._parse(text)
            found = phrases_of(doc, spans, text)
            content = [token for token in doc if _has_content(token)]
            if found or len(doc) > SHORT or not content:
                return found or _verbs(doc, spans, text)
            return (_named(text, [word_of(token, spans, text) for token in content]),)

    def verbs(self, text: str) -> tuple[Phrase, ...]:
        """The verbs of the first 300 words that say what happens ("holding"), in order of appearance."""
        with self._lock, self._nlp.memory_zone():
            return _verbs(*self._parse(text), text)

    @cachedmethod(attrgetter("_labels"), lock=attrgetter("_lock"))
    def name_phrase(self, text: str) -> Phrase:
        """A label read as one noun phrase: the last word (before "of", "with", ...) is the noun.

        Raises BadQuery where the text has no visible character.
        """
        spans = _name_spans(text)
        if not spans:
            raise BadQuery("A label needs at least one word.")
        with self._lock, self._nlp.memory_zone():
            doc = self._tag([text[start:end].lower() for start, end in spans])
            return _named(text, [word_of(token, spans, text) for token in doc])

    def _parse(self, text: str) -> tuple[Doc, list[Span]]:
        """Parse in small letters: capitals of labels and of sentence starts mislead taggers, and encoders drop them."""
        tokens = self._nlp.make_doc(_small(text[:MAX_CHARACTERS]))
        kept = [token for token in tokens if not token.is_space][:MAX_WORDS]
        spans = [(token.idx, token.idx + len(token)) for token in kept]
        return self._tag([token.text for token in kept]), spans

    def _tag(self, words: list[str]) -> Doc:
        return self._nlp(Doc(self._nlp.vocab, words=words))


def load_parser(path_or_name: str | Path) -> SpacyParser:
    """Load a pipeline from a folder or an installed package ("en_core_web_sm").

    Raises Misconfigured where there is none, or where it cannot tag and parse.
    """
    folder = Path(path_or_name) / "meta.json"
    if not folder.is_file() and not spacy.util.is_package(str(path_or_name)):
        raise Misconfigured(
            f"No spaCy pipeline called {str(path_or_name)!r}: give the folder of one (it holds meta.json), "
            f"or install the package, for example with `python -m spacy download en_core_web_sm`."
        )
    try:
        nlp = spacy.load(path_or_name, exclude=["ner", "senter"])
    except Exception as error:  # the boundary to spaCy: each component reads its files in its own way
        line = " ".join(str(error).split())[:200]
        raise Misconfigured(
            f"The spaCy pipeline {str(path_or_name)!r} cannot be loaded ({line}): install it again, in a version for "
            f"spaCy {spacy.about.__version__}."
        ) from error
    missing = {"tagger", "parser"} - set(nlp.pipe_names)
    if missing:
        raise Misconfigured(f"The spaCy pipeline {str(path_or_name)!r} has no {' and no '.join(sorted(missing))}.")
    return SpacyParser(nlp)


def _verbs(doc: Doc, spans: list[Span], text: str) -> tuple[Phrase, ...]:
    """Each verb as a phrase of its own: a predicate is asked for as any other word (Segment Anyword, section 3.3).

    Auxiliaries and verbs that speak to the tool ("show me") are left out; ours.
    """
    verbs = [token for token in doc if token.pos_ == "VERB" and (token.lemma_ or token.text).lower() not in UNSEEN]
    words = [word_of(token, spans, text) for token in verbs]
    return tuple(Phrase(word.text, word, verb=True) for word in words)


def _small(text: str) -> str:
    """The text in small letters, at the same length (a few capitals grow: U+0130); underscores part words."""
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text).replace("_", " ")


def _has_content(token: Token) -> bool:
    return token.pos_ not in NAMELESS and token.lower_ not in PLACES and any(letter.isalpha() for letter in token.text)


def _name_spans(text: str) -> list[Span]:
    """The words of a label: parts at blanks, underscores and hyphens; without numbers where there are other words."""
    spans = [match.span() for match in re.finditer(r"[^\W_]+(?:['’][^\W_]+)*", text)]  # noqa: RUF001
    spans = spans or [match.span() for match in re.finditer(r"\S+", text)]
    spans = [span for span in spans if not text[slice(*span)].isdecimal()] or spans
    ends = [number for number, span in enumerate(spans) if text[slice(*span)].lower() in NAME_ENDS]
    return spans[: ends[0]] if ends and ends[0] > 0 else spans


def _named(text: str, words: list[Word]) -> Phrase:
    *modifiers, noun = words
    return Phrase(text[words[0].start : noun.end].replace("_", " "), noun, tuple(modifiers))
