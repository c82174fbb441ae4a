"""Labelling configs of every supported kind, and the requests recorded from a real Label Studio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.labelstudio.configs import EXAMPLES

RECORDED = Path(__file__).parents[2] / ".." / "shared" / "data" / "label-studio-requests"

A, B, C, D = (example.xml for example in EXAMPLES)
C_BITMASK = C.replace("BrushLabels", "BitmaskLabels")
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
