"""Prompt items as the editor sends them."""

from __future__ import annotations

from typing import Any

import pytest

from backend.labelstudio import label_config
from backend.labelstudio import results as results_module
from backend.labelstudio.label_config import LabelConfig
from backend.prompting import prompts
from backend.prompting.marks import grouped
from backend.prompting.prompts import Prompts, Request
from model.errors import BadQuery
from model.types import Answer
from tests.backend.configs import C

SIZE = (240, 320)
Item = dict[str, Any]


def text(*entries: str, control: str = "prompt", **more: Any) -> Item:
    return {
        "id": "t1",
        "from_name": control,
        "to_name": "image",
        "type": "textarea",
        "value": {"text": [*entries]},
        **more,
    }


def point(x: Any, y: Any, label: str = "Dog", **more: Any) -> Item:
    value = {"x": x, "y": y, "width": 0.3, "keypointlabels": [label]}
    return {
        "id": f"p{x}-{y}",
        "from_name": "point",
        "type": "keypointlabels",
        "value": value,
        "is_positive": True,
        **more,
    }


def box(x: Any, y: Any, width: Any, height: Any, rotation: float = 0, **more: Any) -> Item:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": rotation, "rectanglelabels": ["Dog"]}
    return {"id": f"b{x}-{y}", "from_name": "box", "type": "rectanglelabels", "value": value, **more}


def read(*items: Item, xml: str = C, size: tuple[int, int] = SIZE) -> Request:
    return asked({"result": [*items]}, label_config.read(xml), size)


def read_prompts(*items: Item, xml: str = C) -> Prompts | None:
    """The prompts of one request."""
    return prompts.read({"result": [*items]}, label_config.read(xml), SIZE)


def asked(context: object, config: LabelConfig, size: tuple[int, int]) -> Request:
    """What a context asks for on its own, without a session."""
    said = prompts.read(context, config, size)
    return prompts.pre_annotation(config) if said is None else prompts.asked(said, grouped(said.marks))


def results(answer: Answer, request: Request, config: LabelConfig) -> list[Item]:
    """The result items of an answer."""
    return results_module.results(results_module.named(answer, request, config), config, answer.warnings)


def refused(*items: Item, xml: str = C) -> str:
    with pytest.raises(BadQuery) as error:
        read(*items, xml=xml)
    return str(error.value)
