"""What Label Studio sends: labelling configs, pictures, prompts and whole requests."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image as Pictures

from backend.labelstudio import brush_rle
from model.types import Image, Mask
from tests.backend.colour_engine import COLOURS

BITMASK = """<View>
  <Labels name="label" toName="image">
    <Label value="Red thing" predicted_values="red"/><Label value="Blue thing" alias="blue"/>
  </Labels>
  <KeyPoint name="point" toName="image" smart="true" smartOnly="true"/>
  <Rectangle name="box" toName="image" smart="true" smartOnly="true"/>
  <TextArea name="prompt" toName="image" maxSubmissions="1" editable="true"/>
  <TextArea name="status" toName="image" editable="false" smart="false"/>
  <Bitmask name="mask" toName="image" smart="false"/>
  <Image name="image" value="$image"/>
</View>"""
BRUSH = """<View>
  <Image name="image" value="$image"/>
  <BrushLabels name="mask" toName="image" smart="false"><Label value="Thing"/></BrushLabels>
  <KeyPointLabels name="point" toName="image" smart="true"><Label value="Thing"/></KeyPointLabels>
  <RectangleLabels name="box" toName="image" smart="true"><Label value="Thing"/></RectangleLabels>
  <TextArea name="prompt" toName="image" maxSubmissions="1" editable="true"/>
</View>"""
STROKES = BITMASK.replace(
    "<Bitmask ",
    '<Brush name="scribble" toName="image" smart="true"/><Vector name="line" toName="image" smart="true"/><Bitmask ',
)
WITHOUT_MASK = '<View><Image name="image" value="$image"/><TextArea name="prompt" toName="image"/></View>'


def picture(height: int = 60, width: int = 80) -> Image:
    """A grey picture with a red square in the upper left and a blue one in the lower right quarter."""
    image = np.full((height, width, 3), 128, np.uint8)
    image[height // 8 : height * 3 // 8, width // 8 : width * 3 // 8] = COLOURS["red"]
    image[height * 5 // 8 : height * 7 // 8, width * 5 // 8 : width * 7 // 8] = COLOURS["blue"]
    return image


def png(image: Image) -> bytes:
    """The picture (H, W, 3) as a PNG file."""
    stream = io.BytesIO()
    Pictures.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def data_uri(image: Image) -> str:
    """The picture (H, W, 3) as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()


def task(number: int = 1, url: str | None = None) -> dict[str, Any]:
    """A task with a picture of its own, or the one at `url`."""
    return {"id": number, "data": {"image": data_uri(picture()) if url is None else url}}


def predict(tasks: Sequence[Any], config: str = BITMASK, context: Any = None) -> dict[str, Any]:
    """A /predict request."""
    params = {"login": None, "password": None, "context": context}
    return {"tasks": list(tasks), "project": "1.1795168390", "label_config": config, "params": params}


def text(*entries: Any) -> dict[str, Any]:
    """The context of a text prompt."""
    item = {"id": "t", "from_name": "prompt", "to_name": "image", "type": "textarea", "value": {"text": list(entries)}}
    return {"result": [item]}


def point(x: Any, y: Any, positive: bool = True) -> dict[str, Any]:
    """The context of a click, in percent."""
    value = {"x": x, "y": y, "width": 0.3}
    return {"result": [{**_head("point", "keypoint"), "value": value, "is_positive": positive}]}


def box(x: Any, y: Any, width: Any, height: Any) -> dict[str, Any]:
    """The context of a rectangle, in percent."""
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    return {"result": [{**_head("box", "rectangle"), "value": value}]}


def scribble(mask: Mask) -> dict[str, Any]:
    """The context of a brush mark."""
    return {"result": [{**_head("scribble", "brush"), "value": {"format": "rle", "rle": brush_rle.encode(mask)}}]}


def line(*corners: tuple[Any, Any]) -> dict[str, Any]:
    """The context of a line through corners in percent."""
    vertices = [{"x": x, "y": y} for x, y in corners]
    return {"result": [{**_head("line", "vector"), "value": {"vertices": vertices, "closed": False}}]}


def _head(control: str, kind: str) -> dict[str, Any]:
    size = {"original_width": 80, "original_height": 60, "image_rotation": 0}
    return {"id": "p", "from_name": control, "to_name": "image", "type": kind, "origin": "manual", **size}
