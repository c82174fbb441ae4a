"""How many clicks an annotator needs for 90 % IoU, by clicks alone and after a text: what `clicks` prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from model.embedded.scenes import HELD_OUT, TUNING
from model.engine import Engine
from model.evaluation.records import Effort
from model.evaluation.scenarios.photographs import photographs
from model.evaluation.scenarios.questions import questions
from model.evaluation.scenarios.simulated_clicks import GOAL, MOST, clicked_out
from model.types import Answer, Clause, Hint, Image, Mask, Query

ALONE, TEXT_FIRST = "clicks alone", "text first, then clicks"


@dataclass(frozen=True, slots=True)
class Clicked:
    """What clicking objects out took in one way: efforts, and seconds inside the engine for each click."""

    way: str
    efforts: list[Effort] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def line(self) -> str:
        """One line of figures. An object that is not reached counts as twenty clicks; a text counts as none."""
        clicks = [effort.clicks for effort in self.efforts]
        reached = np.mean([effort.reached for effort in self.efforts])
        first = np.mean([effort.first for effort in self.efforts])
        pace = f"{1000 * np.median(self.seconds):.0f} ms a click" if self.seconds else "no click"
        text = f", {np.mean(clicks) + 1:.2f} actions with the text as one" if self.way == TEXT_FIRST else ""
        return (
            f"  {self.way:24s} {np.mean(clicks):.2f} clicks mean, {np.median(clicks):.0f} median, "
            f"{np.percentile(clicks, 95):.0f} at the 95th percentile{text}; {GOAL:.0%} IoU reached {reached:.1%}, "
            f"first answer {first:.3f} IoU; {len(clicks)} objects, {pace}"
        )


def print_clicks(engine: Engine, scenes: int, folder: Path, tuning: bool = False) -> None:
    """Clicks on the objects of scenes and on the segments of photographs, where there are any."""
    first = TUNING if tuning else HELD_OUT
    print(f"\nClicks to {GOAL:.0%} IoU, {MOST} at most, {scenes} unseen scenes, seeds {first} to {first + scenes - 1}")
    for clicked in on_scenes(engine, first, scenes):
        print(clicked.line(), flush=True)
    if folder.is_dir():
        print(f"The same on the segments above 2 % of the photographs in {folder}")
        print(on_photographs(engine, folder).line(), flush=True)


def on_scenes(engine: Engine, first: int, count: int) -> tuple[Clicked, Clicked]:
    """Every object of scenes number `first` to `first + count`: by clicks alone, and after its colour and shape."""
    alone, after_text = Clicked(ALONE), Clicked(TEXT_FIRST)
    for question in questions(first, count):
        image = question.scene.image
        for thing in question.scene.objects:
            _click(engine, image, thing.mask, alone)
            text = Clause(f"the {thing.kind.colour} {thing.kind.shape}")
            _click(engine, image, thing.mask, after_text, engine.segment(image, Query((text,))))
    return alone, after_text


def on_photographs(engine: Engine, folder: Path) -> Clicked:
    """Every large segment of photographs `N.jpg` with maps `N.png`, by clicks alone."""
    alone = Clicked(ALONE)
    for image, masks in photographs(folder):
        for truth in masks:
            _click(engine, image, truth, alone)
    return alone


def _click(engine: Engine, image: Image, truth: Mask, clicked: Clicked, given: Answer | None = None) -> None:
    engine.see(image)  # the embedding is there before the first click, as after a prefetch

    def answer(hint: Hint) -> Answer:
        begun = perf_counter()
        found = engine.segment(image, Query(hints=(hint,)))
        clicked.seconds.append(perf_counter() - begun)
        return found

    clicked.efforts.append(clicked_out(answer, truth, given))
