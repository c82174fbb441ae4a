"""Labelling configs of every supported kind, and the requests recorded from a real Label Studio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parents[2] / ".." / "shared" / "data" / "label-studio-requests"

LABELS = '<Label value="Dog" predicted_values="puppy, hound"/><Label value="Traffic light"/><Label value="Background"/>'


def split(tag: str) -> str:
    """Configs A (Bitmask) and B (Brush): one shared <Labels>, smart point and rectangle, prompt and status."""
    return f"""<View>
      <Labels name="label" toName="image">{LABELS}</Labels>
      <KeyPoint name="point" toName="image" smart="true" smartOnly="true"/>
      <Rectangle name="box" toName="image" smart="true" smartOnly="true"/>
      <TextArea name="prompt" toName="image" maxSubmissions="1" editable="true"/>
      <TextArea name="status" toName="image" editable="false" smart="false"/>
      <{tag} name="mask" toName="image" smart="false"/>
      <Image name="image" value="$image"/>
    </View>"""


def merged(tag: str) -> str:
    """Config C: controls with labels of their own."""
    return f"""<View>
      <Image name="image" value="$image"/>
      <{tag} name="mask" toName="image" smart="false">{LABELS}</{tag}>
      <KeyPointLabels name="point" toName="image" smart="true">
        <Label value="Dog"/><Label value="Negative"/>
      </KeyPointLabels>
      <RectangleLabels name="box" toName="image" smart="true"><Label value="Dog"/></RectangleLabels>
      <TextArea name="prompt" toName="image"/>
    </View>"""


A = split("Bitmask")
B = split("Brush")
C = merged("BrushLabels")
C_BITMASK = merged("BitmaskLabels")
D = C.replace('<TextArea name="prompt" toName="image"/>', '<TextArea name="prompt" toName="image" perRegion="true"/>')
SCRIBBLE = """<View>
  <Image name="image" value="$image"/>
  <BrushLabels name="scribble" toName="image" smart="true"><Label value="Dog"/><Label value="Background"/></BrushLabels>
  <PolygonLabels name="lasso" toName="image" smart="true"><Label value="Dog"/></PolygonLabels>
  <Labels name="label" toName="image"><Label value="Dog"/></Labels>
  <Vector name="line" toName="image" smart="true"/>
  <Polygon name="outline" toName="image"/>
  <RectangleLabels name="box" toName="image" smart="true"><Label value="Dog"/></RectangleLabels>
  <TextArea name="status" toName="image" editable="false" smart="false"/>
  <BrushLabels name="mask" toName="image" smart="false"><Label value="Dog"/><Label value="Car"/></BrushLabels>
</View>"""
EVERY = [A, B, C, C_BITMASK, D]


def recorded(name: str) -> dict[str, Any]:
    """The body of a recorded request; skips where the recordings are not at hand."""
    file = RECORDED / f"{name}.json"
    if not file.exists():
        pytest.skip("the recorded requests are not beside this checkout")
    body: dict[str, Any] = json.loads(file.read_text())["body"]
    return body
