"""Sample prompts for configs whose tools have labels of their own, and for a smart brush."""

from __future__ import annotations

import cv2
import numpy as np

from backend import samples
from backend.labelstudio import brush_rle
from backend.samples import CONFIG, LABELS, Items
from model.embedded.scenes import Thing

SCRIBBLE_CONFIG = CONFIG.replace("<Bitmask ", '<Brush name="scribble" toName="image" smart="true"/>\n  <Bitmask ')
CLASSIC_CONFIG = f"""<View>
  <Image name="image" value="$image" zoom="true" zoomControl="true"/>
  <BrushLabels name="mask" toName="image" smart="false">{LABELS}</BrushLabels>
  <KeyPointLabels name="point" toName="image" smart="true" smartOnly="true">{LABELS}</KeyPointLabels>
  <RectangleLabels name="box" toName="image" smart="true" smartOnly="true">{LABELS}</RectangleLabels>
  <TextArea name="prompt" toName="image" maxSubmissions="1" editable="true" showSubmitButton="true"/>
</View>"""


def classic(items: Items) -> Items:
    """What a shared label was drawn with, drawn by a tool with labels of its own."""
    drawn, labels = items
    kind = f"{drawn['type']}labels"
    return [{**drawn, "type": kind, "value": {**drawn["value"], kind: labels["value"]["labels"]}}]


def scribble(thing: Thing) -> Items:
    """Brush over the middle of the thing, at least half as far from its rim as possible."""
    depth = cv2.distanceTransform(thing.mask.astype(np.uint8), cv2.DIST_L2, 5)
    painted = {"format": "rle", "rle": brush_rle.encode(depth >= depth.max() / 2)}
    return samples.drawn("scribble", "brush", painted, thing)
