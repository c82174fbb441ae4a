import threading

import pytest

from backend.loading import Engine, Loader
from model.errors import Busy, Misconfigured
from tests.backend.colour_engine import ColourEngine


def test_gives_the_engine_once_it_is_there() -> None:
    engine = ColourEngine()
    loader = Loader(lambda: engine)
    assert loader.wait(5) is engine
    assert loader.loaded
    assert not loader.failure


def test_is_busy_while_the_engine_loads() -> None:
    go = threading.Event()

    def load() -> Engine:
        assert go.wait(5)
        return ColourEngine()

    loader = Loader(load)
    assert not loader.loaded
    with pytest.raises(Busy, match="still loading"):
        loader.wait(0)
    go.set()
    loader.wait(5)


@pytest.mark.parametrize(
    ("error", "told"), [(Misconfigured("no such folder: x"), "no such folder: x"), (OSError("secret path"), "OSError")]
)
def test_tells_why_loading_failed(error: Exception, told: str, caplog: pytest.LogCaptureFixture) -> None:
    def load() -> Engine:
        raise error

    loader = Loader(load)
    with pytest.raises(Misconfigured, match=told):
        loader.wait(5)
    assert not loader.loaded
    assert told in loader.failure
    assert "secret" not in loader.failure
    assert str(error) in caplog.text
