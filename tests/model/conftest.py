import pytest

from model.engine import Engine
from model.loading import EnginePaths, load_engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine on the embedded models: real components, small enough for tests."""
    return load_engine(EnginePaths())
