"""What an actor says when it is started, without a cluster."""

from pathlib import Path

from backend import __version__
from backend.bulk.actor import Actor
from backend.inference.model_loader import EngineProtocol
from backend.inference.model_version import model_version
from backend.settings import Settings
from model.errors import Misconfigured
from tests.backend.colour_engine import ColourEngine


def missing() -> EngineProtocol:
    raise Misconfigured("there is no folder sd15")


def test_it_tells_its_version() -> None:
    assert Actor().version() == __version__


def test_it_starts_where_nothing_is_in_the_way(tmp_path: Path) -> None:
    assert Actor().start(Settings(local_files_root=str(tmp_path)), ColourEngine) == ""


def test_it_says_that_the_local_files_are_not_there(tmp_path: Path) -> None:
    said = Actor().start(Settings(local_files_root=str(tmp_path / "gone")), ColourEngine)
    assert "mount it on every node" in said


def test_it_says_why_its_models_do_not_load() -> None:
    assert Actor().start(Settings(), missing) == "The model did not load: there is no folder sd15"


def test_it_says_that_its_checkpoints_are_others(tmp_path: Path) -> None:
    (tmp_path / "sam.pth").write_bytes(b"one")
    settings = Settings(segmenter=str(tmp_path / "sam.pth"))
    here = model_version(settings)
    assert Actor().start(settings, ColourEngine, here) == ""
    (tmp_path / "sam.pth").write_bytes(b"two")
    said = Actor().start(settings, ColourEngine, here)
    assert (
        said == f"its models are {model_version(settings)}, and here {here}: have the same checkpoints on every machine"
    )
    assert said.startswith(f"its models are {model_version(settings)}, and here {here}: ")
