"""What was learned about a label, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from model.types import Lesson

Lessons = Mapping[str, Lesson]  # by label

MASKS = {0: "smallest", 1: "middle", 2: "largest", None: "best fitting"}
SETTINGS = {
    ("attention", "enhancement"): "weight of the phrase's own words (Cat-Cross)",
    ("prompting", "threshold"): "share of a map's maximum that counts as the object",
    ("prompting", "smallest"): "least share of the picture for an object",
    ("refine", "entropy_factor"): "entropy factor of the refinement",
    ("refine", "max_iterations"): "products of the refinement at most",
    ("selection", "presence"): "evidence that an object needs to be found",
    ("selection", "specks"): "least share of the picture for a part of a mask",
    ("finish", "smoothing"): "smoothing of borders, by the mask's size",
}


def lesson_lines(lesson: Lesson | None) -> tuple[str, ...]:
    """One line for each thing that a lesson says; none for no lesson."""
    return () if lesson is None else tuple(_lines(lesson))


def differences(one: Lessons, other: Lessons) -> dict[str, tuple[str, ...]]:
    """By label, what only the one says ("- ...") and what only the other says ("+ ..."); equal labels are left out."""
    labels = sorted({*one, *other})
    differing = {label: tuple(_differing(one.get(label), other.get(label))) for label in labels}
    return {label: lines for label, lines in differing.items() if lines}


def _differing(one: Lesson | None, other: Lesson | None) -> Iterator[str]:
    before, after = lesson_lines(one), lesson_lines(other)
    yield from (f"- {line}" for line in before if line not in after)
    yield from (f"+ {line}" for line in after if line not in before)
    if before == after and one is not None and other is not None and one.key != other.key:
        yield "~ other numbers in the embeddings"


def _lines(lesson: Lesson) -> Iterator[str]:
    if lesson.phrases:
        yield "looks for " + ", ".join(f'"{phrase}"' for phrase in lesson.phrases)
    if lesson.separate is not None:
        yield "one region for each object" if lesson.separate else "one region for all objects"
    for section, values in lesson.changes.items():
        yield from (_setting(section, name, value) for name, value in values.items())
    for word, numbers in lesson.embeddings.items():
        tokens = f"{len(numbers)} token{'s' if len(numbers) > 1 else ''}"
        yield f'embeddings for "{word}" ({tokens}, {numbers.nbytes:,} bytes)'


def _setting(section: str, name: str, value: Any) -> str:
    match section, name:
        case "finish", "fill_holes":
            return "holes are filled" if value else "holes are kept"
        case "finish", "margin":
            return f"borders {abs(value):.1%} of the mask's size further {'out' if value > 0 else 'in'}"
        case "selection", "granularity":
            return f"the {MASKS[value]} of SAM's three masks"
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{SETTINGS.get((section, name), f'{section}.{name}')}: {shown}"
