"""Labelling config -> which controls give prompts, which one takes the masks, and what the labels are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from backend.labelstudio.label_index import LabelIndex, index_of
from backend.labelstudio.label_names import name_key, spoken_names
from backend.labelstudio.size_limits import check_config
from model.errors import Misconfigured

MASK_TAGS = ("brushlabels", "brush", "bitmasklabels", "bitmask")
STROKE_TAGS = ("brushlabels", "brush", "polygonlabels", "polygon", "vectorlabels", "vector")
STATUS = "status"  # name of the TextArea that shows messages
BACKGROUND_WORDS = frozenset({"background", "negative"})


@dataclass(frozen=True, slots=True)
class Label:
    """A label. `value` is what results carry (Label Studio stores the `alias` where there is one).

    `names` are what annotators may call it: the shown value first, then alias and predicted_values. `spoken` are the
    names as pictures are searched for them: without brackets, articles and the like.
    """

    value: str
    names: tuple[str, ...]
    background: bool = False

    @property
    def spoken(self) -> tuple[str, ...]:
        """What to look for, each name once."""
        return tuple(dict.fromkeys(name for written in self.names for name in spoken_names(written)))


@dataclass(frozen=True, slots=True)
class MaskControl:
    """The control that masks belong to: its name, its tag in lower case, and the name of the control that labels it.

    `labels_name` is the control's own name for BrushLabels and BitmaskLabels, that of the <Labels> for a bare Brush or
    Bitmask, and None where a bare one has no <Labels>.
    """

    name: str
    tag: str
    labels_name: str | None

    @property
    def labels_itself(self) -> bool:
        return self.labels_name == self.name

    @property
    def as_bitmask(self) -> bool:
        return self.tag.startswith("bitmask")


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """What one labelling config says about one picture. `data_key` is the picture's key in the task data.

    `prompt` is the TextArea that asks for something, `region_prompt` the one inside a smart rectangle (perRegion);
    `status` is the object that the TextArea for messages speaks of; `strokes` are the smart controls for lines and
    brush marks; `negatives` are the names, in lower case, of labels for what is not wanted.
    """

    image: str
    data_key: str
    mask: MaskControl
    labels: tuple[Label, ...] = ()
    keypoints: tuple[str, ...] = ()
    rectangles: tuple[str, ...] = ()
    strokes: tuple[str, ...] = ()
    prompt: str | None = None
    region_prompt: str | None = None
    status: str | None = None
    negatives: frozenset[str] = BACKGROUND_WORDS

    def label_called(self, text: str) -> Label | None:
        """The label with this name or alias, in upper or lower case, with or without its article."""
        return self.index.called(text)

    @property
    def index(self) -> LabelIndex:
        """The labels by name."""
        return index_of(self.labels)

    @property
    def foreground(self) -> tuple[Label, ...]:
        """The labels for things, without those for the background."""
        return tuple(label for label in self.labels if not label.background)


@lru_cache(maxsize=64)
def read(xml: str) -> LabelConfig:
    """Read a labelling config; its first mask control on an <Image> is the one that is served.

    One that is not smart goes before one that is, as a smart brush asks rather than takes masks.
    Raises Misconfigured with a short reason that fits an HTTP reason phrase.
    """
    root = _parse(xml)
    images = {node.get("name", ""): node.get("value", "") for node in root.iter() if _tag(node) == "image"}
    mask_nodes = sorted((node for node in _controls(root, MASK_TAGS) if _target(node) in images), key=_is_smart)
    mask_node = next(iter(mask_nodes), None)
    if mask_node is None:
        raise Misconfigured("Labeling config needs <Brush> or <Bitmask>" + (" on an <Image>" if not images else ""))
    image = _target(mask_node)
    if not images[image].startswith("$"):
        raise Misconfigured("Labeling config needs <Image> with value=$key")
    on_image = [node for node in _controls(root) if _target(node) == image]
    mask, labels_node = _mask_control(mask_node, on_image)
    areas = [node for node in on_image if _tag(node) == "textarea" and node.get("name") != STATUS]
    status = next((node for node in _controls(root, ("textarea",)) if node.get("name") == STATUS), None)
    return LabelConfig(
        image=image,
        data_key=images[image][1:],
        mask=mask,
        labels=_labels(labels_node),
        keypoints=_names(on_image, "keypoint"),
        rectangles=_names(on_image, "rectangle"),
        strokes=tuple(node.attrib["name"] for node in on_image if _is_stroke(node) and node is not mask_node),
        prompt=_prompt([area for area in areas if not _per_region(area)]),
        region_prompt=_prompt([area for area in areas if _per_region(area)]),
        status=None if status is None else _target(status),
        negatives=BACKGROUND_WORDS | _negatives(on_image),
    )


def controls(xml: str) -> list[Element]:
    """Every control on the picture that is served, in order. Raises Misconfigured as `read` does."""
    image = read(xml).image
    return [node for node in _controls(_parse(xml)) if _target(node) == image]


def _parse(xml: str) -> Element:
    check_config(xml)
    try:
        root: Element = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Misconfigured("Labeling config is not readable XML") from error
    return root


def _tag(node: Element) -> str:
    return str(node.tag).lower()


def _target(node: Element) -> str:
    return node.get("toName", "").split(",")[0].strip()


def _controls(root: Element, tags: tuple[str, ...] | None = None) -> Iterator[Element]:
    named = (node for node in root.iter() if node.get("name") and node.get("toName"))
    return (node for node in named if tags is None or _tag(node) in tags)


def _names(nodes: list[Element], tag: str) -> tuple[str, ...]:
    return tuple(node.attrib["name"] for node in nodes if _tag(node) in (tag, f"{tag}labels"))


def _is_smart(node: Element) -> bool:
    return node.get("smart", "").lower() == "true"


def _is_stroke(node: Element) -> bool:
    return _tag(node) in STROKE_TAGS and _is_smart(node)


def _mask_control(node: Element, on_image: list[Element]) -> tuple[MaskControl, Element | None]:
    tag = _tag(node)
    shared = next((other for other in on_image if _tag(other) == "labels"), None)
    labels = node if tag.endswith("labels") else shared
    return MaskControl(node.attrib["name"], tag, None if labels is None else labels.attrib["name"]), labels


def _labels(control: Element | None) -> tuple[Label, ...]:
    nodes = [] if control is None else [node for node in control.iter() if _tag(node) == "label"]
    return tuple(_label(node) for node in nodes if _shown(node) or node.get("alias"))


def _shown(node: Element) -> str:
    """What a label is called in the editor: its value, else its content (`<Label>cat</Label>`)."""
    return node.get("value") or (node.text or "").strip()


def _label(node: Element) -> Label:
    alias, shown = node.get("alias", ""), _shown(node)
    written = (shown, alias, *node.get("predicted_values", "").split(","))
    names = tuple(dict.fromkeys(name.strip() for name in written if name.strip()))
    return Label(alias or shown, names, any(_is_background(name) for name in names))


def _is_background(name: str) -> bool:
    """Whether a name says so: "Background", "the background", "class: background"."""
    return {name_key(spoken) for spoken in spoken_names(name)} <= BACKGROUND_WORDS


def _negatives(on_image: list[Element]) -> frozenset[str]:
    """Every name of the labels called "background" or "negative" in some way; point tools have labels of their own."""
    labels = [label for control in on_image for label in _labels(control) if label.background]
    return frozenset(name.casefold() for label in labels for name in label.names)


def _per_region(area: Element) -> bool:
    return area.get("perRegion", "").lower() == "true"


def _prompt(areas: list[Element]) -> str | None:
    """The text area called "prompt", else the only one that can ask for a prediction at all."""
    if any(area.get("name") == "prompt" for area in areas):
        return "prompt"
    asking = [area.get("name") for area in areas if area.get("smart") != "false"]
    return asking[0] if len(asking) == 1 else None
