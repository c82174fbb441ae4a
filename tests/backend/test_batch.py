"""Tasks of one request share the models' passes, and are fetched and encoded while the models work on others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from backend.inference import infer, predict
from backend.inference.infer import TOGETHER
from backend.inference.predict import ABREAST
from backend.page.journal import Journal
from model.errors import BadImage, Busy, OutOfMemory
from model.types import Mask
from tests.backend import calls
from tests.backend.clients import SETTINGS, client_of, masks, opened, results
from tests.backend.colour_engine import COLOURS, ColourEngine
from tests.backend.log_lines import logged
from tests.backend.noting_engine import Noting
from tests.backend.site import Answer as Reply
from tests.backend.site import Seen, Site
from tests.faults.waiting import until

RED = calls.data_uri(np.full((20, 30, 3), COLOURS["red"], np.uint8))
BLACK = calls.data_uri(np.zeros((20, 30, 3), np.uint8))
NO_PICTURE = "data:image/png;base64,AAAA"
STAGES = {"fetch", "prompt", "wait", "segment", "draw", "encode"}


def ask(client: FlaskClient, *tasks: Any, **more: Any) -> list[Any]:
    """Send tasks for pre-annotation."""
    answers: list[Any] = results(client.post("/predict", json=calls.predict(tasks, **more)))
    return answers


def plain(number: int) -> Any:
    """A task with a picture of its own size, and so of its own content."""
    return calls.task(number, calls.data_uri(calls.picture(40 + number, 50)))


def drawn(answers: list[Any]) -> list[list[Mask]]:
    return [masks(answer) for answer in answers]


def same(first: list[list[Mask]], second: list[list[Mask]]) -> bool:
    return all(
        len(left) == len(right) and all(map(np.array_equal, left, right))
        for left, right in zip(first, second, strict=True)
    )


def metric(client: FlaskClient, name: str) -> float:
    """A metric's value; 0 before it was measured first."""
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


def stage(client: FlaskClient, name: str) -> float:
    """How many tasks have come through a stage."""
    return metric(client, f'anyword_stage_seconds_count{{stage="{name}"}}')


def test_tasks_are_answered_together_and_in_their_order() -> None:
    engine = Noting()
    client, tasks = client_of(engine), [plain(number) for number in range(2 * TOGETHER + 2)]
    together = drawn(ask(client, *tasks))
    assert sorted(engine.asked) == [2, TOGETHER, TOGETHER]
    alone = [drawn(ask(client, task))[0] for task in tasks]
    assert engine.asked[3:] == [1] * len(tasks)
    assert same(together, alone)
    assert [len(found) for found in together] == [2] * len(tasks)


def test_one_picture_may_be_that_of_several_tasks() -> None:
    engine = Noting()
    answers = ask(client_of(engine), *(calls.task(number, RED) for number in (1, 2, 3)))
    assert engine.asked == [3]
    assert [[mask.all() for mask in found] for found in drawn(answers)] == [[True]] * 3
    ids = [item["id"] for answer in answers for item in answer["result"] if item["type"] == "bitmask"]
    assert len(set(ids)) == 3


def test_a_picture_that_does_not_come_leaves_its_group() -> None:
    engine = Noting()
    answers = ask(client_of(engine), plain(1), calls.task(2, NO_PICTURE), plain(3), "no task", plain(5))
    assert [bool(answer) for answer in answers] == [True, False, True, False, True]
    assert sorted(engine.asked) == [1, 2]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadImage("a picture without pixels"), "BadImage"),
        (OutOfMemory("too large for the device"), "OutOfMemory"),
        (KeyError("a bug"), "Unexpected"),
    ],
)
def test_of_a_group_that_fails_the_guilty_task_alone_has_no_answer(error: Exception, kind: str) -> None:
    engine, journal = Noting(error=error), Journal()
    client = opened(SETTINGS, load=lambda: engine, journal=journal).test_client()
    with logged(replace(SETTINGS, log_format="json")) as log:
        answers = ask(client, plain(1), calls.task(2, BLACK), plain(3))
    assert [bool(answer) for answer in answers] == [True, False, True]
    assert engine.asked == [3, 1, 1, 1]
    assert metric(client, f'anyword_errors_total{{kind="{kind}"}}') == 1
    [told] = [each for each in log.entries if each["message"].startswith("They fail together")]
    assert (told["task"], told["level"], "traceback" in told) == ("1,2,3", "WARNING", kind == "Unexpected")
    assert [failure.where for failure in journal.failures] == ["task 2, project 1"]
    assert [entry.occasion.task for entry in reversed(journal.entries)] == ["1", "3"]


def test_a_group_that_is_turned_away_is_not_tried_again() -> None:
    engine = Noting(error=Busy("others first", retry_after=3))
    response = client_of(engine).post("/predict", json=calls.predict([plain(1), calls.task(2, BLACK), plain(3)]))
    assert (response.status, response.headers["Retry-After"]) == ("503 others first", "3")
    assert engine.asked == [3]


def test_each_task_has_its_own_annotations() -> None:
    client = client_of(Noting())
    first = ask(client, calls.task(1))[0]["result"]
    red = [item for item in first if item["id"] == first[0]["id"]]
    accepted = {**calls.task(1), "annotations": [{"id": 1, "result": red}]}
    assert [len(found) for found in drawn(ask(client, accepted, calls.task(2), calls.task(3)))] == [1, 2, 2]


def test_a_text_is_looked_for_in_several_tasks_together_and_clicks_alone() -> None:
    engine = Noting()
    client = client_of(engine, replace(SETTINGS, prefetch=0))
    assert [len(found) for found in drawn(ask(client, plain(1), plain(2), context=calls.text("red")))] == [1, 1]
    assert engine.asked == [2]
    assert [len(found) for found in drawn(ask(client, plain(3), plain(4), context=calls.point(25, 25)))] == [1, 1]
    assert engine.asked == [2, 1, 1]


def test_labels_that_are_not_there_need_no_models() -> None:
    engine = Noting()
    config = '<View><Image name="image" value="$image"/><Brush name="mask" toName="image"/></View>'
    assert [answer["result"] for answer in ask(client_of(engine), plain(1), plain(2), config=config)] == [[], []]
    assert engine.asked == []


# What is told


def test_each_task_is_told_with_its_share_of_the_time() -> None:
    client = client_of(ColourEngine())
    with logged(replace(SETTINGS, log_format="json")) as log:
        ask(client, *(plain(number) for number in range(TOGETHER)))
    told = [each for each in log.entries if each["message"] == "Task answered"]
    assert [(each["task"], each["project"], each["regions"]) for each in told] == [
        (str(number), "1", 2) for number in range(TOGETHER)
    ]
    assert len({each["request"] for each in told}) == 1
    assert all(each.keys() >= STAGES for each in told)
    assert len({each["segment"] for each in told}) == 1
    assert {stage(client, name) for name in STAGES} == {TOGETHER}
    total = metric(client, 'anyword_stage_seconds_sum{stage="segment"}')
    assert 0 < total <= metric(client, "anyword_lane_busy_seconds_total")


def test_lines_of_the_lanes_thread_are_about_all_tasks_of_the_group() -> None:
    with logged(replace(SETTINGS, log_format="json")) as log:
        ask(client_of(Noting()), *(plain(number) for number in range(1, TOGETHER + 2)))
    told = [each for each in log.entries if each["message"] == "At work"]
    assert sorted((each["task"], each["project"]) for each in told) == [("1,2,3,4", "1"), ("5", "1")]
    assert {each["request"] for each in told} == {log.entry("Request answered")["request"]}


# What goes on at the same time


def waiting(ready: Callable[[int], bool]) -> Noting:
    """An engine that waits before each call until something has come about."""
    return Noting(before=lambda call: until(f"what call {call} waits for", lambda: ready(call), 20))


def on(site: Site, tasks: int) -> list[Any]:
    """Tasks whose pictures are on a web site."""

    def served(seen: Seen) -> Reply:
        return 200, {"Content-Type": "image/png"}, calls.png(calls.picture(40 + int(seen.path[1:]), 50))

    for number in range(tasks):
        site.routes[f"/{number}"] = served
    return [calls.task(number, f"{site.url}/{number}") for number in range(tasks)]


def test_pictures_are_fetched_and_answers_encoded_while_the_models_work_on_others(site: Site) -> None:
    too_many: list[int] = []

    def ready(call: int) -> bool:
        """The next pictures are there, and the answers of the group before are encoded."""
        fetched, ahead = len(site.seen), (call + 1) * TOGETHER
        too_many.extend([fetched] if fetched > ahead else [])
        return fetched >= min(ahead, 4 * TOGETHER) and (call == 1 or stage(client, "encode") >= (call - 1) * TOGETHER)

    engine = waiting(ready)
    client = client_of(engine, replace(SETTINGS, image_hosts="private"))
    answers = ask(client, *on(site, 4 * TOGETHER))
    assert [len(found) for found in drawn(answers)] == [2] * 4 * TOGETHER
    assert engine.asked == [TOGETHER] * 4
    assert not too_many, "besides the group before the models, one is in memory"


def test_a_batch_has_one_place_before_the_models_and_leaves_the_queue_to_others(site: Site) -> None:
    answers: list[Any] = []

    def ready(call: int) -> bool:
        """The next group is there, and so is a click."""
        if call > 1 or stage(client, "prompt") < 2 * TOGETHER:
            return call > 1
        if not clicking.ident:
            clicking.start()
        return metric(client, "anyword_queue_depth") == 1 or not clicking.is_alive()

    client = client_of(waiting(ready), replace(SETTINGS, image_hosts="private", queue_size=1))
    other = client.application.test_client()
    clicking = threading.Thread(target=lambda: answers.extend(ask(other, plain(99), context=calls.point(25, 25))))
    assert all(ask(client, *on(site, 2 * TOGETHER)))
    clicking.join(60)
    assert len(masks(answers[0])) == 1, "the click is not turned away"


def test_large_pictures_go_one_at_a_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (infer, predict):
        monkeypatch.setattr(module, "PICTURE_BYTES", 1)
    ahead: list[int] = []
    engine = Noting(before=lambda call: ahead.append(len(site.seen) - call))
    assert all(ask(client_of(engine, replace(SETTINGS, image_hosts="private")), *on(site, 2 * TOGETHER)))
    assert engine.asked == [1] * 2 * TOGETHER
    assert max(ahead) < ABREAST, "no more of them are in memory than are fetched at the same time"


def test_the_order_is_kept_where_a_later_picture_is_first(site: Site) -> None:
    tasks, fetched = on(site, 2 * TOGETHER), threading.Event()
    first, last = site.routes["/0"], site.routes[f"/{TOGETHER - 1}"]

    def late(seen: Seen) -> Reply:
        assert fetched.wait(60)
        return first(seen)

    def early(seen: Seen) -> Reply:
        fetched.set()
        return last(seen)

    site.routes["/0"], site.routes[f"/{TOGETHER - 1}"] = late, early
    client = client_of(Noting(), replace(SETTINGS, image_hosts="private", image_timeout=60))
    assert [found[0].shape[0] for found in drawn(ask(client, *tasks))] == [40 + at for at in range(2 * TOGETHER)]


# Time


def test_nothing_is_begun_that_comes_too_late(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks, clock, fetched = on(site, 4 * TOGETHER), [0.0], threading.Event()
    last = site.routes[f"/{3 * TOGETHER - 1}"]

    def served(seen: Seen) -> Reply:
        fetched.set()
        return last(seen)

    def before(call: int) -> None:
        """The third group is fetched when the time is over."""
        assert call == 1 or fetched.wait(60)
        clock.append(clock[-1] + 6.0)

    site.routes[f"/{3 * TOGETHER - 1}"] = served
    engine = Noting(before=before)
    client = client_of(engine, replace(SETTINGS, image_hosts="private", image_timeout=60, batch_deadline=10.0))
    monkeypatch.setattr(time, "monotonic", lambda: clock[-1])
    with logged(replace(SETTINGS, log_format="json")) as log:
        answers = ask(client, *tasks)
    assert engine.asked == [TOGETHER] * 2
    assert sum(map(bool, answers)) == 2 * TOGETHER
    assert not any(answers[-TOGETHER:])
    kinds = [each["kind"] for each in log.entries if each["message"] == "Task refused"]
    assert len(kinds) == 2 * TOGETHER
    assert kinds.count("Busy") >= TOGETHER, "the third group was fetched and came too late for the models"
    assert set(kinds) <= {"Busy", "NotReached"}, "the fourth may have been fetched by then, or not"
