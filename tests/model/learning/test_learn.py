"""The whole way on the embedded models: scenes are the first that fit, not chosen by result."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import pytest

from model.adapters.sam.segmenter import SamSegmenter
from model.engine import Engine
from model.errors import BadImage
from model.learning.dataset.learning_examples import Curriculum
from model.learning.embeddings.attention_loss import FitConfig
from model.learning.learn import LearningVerdict, learn
from model.methods.segment_anyword.inversion import GiveWay
from model.types import Candidates, Image, ImageEmbedding, MaskPrompt
from tests.model.learning.pictures import Kept, curriculum, ellipses, filled, shape


class Counting(SamSegmenter):
    """The engine's segmenter; it counts the calls of its decoder."""

    calls: ClassVar[list[int]] = []

    def decode(
        self, embedding: ImageEmbedding, prompts: Sequence[MaskPrompt], give_way: GiveWay = lambda: None
    ) -> tuple[Candidates, ...]:
        self.calls.append(len(prompts))
        return super().decode(embedding, prompts, give_way)


def counted(engine: Engine, curriculum: Curriculum, saved: Kept) -> tuple[int, LearningVerdict]:
    """Learn, and say how many prompts the segmenter was asked."""
    segmenter = engine.models.segmenter
    assert isinstance(segmenter, SamSegmenter)
    Counting.calls.clear()
    counted = Counting(segmenter.name, segmenter.model, segmenter.recorder)
    counting = Engine(replace(engine.models, segmenter=counted), engine.config)
    verdict = learn(counting, curriculum, saved, lambda: None)
    return sum(Counting.calls), verdict


@pytest.fixture(scope="module")
def rings() -> Curriculum:
    """Annotators who always fill the hole."""
    return curriculum({"ring": filled(shape("ring"))}, 6)


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def verdict(engine: Engine, rings: Curriculum, kept: Kept) -> LearningVerdict:
    return learn(engine, rings, kept, lambda: None)


def test_a_habit_is_learned_as_a_setting(verdict: LearningVerdict) -> None:
    assert verdict.adopted
    assert verdict.lessons["ring"].changes["finish"]["fill_holes"] is True
    assert "holes are filled" in verdict.figures["labels"]["ring"]["changes"]
    row = verdict.figures["labels"]["ring"]
    assert row["after"] > row["before"] + 0.15
    assert 0 < row["low"] <= row["high"]
    assert "ring" in verdict.reason


def test_figures_are_json_with_at_most_four_pictures(verdict: LearningVerdict) -> None:
    assert 0 < len(verdict.figures["pictures"]) <= 4
    assert len(json.dumps(verdict.figures)) < 200_000


def test_a_finished_run_asks_no_model_again(
    engine: Engine, rings: Curriculum, kept: Kept, verdict: LearningVerdict
) -> None:
    asked, again = counted(engine, rings, kept)
    assert asked == 0
    assert again.figures == verdict.figures
    assert again.lessons == verdict.lessons


@pytest.mark.usefixtures("verdict")
def test_a_run_that_was_stopped_goes_on_behind_its_last_step(engine: Engine, rings: Curriculum, kept: Kept) -> None:
    half = Kept({step: value for step, value in kept.steps.items() if step in ("before", "fold 1", "fold 2")})
    whole = Kept()
    assert 0 < counted(engine, rings, half)[0] < counted(engine, rings, whole)[0]
    assert half.steps == whole.steps == kept.steps


@pytest.mark.parametrize(
    ("pictures", "said"), [(2, "3 more corrected pictures needed"), (4, "1 more corrected picture needed")]
)
def test_too_few_corrections_say_how_many_are_missing(engine: Engine, pictures: int, said: str) -> None:
    few = curriculum({"ring": filled(shape("ring"))}, pictures)
    found = learn(engine, few, Kept(), lambda: None)
    assert not found.adopted
    assert found.figures["labels"]["ring"]["missing"] == 5 - pictures
    assert found.reason == f"ring: {said}"


def test_pictures_that_are_gone_or_changed_are_left_out(engine: Engine) -> None:
    few = curriculum({"ring": shape("ring")}, 4)

    def gone() -> Image:
        raise BadImage("the picture is gone")

    smaller: Callable[[], Image] = lambda: few.examples[1].image()[::2, ::2].copy()  # noqa: E731
    examples = (replace(few.examples[0], image=gone), replace(few.examples[1], image=smaller), *few.examples[2:])
    found = learn(engine, replace(few, examples=examples), Kept(), lambda: None)
    assert found.figures["left_out"] == 2
    assert found.figures["used"] == 2


def test_learning_gives_way(engine: Engine) -> None:
    calls: list[int] = []
    learn(engine, curriculum({"ring": shape("ring")}, 2), Kept(), lambda: calls.append(1))
    assert len(calls) >= 2


def test_nothing_to_learn_from_is_an_answer(engine: Engine) -> None:
    nothing = learn(engine, Curriculum((), {"ring": ("ring",)}, {}, "fast"), Kept(), lambda: None)
    assert not nothing.adopted
    assert nothing.figures["labels"]["ring"]["missing"] == 5


def test_noise_teaches_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.learning.fitting.FitConfig", partial(FitConfig, steps=3))  # more takes minutes
    noisy = curriculum({"circle": ellipses}, 6)
    assert not learn(engine, noisy, Kept(), lambda: None).adopted
