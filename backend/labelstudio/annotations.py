"""An annotation as Label Studio tells it, in an event or through its API -> what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backend.labelstudio import bitmask, brush_rle
from backend.labelstudio.label_config import LabelConfig
from backend.prompting.hints import Item, id_of, value_of
from backend.prompting.marks import labels_of
from backend.webhooks.corrections import Annotation, Correction
from model.coco_rle import pack
from model.errors import BadQuery
from model.types import Mask

MOST_TEXTS, LONGEST_TEXT = 50, 1000  # of one annotation, the newest; characters
LONGEST_NAME = 100  # characters of a label, a user or an origin
LARGEST_ID = 2**63 - 1  # that a database holds


@dataclass(frozen=True, slots=True)
class AnnotationReading:
    """An annotation, and in words what of it could not be read: one line for each mask that was lost."""

    annotation: Annotation
    troubles: tuple[str, ...] = ()


def read_annotation(entry: Mapping[str, object], task: Mapping[str, object], config: LabelConfig) -> AnnotationReading:
    """Read one annotation with its task, both as JSON says them; times may be datetimes, as the SDK has them.

    A mask that cannot be read, or that is not of the size that its item states, is lost alone. Raises BadQuery where
    the annotation has no id, no time, no result or no picture: then there is nothing to remember it by. A skipped task
    needs no result, as it is no evidence.
    """
    number, cancelled = id_number(entry.get("id"), "annotation"), entry.get("was_cancelled") is True
    items, unread = _items([] if cancelled and entry.get("result") is None else entry.get("result"))
    corrections, troubles = _corrections(items, config)
    troubles += [f"{unread} of its items are no objects"] if unread else []
    annotation = Annotation(
        id=number,
        task=id_number(task.get("id"), "task"),
        picture=_picture(task, config),
        user=_user(entry),
        updated=moment(entry.get("updated_at") or entry.get("created_at")),
        cancelled=cancelled,
        ground_truth=entry.get("ground_truth") is True,
        imported=entry.get("import_id") is not None or entry.get("last_action") == "imported",
        parent_prediction=_parent(entry.get("parent_prediction")),
        texts=_texts(items, config),
        corrections=corrections,
        complete=not troubles,
    )
    return AnnotationReading(annotation, tuple(f"annotation {number}, {trouble}" for trouble in troubles))


def id_number(value: object, what: str) -> int:
    """An id as a number, also where it came as text. Raises BadQuery."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < len(str(LARGEST_ID)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_ID:
        raise BadQuery(f"{what}: the id has to be a positive whole number")
    return value


def moment(value: object) -> datetime:
    """A time in UTC from "2026-11-20T09:54:41.617373Z" or a datetime. Raises BadQuery."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadQuery("a time has to be written as 2026-11-20T09:54:41Z") from error


def clean(text: str) -> str:
    """The text without what JSON may hold and a database refuses: half characters and the character 0."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


# The task and the annotator


def _items(result: object) -> tuple[list[Item], int]:
    """The items, and how many are none. No list of them is not an empty one, which says that there is nothing."""
    if not isinstance(result, list):
        raise BadQuery("the annotation has no result, so nothing is learned from it")
    items = [item for item in result if isinstance(item, Mapping)]
    return items, len(result) - len(items)


def _picture(task: Mapping[str, object], config: LabelConfig) -> str:
    data = task.get("data")
    address = data.get(config.data_key) if isinstance(data, Mapping) else None
    if not isinstance(address, str) or not address:
        raise BadQuery(f"the task has no picture under {config.data_key!r}")
    return clean(address)


def _user(entry: Mapping[str, object]) -> str:
    """Whoever changed it last; events name a user by number, the API by a record, and some servers by a list."""
    named = [_named(entry.get(key)) for key in ("updated_by", "completed_by")]
    return next((name for name in named if name), "")


def _named(user: object) -> str:
    if isinstance(user, list):
        user = user[0] if user else None
    if isinstance(user, Mapping):
        user = user.get("id", user.get("user_id"))
    return clean(str(user))[:LONGEST_NAME] if isinstance(user, int | str) and not isinstance(user, bool) else ""


def _parent(prediction: object) -> int | None:
    number = prediction.get("id") if isinstance(prediction, Mapping) else prediction
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 < number <= LARGEST_ID else None


def _texts(items: Sequence[Item], config: LabelConfig) -> tuple[str, ...]:
    """What the prompt text areas hold; the messages of the status area are our own words, and count for nothing."""
    areas = {config.prompt, config.region_prompt} - {None}
    held = [value_of(item).get("text") for item in items if item.get("from_name") in areas and _has_value(item)]
    entries = [entry for text in held for entry in (text if isinstance(text, list) else [text])]
    texts = [clean(entry).strip()[:LONGEST_TEXT] for entry in entries if isinstance(entry, str)]
    return tuple(text for text in texts if text)[-MOST_TEXTS:]


def _has_value(item: Item) -> bool:
    return isinstance(item.get("value"), Mapping)


# Masks


def _corrections(items: Sequence[Item], config: LabelConfig) -> tuple[tuple[Correction, ...], list[str]]:
    """The masks with pixels, and what is wrong with the others."""
    corrections: list[Correction] = []
    troubles: list[str] = []
    for region, family in _families(items, config).items():
        try:
            mask = _mask(family[0])
            if mask.any():
                label, origin = _label(family, config), clean(str(family[0].get("origin") or "manual"))
                corrections.append(Correction(clean(region), label, pack(mask), origin[:LONGEST_NAME]))
        except BadQuery as error:  # the boundary of one mask: the others are kept
            troubles.append(f"region {clean(region)}: {error}")
    return tuple(corrections), troubles


def _families(items: Sequence[Item], config: LabelConfig) -> dict[str, list[Item]]:
    """The items of masks by their region's id, each followed by those that share it, such as its labels."""
    masks = {
        id_of(item) or f"#{at}": [item] for at, item in enumerate(items) if item.get("from_name") == config.mask.name
    }
    for item in items:
        if id_of(item) in masks and item.get("from_name") != config.mask.name and _has_value(item):
            masks[id_of(item)].append(item)
    return masks


def _label(family: Sequence[Item], config: LabelConfig) -> str | None:
    """The label by the name that results carry; one that the config does not have any more, as it stands."""
    names = labels_of(family)
    known = (label.value for name in names if (label := config.label_called(name)) is not None)
    chosen = next(known, None) or next(iter(names), None)
    return None if chosen is None else clean(chosen)[:LONGEST_NAME]


def _mask(item: Item) -> Mask:
    value, size = value_of(item), _size(item)
    if isinstance(value.get("rle"), list | bytes):
        return brush_rle.decode(value["rle"], size)
    return bitmask.decode(str(value.get("imageDataURL")), size)


def _size(item: Item) -> tuple[int, int]:
    height, width = item.get("original_height"), item.get("original_width")
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in (height, width))
    if not whole or not isinstance(height, int) or not isinstance(width, int):
        raise BadQuery("mask: the size of its picture is missing")
    if height * width > bitmask.MAX_PIXELS:  # a run-length code of a few bytes can claim any size
        raise BadQuery(f"mask: {width} x {height} pixels are too many")
    return height, width
