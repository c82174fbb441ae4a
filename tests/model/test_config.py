import pytest

from model.config import EngineConfig, overridden
from model.errors import Misconfigured


def test_constants_are_changed_by_section_and_name() -> None:
    config = overridden(EngineConfig(), {"refine": {"tolerance": 0.5}, "attention": {"resolution_weights": [0.2, 0.8]}})
    assert config.refine.tolerance == 0.5
    assert config.attention.resolution_weights == (0.2, 0.8)
    assert config.selection == EngineConfig().selection


@pytest.mark.parametrize("changes", [{"refine": {"speed": 1}}, {"nonsense": {"a": 1}}, {"cache_bytes": {"a": 1}}])
def test_unknown_constants_are_refused(changes: dict[str, dict[str, int]]) -> None:
    with pytest.raises(Misconfigured, match="no constants"):
        overridden(EngineConfig(), changes)
