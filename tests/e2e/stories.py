"""What annotators do with a picture, step by step, each step checked by eye; the scene knows the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from backend.samples import label_of, name_of
from model.embedded.scenes import Scene, Thing
from model.geometry import iou
from tests.e2e.drawn import Drawn
from tests.e2e.editor import Editor, Spot
from tests.e2e.spots import around, beside, elsewhere, middle
from tests.e2e.stored import overlap

# Floors that tell a broken path from a working one; how good the embedded models are stands in the model card.
LOOKS = 0.6  # intersection over union on the screen
KEPT = 0.65  # and in what is stored
SAME = 0.99  # overlap of two drawn masks from which nothing seems to have changed
GIVEN = 0.5  # share of drawn pixels around a spot from which it counts as drawn


def label_a_picture(editor: Editor, scene: Scene) -> None:
    """Text for the first thing, points for the second, a box for the third; submit."""
    first, second, third = scene.objects
    ask_by_text(editor, first)
    refine_by_points(editor, second, scene)
    draw_a_box(editor, third)
    compare(editor.submit(), scene.objects)


def label_a_picture_in_boxes(editor: Editor, scene: Scene) -> None:
    """The same where text belongs to a box: type into the box around the first thing."""
    first, second, third = scene.objects
    ask_in_a_box(editor, first)
    refine_by_points(editor, second, scene)
    draw_a_box(editor, third)
    compare(editor.submit(), scene.objects)


def ask_by_text(editor: Editor, thing: Thing) -> None:
    editor.type(name_of(thing))
    editor.sees(label_of(thing), thing.mask, LOOKS)
    editor.accept()


def ask_in_a_box(editor: Editor, thing: Thing) -> None:
    editor.drag(*around(thing), label_of(thing))
    editor.point_at(middle(thing))  # chooses the box, which shows its text field
    editor.type(name_of(thing))
    editor.sees(label_of(thing), thing.mask, LOOKS)
    editor.accept()


def draw_a_box(editor: Editor, thing: Thing) -> None:
    editor.drag(*around(thing), label_of(thing))
    editor.sees(label_of(thing), thing.mask, LOOKS)
    editor.accept()


def refine_by_points(editor: Editor, thing: Thing, scene: Scene) -> None:
    """Click, take a part away by Alt, think better of it, click twice, keep the ground out by Alt."""
    label, rim = label_of(thing), elsewhere(thing, depth=0.4)
    editor.take("key-point-tool")
    editor.click(middle(thing), label)
    whole = editor.sees(label, thing.mask, LOOKS)
    editor.click(rim, label, "Alt")
    editor.until(label, lambda part: _gave_way(part, whole, rim), f"Alt+click takes nothing away from {label}")
    editor.reject()
    for spot in (middle(thing), elsewhere(thing, depth=0.6)):
        editor.click(spot, label)
        editor.until(label, partial(_covers, spot), f"{label} is not drawn where it was clicked")
    editor.click(beside(thing, scene), label, "Alt")
    editor.sees(label, thing.mask, LOOKS)
    editor.accept()


def compare(items: Sequence[Mapping[str, Any]], things: Sequence[Thing]) -> None:
    """Assert that stored result items hold each thing with its label."""
    overlaps = {label_of(thing): overlap(items, thing) for thing in things}
    assert min(overlaps.values()) >= KEPT, overlaps


def _covers(spot: Spot, drawn: Drawn) -> bool:
    return drawn.share_around(*spot) >= GIVEN


def _gave_way(part: Drawn, whole: Drawn, spot: Spot) -> bool:
    return iou(part.mask, whole.mask) < SAME and not _covers(spot, part)
