"""An annotator at work in the editor, as far as the backend can tell: what each action sends, and what drafts hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from flask.testing import FlaskClient

from model.types import Mask
from tests.backend import calls
from tests.backend.clients import masks, results, status_text

Item = dict[str, Any]

SIZE = {"original_width": 80, "original_height": 60, "image_rotation": 0}
NUMBERS = count(1)


@dataclass
class Annotator:
    """One person with one task open; actions send what the editor of Label Studio 1.23 sends.

    `draft` is what was saved last, five seconds late in real life; None before the first save. `stored` are the task's
    annotations, of whomever.
    """

    client: FlaskClient
    name: str = "anna@example.com"
    config: str = calls.BITMASK
    task: int = 1
    url: str | None = None
    size: tuple[int, int] = (60, 80)
    text: Item | None = None
    marks: list[Item] = field(default_factory=list)
    accepted: list[Item] = field(default_factory=list)
    suggested: list[Item] = field(default_factory=list)
    draft: list[Item] | None = None
    stored: list[Any] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)  # of the request's body
    last: list[Item] = field(default_factory=list)

    # Actions

    def type(self, typed: str) -> Mask:
        """Enter a text; its item keeps its id for as long as the page is open."""
        name = self.text["id"] if self.text else self._id("t")
        self.text = {"id": name, "from_name": "prompt", "to_name": "image", "type": "textarea"}
        self.text["value"] = {"text": [typed]}
        return self.ask([self.text])

    def click(self, x: float, y: float, label: str | None = "Red thing", positive: bool = True) -> Mask:
        """Click with the smart point tool, in percent; all points with the label are sent."""
        value = {"x": x, "y": y, "width": 0.3, "labels": [label] if label else []}
        item = {**self._head("point", "keypoint"), "value": value, "is_positive": positive}
        return self._draw(item)

    def drag(self, x: float, y: float, width: float, height: float, label: str = "Red thing") -> Mask:
        """Drag a box with the smart rectangle tool, in percent; all boxes with the label are sent."""
        value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "labels": [label]}
        return self._draw({**self._head("box", "rectangle"), "value": value})

    def accept(self) -> None:
        """Accept all suggestions, which takes the points and boxes away."""
        self.tick()
        self.marks = []

    def tick(self) -> None:
        """Accept the suggestions one by one, which leaves the points and boxes where they are."""
        new = {item["id"] for item in self.suggested}
        self.accepted = [item for item in self.accepted if item["id"] not in new] + self.suggested
        self.suggested = []

    def reject(self) -> None:
        """Turn all suggestions down, which takes the points and boxes away."""
        self.suggested, self.marks = [], []

    def save(self) -> None:
        """Let the editor save its draft."""
        self.draft = [*([self.text] if self.text else []), *self.marks, *self.accepted]

    # What is sent

    def ask(self, items: list[Item]) -> Mask:
        """Send a request; the union of the masks (H, W) of the answer, which also becomes the suggestions."""
        self.last = items
        prediction = self.prediction(items)
        self.suggested = [item for item in prediction["result"] if item["type"] != "textarea"]
        self.said = status_text(prediction)
        found = masks(prediction)
        return np.any(found, axis=0) if found else np.zeros(self.size, np.bool_)

    def again(self) -> Mask:
        """Send the last request once more."""
        return self.ask(self.last)

    def prediction(self, items: list[Item]) -> Any:
        """The prediction for these prompts."""
        drafts = [] if self.draft is None else [{"id": 1, "user": self.name, "result": self.draft, "annotation": None}]
        task = {**calls.task(self.task, self.url), "drafts": drafts, "annotations": self.stored}
        body = {**calls.predict([task], self.config, {"result": items}), **self.more}
        [prediction] = results(self.client.post("/predict", json=body))
        return prediction

    @property
    def ids(self) -> list[str]:
        """The ids of the suggested regions."""
        return list(dict.fromkeys(item["id"] for item in self.suggested))

    @property
    def labels(self) -> list[str]:
        """The labels of the suggested regions."""
        values = [item["value"] for item in self.suggested]
        return [label for value in values for label in value.get("labels", value.get("brushlabels", []))]

    def _draw(self, item: Item) -> Mask:
        self.marks.append(item)
        return self.ask([mark for mark in self.marks if self._kind(mark) == self._kind(item)])

    @staticmethod
    def _kind(item: Item) -> tuple[str, tuple[str, ...]]:
        return item["from_name"], tuple(item["value"]["labels"])

    def _head(self, control: str, kind: str) -> Item:
        return {"id": self._id(control), "from_name": control, "to_name": "image", "type": kind, **SIZE}

    @staticmethod
    def _id(kind: str) -> str:
        return f"{kind}-{next(NUMBERS)}"
