"""From the click to the drawn mask, measured inside the browser."""

import math
from statistics import median

import pytest
from playwright.sync_api import Page

from backend.samples import label_of
from tests.e2e.conftest import Album, Studio
from tests.e2e.editor import Editor
from tests.e2e.servers import Backend
from tests.e2e.spots import elsewhere, middle

BUDGET = 1.0  # seconds; printed beside the figure, as a test machine may be busy
# Seconds from pressing the button until the server's answer is there and the canvases above the picture have changed at
# this spot, looked at every frame; infinity after half a minute.
WATCH = """([x, y]) => {
  let pressed = null, before = "";
  addEventListener("pointerdown", event => { pressed = event.timeStamp; }, {capture: true, once: true});
  const size = Htx.annotationStore.selected.names.get("image").canvasSize;
  performance.clearResourceTimings();
  const answered = () => performance.getEntriesByType("resource").some(
    entry => entry.name.includes("interactive-annotating") && entry.startTime >= pressed);
  const pixel = canvas => canvas.getContext("2d").getImageData(x * size.width, y * size.height, 1, 1).data.join();
  window.drawn = new Promise(resolve => {
    const look = () => {
      const now = [...document.querySelectorAll(".konvajs-content canvas")].map(pixel).join();
      if (pressed === null) before = now;
      const drawn = pressed !== null && now !== before && answered();
      drawn ? resolve((performance.now() - pressed) / 1000) : requestAnimationFrame(look);
    };
    look();
    setTimeout(() => resolve(Infinity), 30000);
  });
}"""


def test_a_click_is_drawn_soon(
    page: Page, studio: Studio, backend: Backend, threes: Album, capsys: pytest.CaptureFixture[str]
) -> None:
    project = studio("A", threes, backend)
    editor = Editor(page, project, "speed")
    seconds: list[float] = []
    for task, scene in zip(project.tasks(), threes.scenes[:3], strict=False):
        editor.open(int(task["id"]), scene.image)
        for thing in (*scene.objects, scene.objects[0]):
            editor.choose(label_of(thing))
            page.evaluate(WATCH, elsewhere(thing, depth=0.6))
            editor.click(middle(thing), label_of(thing))
            seconds.append(float(page.evaluate("window.drawn")))
            editor.reject()
    with capsys.disabled():
        print(f"\nFrom click to drawn mask: {median(seconds):.2f} s (median of {len(seconds)}; budget {BUDGET:.1f} s)")
    assert all(math.isfinite(second) and second > 0 for second in seconds), seconds
