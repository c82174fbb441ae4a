"""Label Studio's editor in a browser, driven as an annotator drives it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pictures
from playwright.sync_api import Locator, Page, Response

from backend.server.child_process import ROOT
from model.types import Image, Mask
from tests.e2e.configs import COLOURS
from tests.e2e.drawn import Drawn, tinted
from tests.e2e.label_studio import Project

SHOTS = ROOT / "out" / "e2e"
READY = """() => document.querySelector(".konvajs-content canvas")
  && window.Htx?.annotationStore?.selected?.names.get("image")?.imageIsLoaded"""
# Where the picture lies and which part of the window shows it: in a wide window the editor cuts its rim off.
FRAMES = """() => ['img[src^="blob:"]', ".konvajs-content"]
  .map(selector => document.querySelector(selector).getBoundingClientRect())
  .map(frame => [frame.left, frame.top, frame.right, frame.bottom])"""
SELECTED = """() => [...Htx.annotationStore.selected.names.values()]
  .flatMap(control => control.selectedLabels ?? []).map(label => label.value)"""
ROWS = {"key-point-tool": 1, "rectangle-tool": 2}  # of labels, where each control has labels of its own
BY_DEFAULT = {"autoAnnotation": "true", "selected-tool:image": "KeyPointTool-dynamic"}
PATIENCE = 10.0  # seconds from the answer until the mask is drawn

Spot = tuple[float, float]  # X, Y as fractions of the picture


class Editor:
    """One annotator's page; `picture` (H, W, 3) is what the opened task shows, as the browser turns it."""

    def __init__(self, page: Page, project: Project, story: str) -> None:
        self.page = page
        self._project = project
        self._story = story
        self._shots = 0
        self._tool = ""
        self._picture: Image | None = None

    def open(self, task: int, picture: Image) -> None:
        """Open a task with Auto-Annotation on."""
        for key, value in BY_DEFAULT.items():
            self.page.evaluate("([key, value]) => localStorage.setItem(key, value)", [key, value])
        self.page.goto(f"{self._project.server.url}/projects/{self._project.id}/data?task={task}")
        self.page.wait_for_function(READY)
        self._picture = picture
        self.take("key-point-tool")

    def take(self, tool: str) -> None:
        """Choose a smart tool: `key-point-tool` or `rectangle-tool`."""
        self.page.locator(".lsf-tool_smart").first.hover()
        self.page.locator(f".lsf-toolbar__smart [aria-label={tool}]").first.click()
        self.page.mouse.move(0, 0)  # else the tools stay open above the picture
        self._tool = tool

    def choose(self, label: str) -> None:
        """Choose a label; another click on a chosen one would give it up."""
        if label not in self.page.evaluate(SELECTED):
            rows = self.page.locator(".lsf-labels")
            row = rows.nth(ROWS[self._tool] if rows.count() > 1 else 0)
            row.get_by_text(label, exact=True).click()

    def type(self, text: str, key: str = "Enter") -> list[dict[str, Any]]:
        """Type into the prompt and press Enter, or Add where `key` is empty; gives the answer's items."""
        field = self.page.get_by_test_id("textarea-input").first
        field.fill(text)
        add = self.page.get_by_test_id("textarea-add-button").first
        return self._ask(f"text {text}", lambda: field.press(key) if key else add.click())

    def click(self, spot: Spot, label: str, *keys: str) -> list[dict[str, Any]]:
        """Click with a label and the keys held down: Alt for a negative point, Control on top of another region."""
        self.choose(label)
        return self._ask(" ".join(["click", *keys]), lambda: self._holding(keys, lambda: self.point_at(spot)))

    def drag(self, start: Spot, end: Spot, label: str) -> list[dict[str, Any]]:
        """Draw a smart rectangle."""
        self.take("rectangle-tool")
        self.choose(label)
        return self._ask("box", lambda: self._drag(start, end))

    def accept(self) -> None:
        """Take over what is suggested."""
        button = self.page.get_by_test_id("bottombar-accept-suggestions-button")
        button.click()
        button.wait_for(state="hidden")
        self.shot("accepted")

    def reject(self) -> None:
        """Throw away what is suggested, and the prompts with it."""
        button = self.page.get_by_test_id("bottombar-reject-suggestions-button")
        button.click()
        button.wait_for(state="hidden")

    def submit(self) -> list[dict[str, Any]]:
        """Submit, and give the result items that Label Studio received."""
        with self.page.expect_response(_stores_an_annotation) as answer:
            self.page.get_by_test_id("bottombar-submit-button").click()
        assert answer.value.status == 201, answer.value.text()
        self.shot("submitted")
        return list(answer.value.json()["result"])

    def drawn(self, label: str) -> Drawn:
        """What of the picture is tinted in a label's colour now."""
        assert self._picture is not None
        (left, top, right, bottom), seen = np.round(self.page.evaluate(FRAMES)).astype(int)
        window = np.array(Pictures.open(io.BytesIO(self.page.screenshot())).convert("RGB"))
        visible = np.zeros(window.shape[:2], np.bool_)
        visible[seen[1] : seen[3], seen[0] : seen[2]] = True
        looks = tinted(window[top:bottom, left:right], self._picture, COLOURS[label])
        visible = visible[top:bottom, left:right]
        return Drawn(looks.mask & visible, looks.known & visible)

    def sees(self, label: str, truth: Mask, least: float) -> Drawn:
        """Wait until the label is drawn over the truth with an intersection over union of at least `least`."""
        return self.until(label, lambda drawn: drawn.overlap(truth) >= least, f"{label} is not drawn where it lies")

    def until(self, label: str, condition: Callable[[Drawn], bool], otherwise: str) -> Drawn:
        """Look until what is drawn of a label fulfils a condition; else raises AssertionError(otherwise)."""
        deadline = time.monotonic() + PATIENCE
        while not condition(drawn := self.drawn(label)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{otherwise}: see {self.shot('failed')}")
        self.shot(f"drawn {label}")
        return drawn

    def message(self, text: str) -> Locator:
        """A text on the page."""
        return self.page.get_by_text(text)

    def shot(self, title: str) -> Path:
        """Keep a picture of the page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        file = SHOTS / f"{self._story} {self._shots:02d} {title}.png".replace(" ", "-")
        self.page.screenshot(path=file)
        self._shots += 1
        return file

    def point_at(self, spot: Spot) -> None:
        """Click without waiting for an answer."""
        self.page.mouse.click(*self._place(spot))

    def _ask(self, title: str, gesture: Callable[[], None]) -> list[dict[str, Any]]:
        with self.page.expect_response(_answers_a_prompt) as answer:
            gesture()
        self.shot(title)
        return list(answer.value.json().get("data", {}).get("result", []))

    def _holding(self, keys: tuple[str, ...], gesture: Callable[[], None]) -> None:
        for key in keys:
            self.page.keyboard.down(key)
        gesture()
        for key in keys:
            self.page.keyboard.up(key)

    def _drag(self, start: Spot, end: Spot) -> None:
        self.page.mouse.move(*self._place(start))
        self.page.mouse.down()
        self.page.mouse.move(*self._place(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)))
        self.page.mouse.move(*self._place(end))
        self.page.mouse.up()

    def _place(self, spot: Spot) -> Spot:
        (left, top, right, bottom), seen = self.page.evaluate(FRAMES)
        x, y = left + spot[0] * (right - left), top + spot[1] * (bottom - top)
        return min(max(x, seen[0] + 1), seen[2] - 1), min(max(y, seen[1] + 1), seen[3] - 1)


def _answers_a_prompt(answer: Response) -> bool:
    """Whether it answers a prompt; Submit sends an empty one."""
    if "/interactive-annotating" not in answer.url:
        return False
    return bool(json.loads(answer.request.post_data or "{}")["context"]["result"])


def _stores_an_annotation(answer: Response) -> bool:
    return answer.request.method == "POST" and "/annotations" in answer.url
