"""The wire protocol through Flask's test client, with a small engine that answers by colour."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.inference.model_loader import EngineProtocol
from backend.inference.model_version import model_version
from backend.server.app import close, create_app
from backend.settings import Settings
from model.errors import Misconfigured, OutOfMemory
from model.types import Answer, Clause, Image, Query
from tests.backend import calls, picture_server
from tests.backend.clients import SETTINGS, VERSION, client_of, masks, opened, results, status_text, version_of
from tests.backend.colour_engine import COLOURS, ColourEngine, ready
from tests.backend.log_lines import logged


@pytest.fixture
def client() -> FlaskClient:
    return client_of(ColourEngine())


RED, BLUE = ((calls.picture() == np.array(colour)).all(axis=-1) for colour in (COLOURS["red"], COLOURS["blue"]))


# The routes


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health_is_json(client: FlaskClient, path: str) -> None:
    assert client.get(path).get_json()["status"] == "UP"


def test_the_model_version_is_the_same_everywhere(client: FlaskClient) -> None:
    body = {"project": "1.1", "schema": calls.BITMASK, "hostname": "http://localhost:8090", "access_token": "secret"}
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()])))
    assert client.post("/setup", json=body).get_json() == {"model_version": version_of(calls.BITMASK)}
    assert prediction["model_version"] == version_of(calls.BITMASK)


def test_the_model_version_names_chosen_checkpoints() -> None:
    chosen = replace(SETTINGS, backbone="stabilityai/stable-diffusion-2-1", segmenter="/weights/sam_vit_b.pth")
    assert re.fullmatch(f"{VERSION}-stable-diffusion-2-1-sam_vit_b-[0-9a-f]{{8}}", model_version(chosen))


def test_setup_shows_what_the_labelling_config_lacks(client: FlaskClient) -> None:
    response = client.post("/setup", json={"project": "1.1", "schema": calls.WITHOUT_MASK})
    assert response.status == "422 Labeling config needs <Brush> or <Bitmask>"


def test_relative_addresses_belong_to_the_server_that_set_the_project_up() -> None:
    request = calls.predict([calls.task(url="/data/upload/1/a.png")])
    with picture_server.serving() as url:
        client = client_of(ColourEngine())
        client.post("/setup", json={"project": request["project"], "schema": calls.BITMASK, "hostname": url})
        [prediction] = results(client.post("/predict", json=request))
        elsewhere = client.post("/predict", json={**request, "project": "2.1795168391"})
    assert len(masks(prediction)) == 2
    assert "ANYWORD_LABEL_STUDIO_URL" in elsewhere.status


def test_newer_servers_say_in_each_request_which_one_they_are() -> None:
    request = calls.predict([calls.task(url="/data/upload/1/a.png")])
    with picture_server.serving() as url:
        client = client_of(ColourEngine())
        client.post(
            "/setup", json={"project": request["project"], "schema": calls.BITMASK, "hostname": "http://x.example"}
        )
        [prediction] = results(client.post("/predict", json={**request, "hostname": url}))
    assert len(masks(prediction)) == 2


def test_ready_follows_the_loading_of_the_engine() -> None:
    go = threading.Event()

    def load() -> EngineProtocol:
        assert go.wait(60)
        return ColourEngine()

    client = opened(SETTINGS, load=load).test_client()
    assert (client.get("/ready").status_code, client.get("/ready").get_json()["status"]) == (503, "loading")
    setup = client.post("/setup", json={"project": "1.1", "schema": calls.BRUSH})
    assert setup.get_json()["model_version"] == version_of(calls.BRUSH)
    go.set()
    results(client.post("/predict", json=calls.predict([calls.task()])))
    assert client.get("/ready").status_code == 200


def test_a_model_that_does_not_load_is_told_everywhere() -> None:
    def load() -> EngineProtocol:
        raise Misconfigured("ANYWORD_BACKBONE: there is no folder /weights")

    client = opened(SETTINGS, load=load).test_client()
    predicted = client.post("/predict", json=calls.predict([calls.task()]))
    setup = client.post("/setup", json={"project": "1.1", "schema": calls.BRUSH})
    reason = "The model did not load: ANYWORD_BACKBONE: there is no folder /weights"
    assert predicted.status == setup.status == f"422 {reason}"
    assert client.get("/ready").get_json() == {"status": "failed", "error": reason}
    assert client.get("/health").status_code == 200


def test_events_are_answered(client: FlaskClient) -> None:
    project = {"id": 1, "created_at": "2026-11-20T09:53:10.930571Z", "title": "e2e", "label_config": calls.BRUSH}
    body = {"action": "PROJECT_UPDATED", "project": project}
    assert client.post("/webhook", json=body).status_code == 200


def test_an_unknown_address_is_a_404_in_json(client: FlaskClient) -> None:
    response = client.get("/nothing")
    assert response.status_code == 404
    assert "not found" in response.get_json()["error"]


def test_metrics_count_requests_stages_regions_and_errors(client: FlaskClient) -> None:
    client.post("/predict", json=calls.predict([calls.task()], context=calls.text("red")))
    client.post("/predict", json=calls.predict([calls.task()], context=calls.text("")))
    page = client.get("/metrics").get_data(as_text=True)
    assert 'anyword_requests_total{route="/predict",status="200"} 2.0' in page
    assert 'anyword_stage_seconds_count{stage="segment"} 1.0' in page
    assert 'anyword_errors_total{kind="BadQuery"} 1.0' in page
    assert "anyword_regions_total 1.0" in page
    assert "anyword_queue_depth 0.0" in page


# Predictions


def test_a_text_gives_the_regions_it_names(client: FlaskClient) -> None:
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], context=calls.text("red"))))
    [mask] = masks(prediction)
    assert np.array_equal(mask, RED)
    assert [item["value"]["labels"] for item in prediction["result"] if item["type"] == "labels"] == [["Red thing"]]


@pytest.mark.parametrize("context", [calls.point(70, 75), calls.box(60, 60, 35, 35)])
def test_a_click_or_a_box_gives_the_object_below_it(client: FlaskClient, context: dict[str, Any]) -> None:
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], context=context)))
    [mask] = masks(prediction)
    assert np.array_equal(mask, BLUE)


@pytest.mark.parametrize("context", [calls.scribble(BLUE), calls.line((70, 70), (80, 80))])
def test_a_stroke_gives_the_object_below_it(client: FlaskClient, context: dict[str, Any]) -> None:
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], calls.STROKES, context)))
    [mask] = masks(prediction)
    assert np.array_equal(mask, BLUE)


def test_a_brush_config_gets_run_length_code(client: FlaskClient) -> None:
    request = calls.predict([calls.task()], calls.BRUSH, calls.point(25, 25))
    [prediction] = results(client.post("/predict", json=request))
    [item] = prediction["result"]
    assert (item["type"], item["value"]["format"]) == ("brushlabels", "rle")
    assert item["value"]["brushlabels"] == ["Thing"]


def test_a_pre_annotation_looks_for_the_labels(client: FlaskClient) -> None:
    first, second = results(client.post("/predict", json=calls.predict([calls.task(1), calls.task(2)])))
    assert [len(masks(first)), len(masks(second))] == [2, 2]
    assert all(item["from_name"] != "status" for item in first["result"])


def test_a_pre_annotation_without_labels_finds_nothing() -> None:
    client = client_of(Failing(AssertionError("nothing was asked")))
    config = '<View><Image name="image" value="$image"/><Brush name="mask" toName="image"/></View>'
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], config)))
    assert prediction["result"] == []


def test_finding_nothing_is_an_answer(client: FlaskClient) -> None:
    grey = calls.data_uri(np.full((40, 40, 3), 128, np.uint8))
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task(url=grey)])))
    assert prediction["result"] == []


def test_finding_nothing_for_a_text_says_so(client: FlaskClient) -> None:
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], context=calls.text("green"))))
    assert masks(prediction) == []
    assert "green" in status_text(prediction)


@dataclass(frozen=True)
class Recording(ColourEngine):
    """Keeps what it was asked, and warns."""

    seen: list[Query] = field(default_factory=list)
    warnings: tuple[str, ...] = ()

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        self.seen.append(query)
        return replace(super().segment(image, query, give_way), warnings=self.warnings)


def test_one_region_for_all_objects_where_the_operator_wants_it() -> None:
    engine = Recording()
    client = client_of(engine, replace(SETTINGS, separate_regions=False))
    results(client.post("/predict", json=calls.predict([calls.task()], context=calls.text("red"))))
    assert [query.separate for query in engine.seen] == [False]


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (SETTINGS, ["fast", "fast", "balanced"]),
        (replace(SETTINGS, preset_interactive="accurate", preset_batch="fast"), ["accurate", "accurate", "fast"]),
    ],
)
def test_prompts_and_pre_annotations_have_their_presets(settings: Settings, asked: list[str]) -> None:
    engine = Recording()
    client = client_of(engine, settings)
    for context in (calls.text("red"), calls.point(25, 25), None):
        results(client.post("/predict", json=calls.predict([calls.task()], context=context)))
    assert [query.preset for query in engine.seen] == asked


def test_another_preset_for_pre_annotations_is_another_version() -> None:
    assert model_version(replace(SETTINGS, preset_batch="accurate")) == f"{VERSION}-accurate"
    assert model_version(replace(SETTINGS, preset_interactive="accurate")) == VERSION


def test_a_warning_reaches_the_region_the_status_area_and_the_log() -> None:
    client = client_of(Recording(warnings=("the text did not fit the picture",)))
    with logged(replace(SETTINGS, log_format="json")) as log:
        [prompted] = results(client.post("/predict", json=calls.predict([calls.task(7)], context=calls.text("red"))))
        [batch] = results(client.post("/predict", json=calls.predict([calls.task(8)])))
    regions = [item for item in (*prompted["result"], *batch["result"]) if item["type"] != "textarea"]
    assert all(item["meta"] == {"text": ["the text did not fit the picture"]} for item in regions)
    assert status_text(prompted).endswith("; the text did not fit the picture")
    warned = [(entry["task"], entry["warning"]) for entry in log.entries if entry["level"] == "WARNING"]
    assert warned == [("7", "the text did not fit the picture"), ("8", "the text did not fit the picture")]


def test_without_a_warning_a_region_has_no_remark(client: FlaskClient) -> None:
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()])))
    assert all("meta" not in item for item in prediction["result"])


def test_one_bad_task_costs_that_task_alone(client: FlaskClient) -> None:
    tasks = [calls.task(1), calls.task(2, "data:image/png;base64,AAAA"), "no task", {"id": 4}, calls.task(5)]
    outcomes = results(client.post("/predict", json=calls.predict(tasks)))
    assert [bool(outcome) for outcome in outcomes] == [True, False, False, False, True]
    assert outcomes[1] == []


def test_tasks_after_the_deadline_are_not_reached() -> None:
    client = client_of(ColourEngine(), replace(SETTINGS, batch_deadline=0.0))
    response = client.post("/predict", json=calls.predict([calls.task(1), calls.task(2)]))
    assert response.status.startswith("503 The batch took too long")


# Trouble inside


class Failing:
    """An engine that always fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:  # noqa: ARG002
        raise self._error

    def left_out(self, clauses: Sequence[Clause]) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None]
    ) -> tuple[Callable[[], Answer], ...]:
        return tuple(ready(self.segment(image, query, give_way)) for image in images)


def test_a_bug_is_an_id_for_the_annotator_and_a_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(Failing(KeyError("secret detail")))
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], context=calls.text("red"))))
    batch = client.post("/predict", json=calls.predict([calls.task()]))
    assert status_text(prediction).startswith("Unexpected error ")
    assert batch.status.startswith("500 Unexpected error ")
    assert "secret" not in status_text(prediction) + batch.get_data(as_text=True)
    assert "secret detail" in caplog.text


def test_too_little_memory_is_told(client: FlaskClient) -> None:
    client = client_of(Failing(OutOfMemory("this picture is too large for the memory of the device")))
    response = client.post("/predict", json=calls.predict([calls.task()]))
    assert response.status == "507 this picture is too large for the memory of the device"


def test_a_full_queue_is_a_503_with_the_time_to_come_back() -> None:
    engine = Waiting()
    client = client_of(engine, replace(SETTINGS, queue_size=1))
    application = client.application
    threads = [threading.Thread(target=ask, args=(application.test_client(), number)) for number in (2, 3)]
    threads[0].start()
    assert engine.started.wait(60)
    threads[1].start()
    while "anyword_queue_depth 1.0" not in client.get("/metrics").get_data(as_text=True):
        pass
    response = ask(client)
    engine.go.set()
    for thread in threads:
        thread.join(60)
    assert response.status.startswith("503 1 requests are waiting already")
    assert int(response.headers["Retry-After"]) >= 1
    assert ask(client).status_code == 200


class Waiting(ColourEngine):
    """An engine that finishes when it is told to."""

    def __init__(self) -> None:
        object.__setattr__(self, "started", threading.Event())
        object.__setattr__(self, "go", threading.Event())

    started: threading.Event
    go: threading.Event

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        self.started.set()
        assert self.go.wait(60)
        return super().segment(image, query, give_way)


class Stepping(ColourEngine):
    """An engine whose batches work in steps until a click was answered between two of them."""

    def __init__(self) -> None:
        object.__setattr__(self, "started", threading.Event())
        object.__setattr__(self, "clicked", threading.Event())

    started: threading.Event
    clicked: threading.Event

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        if query.hints:
            self.clicked.set()
        self.started.set()
        while not self.clicked.is_set():
            give_way()
        return super().segment(image, query, give_way)


def test_a_click_is_answered_between_the_steps_of_a_batch() -> None:
    engine = Stepping()
    client = client_of(engine)
    other = client.application.test_client()
    batch = threading.Thread(target=other.post, args=("/predict",), kwargs={"json": calls.predict([calls.task()])})
    batch.start()
    assert engine.started.wait(60)
    assert len(results(ask(client))) == 1
    batch.join(60)
    assert not batch.is_alive()


def ask(client: FlaskClient, number: int = 1) -> TestResponse:
    return client.post("/predict", json=calls.predict([calls.task(number)], calls.BRUSH, calls.point(25, 25)))


# Who may ask


def test_a_password_is_asked_for_except_by_probes_and_events() -> None:
    settings = replace(SETTINGS, basic_auth_user="anna", basic_auth_password="pass-wörd")
    client = client_of(ColourEngine(), settings)
    request = calls.predict([calls.task()])
    refused = client.post("/predict", json=request)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert client.post("/predict", json=request, auth=("anna", "wrong")).status_code == 401
    assert client.post("/predict", json=request, headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.post("/predict", json=request, auth=("anna", "pass-wörd")).status_code == 200
    assert client.get("/health").status_code == 200
    assert client.post("/webhook", json={}).status_code == 400
    assert client.get("/metrics").status_code == 401


def test_a_request_whose_prompts_are_gone_asks_for_nothing(client: FlaskClient) -> None:
    (answer,) = results(client.post("/predict", json=calls.predict([calls.task()], context={"result": []})))
    assert answer["result"] == []


def test_an_app_that_is_closed_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    app = create_app(SETTINGS, load=ColourEngine)
    assert app.test_client().post("/predict", json=calls.predict([calls.task()])).status_code == 200
    close(app)
    left = {thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()}
    assert not left & {"lane", "clerk", "learner", "offering"}
