import threading
from collections.abc import Iterator

import numpy as np
import pytest

from backend.inference import infer
from backend.inference.model_loader import CLICKS_ONLY, NOTHING_YET, EngineProtocol, ModelLoader
from model.errors import Busy, Misconfigured
from model.types import Clause, Hint, Point, Query
from tests.backend import calls
from tests.backend.clients import SETTINGS, masks, opened, results
from tests.backend.colour_engine import ColourEngine

CLICK = Query(hints=(Hint((Point(20, 15),)),))
TEXT = Query((Clause("red"),))
BOTH = Query(TEXT.clauses, CLICK.hints)
FIRST, WHOLE = ColourEngine("clicks"), ColourEngine("everything")


class Steps:
    """Two engines: the second comes once `go` is set, or does not load where there is an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go, self.error = threading.Event(), error

    def __call__(self) -> Iterator[EngineProtocol]:
        yield FIRST
        assert self.go.wait(60)
        if self.error:
            raise self.error
        yield WHOLE


def test_gives_the_engine_once_it_is_there() -> None:
    engine = ColourEngine()
    loader = ModelLoader(lambda: engine)
    assert loader.wait(60) is loader.wait(60, CLICK) is engine
    assert loader.loaded
    assert not loader.failure
    assert not loader.progress


def test_is_busy_while_the_engine_loads() -> None:
    go = threading.Event()

    def load() -> EngineProtocol:
        assert go.wait(60)
        return ColourEngine()

    loader = ModelLoader(load)
    assert not loader.loaded
    assert loader.progress == NOTHING_YET
    for query in (None, CLICK, TEXT):
        with pytest.raises(Busy, match="still loading"):
            loader.wait(0, query)
    go.set()
    loader.wait(60)


def test_what_has_no_text_is_for_the_first_engine_until_the_whole_one_is_there() -> None:
    steps = Steps()
    loader = ModelLoader(steps)
    assert loader.wait(60, CLICK) is FIRST
    assert (loader.loaded, loader.progress) == (False, CLICKS_ONLY)
    for query in (None, TEXT, BOTH, Query()):
        with pytest.raises(Busy, match="still loading"):
            loader.wait(0, query)
    steps.go.set()
    assert loader.wait(60, TEXT) is loader.wait(0, CLICK) is WHOLE
    assert (loader.loaded, loader.progress) == (True, "")


@pytest.mark.parametrize(
    ("error", "told"), [(Misconfigured("no such folder: x"), "no such folder: x"), (OSError("secret path"), "OSError")]
)
@pytest.mark.parametrize("first", [True, False], ids=["after the first engine", "at once"])
def test_tells_why_loading_failed(error: Exception, told: str, first: bool, caplog: pytest.LogCaptureFixture) -> None:
    def load() -> EngineProtocol:
        raise error

    steps = Steps(error)
    steps.go.set()
    loader = ModelLoader(steps if first else load)
    for query in (None, CLICK):
        with pytest.raises(Misconfigured, match=told):
            loader.wait(60, query)
    assert (loader.loaded, loader.progress) == (False, "")
    assert told in loader.failure
    assert "secret" not in loader.failure
    assert str(error) in caplog.text


# Over HTTP


def test_clicks_are_answered_and_texts_wait_while_the_other_models_load(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps()
    client = opened(SETTINGS, load=steps).test_client()
    [clicked] = results(client.post("/predict", json=calls.predict([calls.task()], context=calls.point(25, 25))))
    [boxed] = results(client.post("/predict", json=calls.predict([calls.task()], context=calls.box(60, 60, 30, 30))))
    [red], [blue] = masks(clicked), masks(boxed)
    assert (red.sum(), blue.sum()) == (300, 300)
    ready = client.get("/ready")
    assert (ready.status_code, ready.get_json()) == (503, {"status": "loading", "error": CLICKS_ONLY})
    assert client.get("/health").get_json()["loading"] == CLICKS_ONLY
    assert CLICKS_ONLY in client.get("/", headers={"Accept": "text/html"}).text
    assert "anyword_model_loaded 0.0\n" in client.get("/metrics").text
    with monkeypatch.context() as hurried:
        hurried.setattr(infer, "LOADING_PATIENCE", 0.01)
        for context in (calls.text("red"), None):
            refused = client.post("/predict", json=calls.predict([calls.task(2)], calls.BRUSH, context))
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    steps.go.set()
    [typed] = results(client.post("/predict", json=calls.predict([calls.task(2)], context=calls.text("red"))))
    [found] = masks(typed)
    assert np.array_equal(found, red)
    assert client.get("/ready").get_json() == {"status": "ready"}
    assert "loading" not in client.get("/health").get_json()


def test_a_text_that_waits_for_the_other_models_is_answered_by_them() -> None:
    steps, answers = Steps(), list[int]()
    client = opened(SETTINGS, load=steps).test_client()
    request = calls.predict([calls.task()], context=calls.text("red"))
    waiting = threading.Thread(
        target=lambda: answers.append(len(masks(*results(client.post("/predict", json=request)))))
    )
    waiting.start()
    results(client.post("/predict", json=calls.predict([calls.task(2)], context=calls.point(25, 25))))
    assert not answers
    steps.go.set()
    waiting.join(60)
    assert answers == [1]


def test_a_failure_after_the_first_engine_is_told_everywhere() -> None:
    steps = Steps(Misconfigured("ANYWORD_PARSER: there is no folder /weights"))
    client = opened(SETTINGS, load=steps).test_client()
    click = calls.predict([calls.task()], calls.BRUSH, calls.point(25, 25))
    results(client.post("/predict", json=click))
    steps.go.set()
    setup = {"project": "1.1", "schema": calls.BRUSH}
    text = client.post("/predict", json=calls.predict([calls.task()], calls.BRUSH, calls.text("red")))
    reason = "The model did not load: ANYWORD_PARSER: there is no folder /weights"
    assert text.status == client.post("/predict", json=click).status == client.post("/setup", json=setup).status
    assert text.status == f"422 {reason}"
    assert client.get("/ready").get_json() == {"status": "failed", "error": reason}


def test_a_wrong_setting_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> EngineProtocol:
        raise Misconfigured("backbone /weights: no vae in it")

    loader = ModelLoader(load)
    with pytest.raises(Misconfigured):
        loader.wait(60)
    [record] = [each for each in caplog.records if each.name == "backend.inference.model_loader"]
    assert (record.getMessage(), record.exc_info) == ("The model did not load: backbone /weights: no vae in it", None)


def test_a_bug_keeps_its_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> EngineProtocol:
        raise KeyError("bug")

    with pytest.raises(Misconfigured):
        ModelLoader(load).wait(60)
    [record] = [each for each in caplog.records if each.name == "backend.inference.model_loader"]
    assert record.exc_info
