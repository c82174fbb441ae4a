"""Events of newer servers in /predict: they ask what we can do or tell what the annotator does, and are no prompts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.inference.predict import event_of
from backend.inference.predict_request import PredictRequest
from backend.labelstudio import results
from backend.labelstudio.label_config import LabelConfig

logger = logging.getLogger(__name__)

Item = dict[str, Any]
TaskHook = Callable[[Any, PredictRequest], object]  # is given a task and the call that it came with

MASK_TAGS = {
    "brush": "Brush",
    "brushlabels": "BrushLabels",
    "bitmask": "Bitmask",
    "bitmasklabels": "BitmaskLabels",
}


@dataclass(frozen=True, slots=True)
class Events:
    """Answers events. `version`: the model version that a call is answered with.

    `prewarm` is told of each task that was opened, `release` of each that was left, both at once.
    """

    version: Callable[[PredictRequest], str]
    prewarm: TaskHook
    release: TaskHook

    def answer(self, ask: PredictRequest) -> list[Item]:
        """One prediction for each task, without regions: with what we can do where that is asked, else empty.

        An event that is not known here changes nothing.
        """
        event, version = event_of(ask.context), self.version(ask)
        if event == "capabilities":
            told = [{"type": "capabilities", "value": capabilities(ask.config, version)}]
            return [results.prediction(told, version) for _ in ask.tasks]
        hooks = {"prewarm": self.prewarm, "release": self.release}
        if isinstance(event, str) and event in hooks:
            for task in ask.tasks:
                hooks[event](task, ask)
        else:
            logger.warning("Event %.80r is not known here and changes nothing", event)
        return [results.prediction([], version) for _ in ask.tasks]


def capabilities(config: LabelConfig, model_version: str) -> Item:
    """What the controls of a labelling config let us do: the prompts that are understood, and what the masks go to."""
    prompts = {
        "point": bool(config.keypoints),
        "box": bool(config.rectangles),
        "scribble": bool(config.strokes),
        "text": bool(config.prompt or config.region_prompt),
    }
    return {
        "prompts": [prompt for prompt, understood in prompts.items() if understood],
        "targets": [{"tag": MASK_TAGS[config.mask.tag], "output": "mask"}],
        "model_info": {"name": "Anyword", "model_version": model_version},
    }
