"""Whole stories of annotators, told in requests: which prompts belong to one object, and when it is done with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.labelstudio.results import Region
from backend.prompting.drafts import Editor
from backend.prompting.prompts import Prompts
from backend.prompting.sessions import MOST_OBJECTS, MOST_TASKS, Sessions
from backend.prompting.task_key import TaskKey
from model.types import Box, Clause, Point, Segment
from tests.backend import calls
from tests.backend.annotator import Annotator
from tests.backend.clients import SETTINGS, client_of
from tests.backend.colour_engine import COLOURS
from tests.backend.items import SIZE, point, read_prompts
from tests.backend.pointing_engine import PointingEngine

RED, BLUE = ((calls.picture() == np.array(colour)).all(axis=-1) for colour in (COLOURS["red"], COLOURS["blue"]))
WITH_BACKGROUND = calls.BITMASK.replace("</Labels>", '<Label value="Background"/></Labels>')
CLASSIC = """<View>
  <Image name="image" value="$image"/>
  <BrushLabels name="mask" toName="image" smart="false"><Label value="Red thing"/><Label value="blue"/></BrushLabels>
  <KeyPointLabels name="point" toName="image" smart="true">
    <Label value="blue"/><Label value="Negative"/>
  </KeyPointLabels>
  <RectangleLabels name="box" toName="image" smart="true"><Label value="Red thing"/></RectangleLabels>
  <TextArea name="prompt" toName="image"/><TextArea name="status" toName="image" editable="false" smart="false"/>
</View>"""
PER_REGION = calls.BITMASK.replace("<Bitmask ", '<TextArea name="what" toName="image" perRegion="true"/><Bitmask ')


ANOTHER = calls.data_uri(np.flip(calls.picture(), axis=2))  # red and blue are the other way round


@pytest.fixture
def engine() -> PointingEngine:
    return PointingEngine()


@pytest.fixture
def anna(engine: PointingEngine) -> Annotator:
    return Annotator(client_of(engine))


# One object


def test_a_click_after_a_text_is_asked_together_with_it(anna: Annotator, engine: PointingEngine) -> None:
    anna.type("the red square")
    assert np.array_equal(anna.click(25, 25), RED)
    assert engine.seen[-1].clauses == (Clause("the red square"),)
    assert [hint.points for hint in engine.seen[-1].hints] == [(Point(20, 15),)]
    assert anna.said == "1 region, best 0.80"


def test_a_text_after_a_click_is_asked_together_with_it(anna: Annotator, engine: PointingEngine) -> None:
    anna.click(25, 25)
    anna.type("the bright square")
    assert engine.seen[-1].clauses == (Clause("the bright square"),)
    assert [hint.points for hint in engine.seen[-1].hints] == [(Point(20, 15),)]


def test_a_text_that_is_different_replaces_the_text(anna: Annotator, engine: PointingEngine) -> None:
    anna.click(25, 25)
    anna.type("the bright square")
    anna.type("the dark square")
    assert engine.seen[-1].clauses == (Clause("the dark square"),)
    assert len(engine.seen[-1].hints) == 1


def test_a_click_in_or_beside_a_box_is_about_the_object_in_it(anna: Annotator, engine: PointingEngine) -> None:
    anna.drag(12, 11, 26, 26)
    anna.click(40, 20)
    [hint] = engine.seen[-1].hints
    assert hint.box is not None
    assert hint.points == (Point(32, 12),)


def test_an_alt_click_cuts_from_the_box(anna: Annotator) -> None:
    whole = anna.drag(10, 10, 30, 30)
    cut = anna.click(25, 25, positive=False)
    assert np.array_equal(whole, RED)
    assert cut.any()
    assert not cut[15, 20]
    assert not (cut & ~whole).any()


def test_an_alt_click_cuts_from_what_a_text_found(anna: Annotator, engine: PointingEngine) -> None:
    whole = anna.type("red")
    [before] = anna.ids
    cut = anna.click(25, 25, positive=False)
    assert not cut[15, 20]
    assert 0 < cut.sum() < whole.sum()
    assert anna.ids == [before]
    [hint] = engine.seen[-1].hints
    positive = next(point for point in hint.points if point.positive)
    assert RED[int(positive.y), int(positive.x)]


def test_an_alt_click_leaves_the_other_regions_of_the_text(anna: Annotator) -> None:
    anna.type("red; blue")
    found = set(anna.ids)
    cut = anna.click(25, 25, positive=False)
    assert np.array_equal(cut & BLUE, BLUE)
    assert not cut[15, 20]
    assert set(anna.ids) == found


def test_points_with_a_background_label_come_alone_and_are_negative(engine: PointingEngine) -> None:
    for config, background in ((WITH_BACKGROUND, "Background"), (CLASSIC, "Negative")):
        anna = Annotator(client_of(engine), config=config)
        anna.click(75, 75, label="blue")
        anna.click(25, 25, label=background)
        anna.click(30, 30, label=background)
        [hint] = engine.seen[-1].hints
        assert [point.positive for point in hint.points] == [True, False, False]
        assert anna.labels == ["blue"]
        anna.click(70, 70, label="blue")
        [hint] = engine.seen[-1].hints
        assert sorted(point.positive for point in hint.points) == [False, False, True, True]


def test_background_points_alone_wait_for_the_object(engine: PointingEngine) -> None:
    anna = Annotator(client_of(engine), config=WITH_BACKGROUND)
    assert not anna.click(70, 75, label="Background").any()
    assert anna.said.startswith("only negative points")
    anna.click(25, 25)
    [hint] = engine.seen[-1].hints
    assert sorted(point.positive for point in hint.points) == [False, True]


def test_a_text_in_a_box_speaks_of_that_box_alone(engine: PointingEngine) -> None:
    anna = Annotator(client_of(engine), config=PER_REGION)
    anna.drag(10, 10, 30, 30)
    anna.drag(60, 60, 30, 30)
    first, second = anna.marks
    texts = [
        {"id": box["id"], "from_name": "what", "to_name": "image", "type": "textarea", "value": {"text": [typed]}}
        for box, typed in ((first, "crimson"), (second, "navy"))
    ]
    found = anna.ask([first, texts[0], second, texts[1]])
    assert [([clause.text for clause in query.clauses], len(query.hints)) for query in engine.seen[-2:]] == [
        (["crimson"], 1),
        (["navy"], 1),
    ]
    assert np.array_equal(found, RED | BLUE)
    assert len(anna.ids) == 2


OVER_BRUSH = calls.BITMASK.replace("<Bitmask ", "<Brush ")


@pytest.mark.parametrize("config", [calls.BITMASK, OVER_BRUSH, CLASSIC, PER_REGION])
def test_the_label_is_that_of_the_text_else_that_of_the_click(engine: PointingEngine, config: str) -> None:
    anna = Annotator(client_of(engine), config=config)
    assert (anna.type("blue"), anna.labels)[1] == ["blue"]
    assert (anna.click(25, 25, "Red thing"), anna.labels)[1] == ["Red thing"]
    assert (anna.click(75, 75, "blue"), anna.labels)[1] == ["blue"]
    assert (anna.drag(60, 60, 30, 30, "blue"), anna.labels)[1] == ["blue"]
    assert (anna.type("the bright red"), anna.labels)[1] == ["blue"], "what was drawn goes before what a phrase names"
    assert (anna.type("Red thing: the red square"), anna.labels)[1] == ["Red thing"], "a text for another label"


# Refining


def test_a_further_click_brings_back_the_logits_of_the_last_answer(anna: Annotator, engine: PointingEngine) -> None:
    anna.click(25, 25)
    anna.click(30, 30)
    anna.click(20, 20, positive=False)
    previous = [query.hints[0].previous for query in engine.seen]
    assert previous[0] is None
    assert [float(logits[0, 0]) for logits in previous[1:] if logits is not None] == [0, 1]


def test_a_click_on_what_a_text_found_refines_that_region(anna: Annotator, engine: PointingEngine) -> None:
    anna.type("red; blue")
    _, blue = anna.ids
    anna.click(75, 75, label="blue")
    assert anna.ids == [blue]
    logits = engine.seen[-1].hints[0].previous
    assert logits is not None
    assert logits[0, 0] == 1


def test_a_request_that_is_repeated_gets_the_same_answer(anna: Annotator, engine: PointingEngine) -> None:
    anna.type("red")
    anna.click(25, 25)
    once = anna.click(30, 30, positive=False)
    ids, query = anna.ids, engine.seen[-1]
    assert np.array_equal(anna.again(), once)
    assert anna.ids == ids
    assert engine.seen[-1] == query
    assert np.array_equal(engine.seen[-1].hints[0].previous, query.hints[0].previous)  # type: ignore[arg-type]


def test_a_click_that_refines_an_accepted_region_has_its_id(anna: Annotator) -> None:
    anna.click(25, 25)
    [first] = anna.ids
    anna.tick()
    anna.save()
    anna.click(30, 30)
    assert anna.ids == [first]
    anna.accept()
    assert len({item["id"] for item in anna.accepted}) == 1


def test_another_object_has_another_long_id(anna: Annotator) -> None:
    anna.click(25, 25)
    first = anna.ids
    anna.accept()
    anna.click(75, 75)
    assert anna.ids != first
    assert min(len(name) for name in first + anna.ids) >= 22


# A new object


def only_the_last(engine: PointingEngine, place: Point) -> bool:
    """Whether the last question was one click there and nothing else."""
    query = engine.seen[-1]
    return not query.clauses and [hint.points for hint in query.hints] == [(place,)] and query.hints[0].box is None


def test_another_label_begins_a_new_object(anna: Annotator, engine: PointingEngine) -> None:
    anna.drag(10, 10, 80, 80)
    anna.click(75, 75, label="blue")
    assert only_the_last(engine, Point(60, 45))
    assert anna.labels == ["blue"]


def test_a_text_for_another_label_stays_out_of_a_click(anna: Annotator, engine: PointingEngine) -> None:
    anna.type("red")
    anna.click(75, 75, label="blue")
    assert only_the_last(engine, Point(60, 45))


def test_of_a_text_the_clauses_for_the_label_of_the_click_stay(anna: Annotator, engine: PointingEngine) -> None:
    anna.type("red; blue; shiny")
    anna.click(75, 75, label="blue")
    assert [clause.text for clause in engine.seen[-1].clauses] == ["blue", "shiny"]


def test_points_without_the_earlier_ones_begin_a_new_object(anna: Annotator, engine: PointingEngine) -> None:
    anna.type("bright")
    anna.click(25, 25)
    anna.reject()
    anna.click(75, 75)
    assert only_the_last(engine, Point(60, 45))
    anna.save()
    anna.again()
    assert only_the_last(engine, Point(60, 45)), "the draft's text was the earlier object's"


def test_a_point_that_was_taken_away_is_not_asked_again(anna: Annotator, engine: PointingEngine) -> None:
    anna.type("bright")
    anna.click(25, 25)
    anna.click(30, 30)
    del anna.marks[0]
    anna.click(20, 20)
    assert engine.seen[-1].hints[0].points == (Point(24, 18), Point(16, 12))
    assert engine.seen[-1].clauses


def test_a_box_elsewhere_begins_a_new_object(anna: Annotator, engine: PointingEngine) -> None:
    anna.click(25, 25)
    anna.drag(60, 60, 30, 30)
    assert [(hint.points, hint.box) for hint in engine.seen[-1].hints] == [((), Box(48, 36, 72, 54))]


@pytest.mark.parametrize("stored", [False, True])
def test_accepting_ends_an_object(anna: Annotator, engine: PointingEngine, stored: bool) -> None:
    anna.type("bright")
    anna.drag(10, 10, 30, 30)
    anna.accept()
    if stored:
        anna.stored = [{"id": 1, "completed_by": 1, "result": anna.accepted}]
    else:
        anna.save()
    anna.click(35, 35)
    assert only_the_last(engine, Point(28, 21))
    anna.click(36, 36)
    assert len(engine.seen[-1].hints[0].points) == 2
    assert not engine.seen[-1].clauses


def test_rejecting_ends_an_object_once_a_draft_shows_it(anna: Annotator, engine: PointingEngine) -> None:
    anna.drag(10, 10, 30, 30)
    anna.save()
    anna.drag(11, 11, 29, 29)
    anna.reject()
    anna.save()
    anna.click(35, 35)
    assert only_the_last(engine, Point(28, 21))


def test_the_next_text_after_accepting_looks_at_the_whole_picture(anna: Annotator, engine: PointingEngine) -> None:
    anna.click(25, 25)
    anna.accept()
    anna.save()
    assert np.array_equal(anna.type("blue"), BLUE)
    assert engine.seen[-1].hints == ()


# Drafts


def test_after_a_restart_the_draft_fills_the_gap() -> None:
    first, second = PointingEngine(), PointingEngine()
    anna = Annotator(client_of(first), config=WITH_BACKGROUND)
    anna.type("bright")
    anna.drag(10, 10, 30, 30)
    anna.click(15, 15, label="Background")
    anna.save()
    anna.client = client_of(second)
    anna.click(30, 30)
    [query] = second.seen
    assert query.clauses == (Clause("bright"),)
    [hint] = query.hints
    assert hint.box == Box(8, 6, 32, 24)
    assert sorted(point.positive for point in hint.points) == [False, True]


def test_after_a_restart_a_negative_click_finds_its_object_in_the_draft() -> None:
    first, second = PointingEngine(), PointingEngine()
    anna = Annotator(client_of(first), config=WITH_BACKGROUND)
    anna.click(25, 25)
    anna.save()
    anna.client = client_of(second)
    anna.click(35, 35, label="Background")
    assert [point.positive for point in second.seen[0].hints[0].points] == [True, False]
    assert anna.labels == ["Red thing"]


def test_after_a_restart_a_text_that_was_answered_is_done_with() -> None:
    anna = Annotator(client_of(PointingEngine()))
    anna.type("bright red")
    anna.accept()
    anna.save()
    engine = PointingEngine()
    anna.client = client_of(engine)
    anna.click(75, 75)
    assert only_the_last(engine, Point(60, 45))


def test_a_box_that_was_drawn_for_its_own_sake_stays_out_of_a_text(anna: Annotator, engine: PointingEngine) -> None:
    anna.drag(10, 10, 30, 30)
    anna.save()
    anna.client = client_of(engine)
    anna.type("blue")
    assert engine.seen[-1].hints == ()


def test_a_draft_of_any_shape_does_no_harm(anna: Annotator) -> None:
    shapes: list[Any] = [
        None,
        7,
        "x",
        {},
        {"id": []},
        {"id": "p", "from_name": "point", "is_positive": True},
        {"value": 3},
    ]
    odd = {"id": "b", "from_name": "box", "value": {"x": "a", "y": None}}
    anna.draft = [*shapes, odd, {"id": "t", "from_name": "prompt", "value": {"text": [None]}}]
    anna.stored = [None, {"result": None}, {"result": [{"id": 5}, "x"]}, 3]
    assert np.array_equal(anna.click(25, 25), RED)


# Annotators


def test_two_annotators_with_drafts_do_not_mix(engine: PointingEngine) -> None:
    client = client_of(engine)
    anna, boris = Annotator(client), Annotator(client, "boris@example.com")
    anna.draft, boris.draft = [], []
    anna.type("bright")
    boris.click(75, 75)
    assert only_the_last(engine, Point(60, 45))
    anna.click(25, 25)
    assert engine.seen[-1].clauses == (Clause("bright"),)
    boris.click(70, 70)
    assert not engine.seen[-1].clauses
    assert len(engine.seen[-1].hints[0].points) == 2


def test_one_with_a_draft_and_one_without_do_not_mix(engine: PointingEngine) -> None:
    client = client_of(engine)
    anna, boris = Annotator(client), Annotator(client, "boris@example.com")
    anna.draft = []
    anna.type("bright")
    boris.click(75, 75)
    assert only_the_last(engine, Point(60, 45))


def test_the_first_draft_tells_whose_the_text_was(engine: PointingEngine) -> None:
    client = client_of(engine)
    anna, boris = Annotator(client), Annotator(client, "boris@example.com")
    anna.type("bright")
    anna.save()
    boris.draft = []
    boris.click(75, 75)
    assert only_the_last(engine, Point(60, 45))
    anna.click(25, 25)
    assert engine.seen[-1].clauses == (Clause("bright"),)


@pytest.mark.parametrize(
    "other",
    [
        {"project": "1.1795168391"},
        {"hostname": "http://other.example"},
        {"tasks": [calls.task(2)]},
        {"tasks": [calls.task(1, ANOTHER)]},
    ],
)
def test_projects_servers_and_tasks_do_not_mix(
    anna: Annotator, engine: PointingEngine, other: dict[str, object]
) -> None:
    anna.type("bright")
    anna.more = other
    anna.click(75, 75)
    assert only_the_last(engine, Point(60, 45))


# Bounds


def click_at(x: float) -> Prompts:
    return clicks_at(x)


def clicks_at(*places: float) -> Prompts:
    said = read_prompts(*(point(x, 50) for x in places))
    assert said is not None
    return said


def test_an_object_is_forgotten_after_a_while() -> None:
    now = [0.0]
    sessions, place = Sessions(60, lambda: now[0]), TaskKey("s", "1.1", "1")
    negative = read_prompts(point(10, 10, label="Background"))
    assert negative is not None
    sessions.fuse(place, click_at(50), Editor(), SIZE)
    now[0] = 59
    request, _ = sessions.fuse(place, negative, Editor(), SIZE)
    assert len(request.query.hints[0].points) == 2
    now[0] = 118
    request, _ = sessions.fuse(place, negative, Editor(), SIZE)
    assert len(request.query.hints[0].points) == 2, "every use counts"
    now[0] = 179
    request, _ = sessions.fuse(place, click_at(60), Editor(), SIZE)
    assert len(request.query.hints[0].points) == 1


def test_a_late_answer_to_an_earlier_request_changes_nothing() -> None:
    sessions, place = Sessions(), TaskKey("s", "1.1", "1")
    one = sessions.fuse(place, click_at(50), Editor(), SIZE)
    two = sessions.fuse(place, clicks_at(50, 60), Editor(), SIZE)
    for logits, (request, turn) in ((2, two), (1, one)):
        segment = Segment(np.ones(SIZE, np.bool_), 0.9, hint=0, low_res_mask=np.full((4, 4), logits, np.float32))
        sessions.remember(turn, request, [Region(request.pointed[0].region, segment, "Dog")])
    request, _ = sessions.fuse(place, clicks_at(50, 60, 70), Editor(), SIZE)
    previous = request.query.hints[0].previous
    assert previous is not None
    assert previous[0, 0] == 2


def test_many_threads_may_share_the_sessions() -> None:
    sessions = Sessions()

    def work(number: int) -> int:
        for turn in range(20):
            place = TaskKey("s", "1.1", str(turn % 5))
            request, when = sessions.fuse(place, clicks_at(number, *range(30, 30 + turn)), Editor(), SIZE)
            sessions.remember(when, request, [])
            if turn % 10 == 9:
                sessions.end(place)
        return len(request.query.hints[0].points)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(16))) == [20] * 16
    assert len(sessions) <= 5 * MOST_OBJECTS


def test_a_picture_of_another_size_is_another_picture() -> None:
    sessions, place = Sessions(), TaskKey("s", "1.1", "1")
    text = read_prompts({"id": "t", "from_name": "prompt", "value": {"text": ["a cat"]}})
    assert text is not None
    sessions.fuse(place, text, Editor(), SIZE)
    request, _ = sessions.fuse(place, click_at(50), Editor(), (10, 10))
    assert request.query.clauses == ()


def test_sessions_are_bounded_in_number() -> None:
    sessions = Sessions()
    for number in range(2 * MOST_TASKS):
        sessions.fuse(TaskKey("s", "1.1", str(number)), click_at(50), Editor(), SIZE)
    for number in range(2 * MOST_OBJECTS):
        sessions.fuse(TaskKey("s", "1.1", "many"), click_at(number), Editor(), SIZE)
    assert len(sessions) == MOST_TASKS - 1 + MOST_OBJECTS


def test_a_task_that_was_left_is_forgotten() -> None:
    sessions, place = Sessions(), TaskKey("s", "1.1", "1")
    sessions.fuse(place, click_at(50), Editor(), SIZE)
    sessions.end(place)
    sessions.end(place)
    assert len(sessions) == 0


def test_a_scribble_of_ten_thousand_points_is_thinned_and_more_are_refused(engine: PointingEngine) -> None:
    anna = Annotator(client_of(engine, replace(SETTINGS, max_body_mb=32)))
    value = {"width": 0.3, "labels": ["Red thing"]}
    line = [
        {"id": f"p{n}", "from_name": "point", "type": "keypoint", "value": {"x": 15 + n / 500, "y": 20, **value}}
        for n in range(10_000)
    ]
    assert np.array_equal(anna.ask(line), RED)
    [hint] = engine.seen[-1].hints
    assert len(hint.points) == 100
    assert (hint.points[0].x, round(hint.points[-1].x, 2)) == (12, 28)
    assert not anna.ask([*line, line[0]]).any()
    assert anna.said.startswith("10001 prompts at once")


def test_boxes_without_end_are_refused(anna: Annotator) -> None:
    anna.drag(10, 10, 30, 30)
    assert not anna.ask([{**anna.marks[0], "id": str(number)} for number in range(65)]).any()
    assert anna.said.startswith("65 boxes and lines at once")


# Whatever the annotator does

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.sampled_from(["red", "blue; red", "bright", "zebra"])),
        st.tuples(
            st.just("click"),
            st.sampled_from([20, 30, 70, 80]),
            st.sampled_from(["Red thing", "blue", "Background", None]),
            st.booleans(),
        ),
        st.tuples(st.just("drag"), st.sampled_from([5, 10, 60]), st.sampled_from(["Red thing", "blue"])),
        st.tuples(st.sampled_from(["accept", "tick", "reject", "save"])),
    ),
    max_size=8,
)


@settings(max_examples=12)
@given(actions=ACTIONS)
def test_any_story_is_answered_and_any_request_may_be_repeated(actions: list[tuple[object, ...]]) -> None:
    engine = PointingEngine()
    anna = Annotator(client_of(engine), config=WITH_BACKGROUND)
    for name, *more in actions:
        if name == "drag":
            once = anna.drag(more[0], more[0], 30, 30, more[1])  # type: ignore[arg-type]
        elif name == "click":
            once = anna.click(more[0], more[0], more[1], more[2])  # type: ignore[arg-type]
        elif name == "type":
            once = anna.type(str(more[0]))
        else:
            getattr(anna, str(name))()
            continue
        labels, regions, said = anna.labels, len(anna.ids), anna.said
        assert np.array_equal(anna.again(), once)
        assert (anna.labels, len(anna.ids), anna.said) == (labels, regions, said)
        assert len(set(anna.ids)) == len(anna.ids)
