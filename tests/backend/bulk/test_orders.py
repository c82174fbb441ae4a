"""Orders are answered several at a time, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.bulk.orders import ABREAST, Order, answered, several
from backend.bulk.service import service
from backend.bulk.suspects import Suspects
from backend.inference.active_revision import ActiveRevision
from backend.inference.infer import TOGETHER
from backend.inference.predict import Predictor
from backend.inference.predict_request import PredictRequest
from backend.labelstudio import label_config
from backend.settings import Settings
from tests.backend.calls import BITMASK, picture, task
from tests.backend.calls import data_uri as uri
from tests.backend.noting_engine import Noting

CONFIG = label_config.read(BITMASK)
BAD = "data:image/png;base64,AAAA"


@pytest.fixture
def nobody(tmp_path: Path) -> Suspects:
    return Suspects(tmp_path / "suspects.json")


@pytest.fixture
def second() -> threading.Event:
    """Set when the engine is asked for the second time."""
    return threading.Event()


@pytest.fixture
def engine(second: threading.Event) -> Noting:
    return Noting(before=lambda call: second.set() if call == 2 else None)


@pytest.fixture
def predictions(engine: Noting) -> Iterator[Predictor]:
    with service(Settings(queue_size=1), lambda: engine) as started:
        yield started


def order(number: int, revision: int = 0, url: str | None = None) -> Order:
    """A task with a picture of its own."""
    told = task(number, uri(picture(40 + number, 50)) if url is None else url)
    return Order(
        number, PredictRequest([told], {}, CONFIG, "", "1.1795168390"), ActiveRevision(revision, f"v{revision}")
    )


def test_orders_of_one_revision_are_answered_together(engine: Noting, predictions: Predictor, nobody: Suspects) -> None:
    revisions = [0, 0, 1, 1, 1, 1, 1, 1, 0]
    replies = list(several(predictions, nobody, (order(*each) for each in enumerate(revisions))))
    assert [reply.task for reply in replies] == list(range(len(revisions)))
    assert [reply.outcome["model_version"] for reply in replies] == [f"v{each}" for each in revisions]  # type: ignore[index]
    assert sorted(engine.asked) == [1, 2, 2, TOGETHER], "the last one alone"


def test_each_reply_has_what_its_task_is_offered(predictions: Predictor) -> None:
    replies = answered(predictions, [order(1), order(2, url=BAD), order(3)])
    assert [[offer.task for offer in reply.offers] for reply in replies] == [["1", "1"], [], ["3", "3"]]
    sizes = [{offer.mask.size for offer in reply.offers} for reply in replies]
    assert sizes == [{(41, 50)}, set(), {(43, 50)}]


def test_tasks_are_predicted_while_others_are_stored(
    second: threading.Event, predictions: Predictor, nobody: Suspects
) -> None:
    taken: list[int] = []

    def orders() -> Iterator[Order]:
        for number in range(5 * TOGETHER):
            taken.append(number)
            yield order(number)

    replies = several(predictions, nobody, orders())
    assert next(replies).task == 0
    assert second.wait(60), "while the caller has the first reply"
    assert len(taken) <= ABREAST * TOGETHER, "what a kill would lose"
    assert [reply.task for reply in replies] == list(range(1, 5 * TOGETHER))
