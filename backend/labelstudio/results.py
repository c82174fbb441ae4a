"""What the engine found -> result items with labels, ids and scores, and the message for the annotator."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

from backend.labelstudio import bitmask, brush_rle
from backend.labelstudio.label_config import STATUS, LabelConfig
from backend.prompting.prompts import Request
from model.errors import Misconfigured
from model.geometry import iou
from model.text.normalize import spoken
from model.types import Answer, Mask, Phrase, Segment

Item = dict[str, Any]

SAME_OBJECT = 0.7  # intersection over union at which two names of one label have found one object (ours)
LONGEST_QUOTE = 40  # characters of the annotator's text that a message repeats


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A region of an answer, as Label Studio will know it."""

    id: str
    segment: Segment
    label: str | None


def named(answer: Answer, request: Request, config: LabelConfig) -> tuple[Region, ...]:
    """The regions with pixels and without doubles, each with its id and its label.

    An empty mask is no region: the editor would show a suggestion without pixels. A region that refines another one
    has that one's id, so that accepting it replaces that one; any other has a long id of its own.
    """
    found = _found(answer, request)
    ids = _ids(found, request)
    return tuple(
        Region(name, segment, label_of(segment, request, config)) for name, segment in zip(ids, found, strict=True)
    )


def results(found: Sequence[Region], config: LabelConfig, warnings: Sequence[str] = ()) -> list[Item]:
    """The result items of all regions, masks of the picture's size.

    A control with labels of its own gets one item a region; a bare Brush or Bitmask gets two with one id, mask and
    labels, as the editor writes them. The answer's warnings go into each item's `meta`, which Label Studio keeps and
    shows beside the region.
    """
    meta = {"meta": {"text": list(warnings)}} if warnings else {}
    return [{**item, **meta} for region in found for item in _items(region, config)]


def label_of(segment: Segment, request: Request, config: LabelConfig) -> str | None:
    """The label of a region: the one its clause was written for, else the one that points or boxes were drawn with,
    else the longest one that the phrase names, else the only one there is.

    None where nothing tells: a wrong label is overlooked more easily than a missing one.
    """
    explicit = None if segment.clause is None else request.clauses[segment.clause].label
    drawn = None if segment.hint is None else request.selected
    spoken = None if segment.phrase is None else _named(segment.phrase, config)
    things = config.foreground
    return explicit or drawn or spoken or request.selected or (things[0].value if len(things) == 1 else None)


def message(answer: Answer, request: Request) -> str:
    """One line for the annotator: how many regions, what was not found, and what the engine warns of."""
    found = _found(answer, request)
    absent = list(dict.fromkeys(finding.phrase.text for finding in answer.findings if not finding.present))
    looked_for = {finding.clause for finding in answer.findings} | {segment.clause for segment in answer.segments}
    clauses = () if request.pointed else request.clauses  # of what was pointed at, a text picks the best
    silent = [clause.text for index, clause in enumerate(clauses) if index not in looked_for]
    unclear = [text for text in silent if not any(text[:LONGEST_QUOTE] in warning for warning in answer.warnings)]
    parts = [_count(found)] if found else []
    parts += [f"no {_quote(' or '.join(absent))} found in the picture"] if absent else []
    parts += [f'no thing is named in "{_quote("; ".join(unclear))}"'] if unclear else []
    return "; ".join([*(parts or ["nothing found"]), *answer.warnings])


def status_item(message: str, config: LabelConfig) -> Item:
    """The message as a result item for the config's status text area. Raises Misconfigured where it has none."""
    if config.status is None:
        raise Misconfigured("Labeling config has no <TextArea> named status")
    head = {"id": uuid4().hex, "from_name": STATUS, "to_name": config.status, "type": "textarea"}
    return {**head, "value": {"text": [message]}}


def prediction(items: Sequence[Mapping[str, Any]], model_version: str) -> Item:
    """A prediction of these items. Its score is the mean of its regions', 0 without regions; it is never NaN."""
    scores = {item["id"]: item["score"] for item in items if "score" in item}
    score = sum(scores.values()) / len(scores) if scores else 0.0
    return {"result": list(items), "score": score, "model_version": model_version}


# Regions


def _found(answer: Answer, request: Request) -> list[Segment]:
    """The segments with pixels, without those that another name of the same label found better."""
    kept: list[Segment] = []
    for segment in sorted(answer.segments, key=lambda segment: -_score(segment.score)):
        if segment.mask.any() and not any(_same_object(segment, other, request) for other in kept):
            kept.append(segment)
    return [segment for segment in answer.segments if any(segment is other for other in kept)]


def _same_object(one: Segment, other: Segment, request: Request) -> bool:
    """Whether two clauses of one label, such as a name and its alias, found the same thing."""
    if one.clause is None or other.clause is None or one.clause == other.clause:
        return False
    label = request.clauses[one.clause].label
    if label is None or label != request.clauses[other.clause].label:
        return False
    return iou(one.mask, other.mask) >= SAME_OBJECT


def _ids(found: Sequence[Segment], request: Request) -> list[str]:
    """The id that a hint asks for goes to its first segment."""
    ids: list[str] = []
    for segment in found:
        wanted = request.pointed[segment.hint].region if request.pointed and segment.hint is not None else ""
        ids.append(wanted if wanted and wanted not in ids else uuid4().hex)
    return ids


def _items(region: Region, config: LabelConfig) -> list[Item]:
    segment, label = region.segment, region.label
    height, width = segment.mask.shape
    common = {
        "id": region.id,
        "to_name": config.image,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": _score(segment.score),
    }
    control, geometry = config.mask, _geometry(segment.mask, config)
    own = {control.tag: _own_labels(label, config)} if control.labels_itself else {}
    items = [{**common, "from_name": control.name, "type": control.tag, "value": {**geometry, **own}}]
    if label is not None and not control.labels_itself:
        value = {**geometry, "labels": [label]}
        items.append({**common, "from_name": control.labels_name, "type": "labels", "value": value})
    return items


def _geometry(mask: Mask, config: LabelConfig) -> Item:
    if config.mask.as_bitmask:
        return {"imageDataURL": bitmask.encode(mask)}
    return {"format": "rle", "rle": brush_rle.encode(mask)}


def _own_labels(label: str | None, config: LabelConfig) -> list[str]:
    """A control with labels of its own holds no region without one: where nothing tells, its first thing."""
    candidates = [label] if label is not None else [thing.value for thing in config.foreground or config.labels]
    return candidates[:1]


def _score(score: float) -> float:
    return min(max(float(score), 0.0), 1.0) if math.isfinite(score) else 0.0


# Labels by name


def _named(phrase: Phrase, config: LabelConfig) -> str | None:
    """The label whose name the phrase ends in: of "light" and "traffic light" the longer one.

    A name as it is written goes before what is left of one ("circle" before "circle [a]"). None where several labels
    are called the same.
    """
    named = [
        ((len(_words(name)), name in label.names), label.value)
        for label in config.labels
        for name in (*label.names, *label.spoken)
        if _ends(phrase, name)
    ]
    best = {value for rank, value in named if rank == max(named)[0]}
    return best.pop() if len(best) == 1 else None


def _ends(phrase: Phrase, name: str) -> bool:
    said, words = _words(phrase.text), _words(name)
    if not words or not _forms(words[-1]) & (_forms(phrase.noun.text) | _forms(phrase.noun.lemma)):
        return False
    return said[-len(words) : -1] == words[:-1]


@lru_cache(maxsize=4096)  # labels come again with every answer
def _words(text: str) -> Sequence[str]:
    return re.findall(r"\w+", spoken(text, ()).casefold())


def _forms(word: str) -> set[str]:
    """The word and what it may be the plural of; a form that is no word does no harm, as both sides have to agree."""
    word = word.casefold()
    cuts = [("s", ""), ("es", ""), ("ies", "y")]
    return {word} | {word[: -len(end)] + rest for end, rest in cuts if word.endswith(end) and len(word) > len(end) + 1}


# Words of the message


def _count(found: Sequence[Segment]) -> str:
    best = max(_score(segment.score) for segment in found)
    return f"{len(found)} region{'s' if len(found) > 1 else ''}, best {best:.2f}"


def _quote(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3].rstrip() + "..."
