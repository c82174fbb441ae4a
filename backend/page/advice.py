"""What a labelling config could do better: it is served as it is, and the page for people says what to change."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from xml.etree.ElementTree import Element

from backend.labelstudio import label_config
from backend.labelstudio.label_config import LabelConfig

Controls = list[Element]

NO_PROMPT = (
    "Nothing here can ask for a mask, so the project gets pre-annotations only: add a <KeyPoint>, a <Rectangle> or a "
    '<TextArea name="prompt">'
)
NO_LABELS = "There are no labels, so pre-annotations find nothing: add <Labels> with a <Label> for each thing"
NO_STATUS = (
    'Messages have nowhere to appear, and Label Studio shows no error of a smart tool: add <TextArea name="status" '
    'toName="board" editable="false" smart="false"/> and <View style="display:none"><Text name="board" '
    'value="${key}"/></View>'
)
STATUS_ON_IMAGE = (
    "Each message selects the label again that was chosen when it first came: give the status text area an object of "
    'its own, toName="board" and <View style="display:none"><Text name="board" value="${key}"/></View>'
)
SEVERAL_AREAS = 'No text area is known to be the prompt: give one of them name="prompt"'
NOT_SMART = '<{tag} name="{name}"> does not ask for a mask: add smart="true"'
STRAY_POINTS = '<{tag} name="{name}"> leaves points behind that ask for nothing: add smartOnly="true"'
SUBMISSIONS = '<TextArea name="{name}"> keeps every text that was typed before: add maxSubmissions="1"'


@lru_cache(maxsize=64)
def advice(xml: str) -> tuple[str, ...]:
    """One line for each thing to change; none for a labelling config that has all there is.

    Raises Misconfigured for a config that cannot be served at all.
    """
    config, controls = label_config.read(xml), label_config.controls(xml)
    return tuple(
        line
        for lines in (_prompts(config, controls), _points(controls), _areas(config, controls), _rest(config))
        for line in lines
    )


def _prompts(config: LabelConfig, controls: Controls) -> Iterator[str]:
    tools = [node for node in controls if _tag(node) in ("keypoint", "rectangle")]
    if not any(map(_is_smart, tools)) and not (config.prompt or config.region_prompt or config.strokes):
        yield NO_PROMPT
    yield from (_said(NOT_SMART, node) for node in tools if not _is_smart(node))


def _points(controls: Controls) -> Iterator[str]:
    points = [node for node in controls if _tag(node) == "keypoint" and _is_smart(node)]
    yield from (_said(STRAY_POINTS, node) for node in points if node.get("smartOnly", "").lower() != "true")


def _areas(config: LabelConfig, controls: Controls) -> Iterator[str]:
    areas = [node for node in controls if _tag(node) == "textarea" and node.get("name") != "status"]
    prompts = [node for node in areas if node.get("name") in (config.prompt, config.region_prompt)]
    if not prompts and len([node for node in areas if node.get("smart") != "false"]) > 1:
        yield SEVERAL_AREAS
    yield from (_said(SUBMISSIONS, node) for node in prompts if node.get("maxSubmissions") != "1")


def _rest(config: LabelConfig) -> Iterator[str]:
    if not config.labels:
        yield NO_LABELS
    if config.status is None:
        yield NO_STATUS.format(key=config.data_key)
    if config.status == config.image and not config.mask.labels_itself:
        yield STATUS_ON_IMAGE.format(key=config.data_key)


def _tag(node: Element) -> str:
    """The tag in lower case, without the labels that a tool may have of its own."""
    return str(node.tag).lower().removesuffix("labels")


def _is_smart(node: Element) -> bool:
    return node.get("smart", "").lower() == "true"


def _said(line: str, node: Element) -> str:
    return line.format(tag=node.tag, name=node.get("name"))
