import json
import pickle
import random
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from docker.fetch_weights import PRESETS, RECORD, Preset, Refused, fetch
from model.adapters.diffusers.backbone import PARTS
from tests.docker.hub import COMMIT, Hub, serving

PRESET = Preset("somebody/something", "ANYWORD_SEGMENTER", ("config.json", "model.safetensors"))
WEIGHTS = random.Random(0).randbytes(300_000)
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "pytorch_model.bin": b"\x80\x04 not wanted"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub(dict(FILES))) as hub:
        yield hub


def test_the_wanted_files_arrive_with_a_record_of_the_commit(hub: Hub, tmp_path: Path) -> None:
    assert fetch(PRESET, tmp_path, "main", hub.api()) == COMMIT
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors", RECORD}
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS
    assert json.loads((tmp_path / RECORD).read_text())["commit"] == COMMIT


def test_a_download_that_broke_off_goes_on_at_the_next_byte(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"model.safetensors": WEIGHTS, "config.json": b"{}"}
    hub.stop_after = 123_456
    with pytest.raises(Refused, match="broke off"):
        fetch(PRESET, tmp_path, "main", hub.api())
    assert not (tmp_path / "model.safetensors").exists()
    have = (tmp_path / "model.safetensors.part").stat().st_size
    assert 0 < have <= 123_456
    fetch(PRESET, tmp_path, "main", hub.api())
    assert ("model.safetensors", f"bytes={have}-") in hub.asked
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_server_without_ranges_sends_everything_anew(hub: Hub, tmp_path: Path) -> None:
    hub.ranges = False
    (tmp_path / "model.safetensors.part").write_bytes(WEIGHTS[:1000])
    fetch(PRESET, tmp_path, "main", hub.api())
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


def test_what_is_there_is_not_downloaded_again(hub: Hub, tmp_path: Path) -> None:
    fetch(PRESET, tmp_path, "main", hub.api())
    hub.asked.clear()
    fetch(PRESET, tmp_path, "main", hub.api())
    assert hub.asked == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_with_another_hash_is_refused_and_removed(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.sent = {name: bytes(len(FILES[name]))}
    with pytest.raises(Refused, match=rf"{name} has the hash .* the hub says"):
        fetch(PRESET, tmp_path, "main", hub.api())
    assert not list(tmp_path.glob(f"{name}*"))
    hub.sent = {}
    fetch(PRESET, tmp_path, "main", hub.api())
    assert (tmp_path / name).read_bytes() == FILES[name]


def test_a_file_that_changed_on_the_disk_is_downloaded_again(hub: Hub, tmp_path: Path) -> None:
    fetch(PRESET, tmp_path, "main", hub.api())
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS[:-1] + b"?")
    fetch(PRESET, tmp_path, "main", hub.api())
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_pickle_is_refused_whatever_its_name(hub: Hub, tmp_path: Path) -> None:
    hub.files["model.safetensors"] = pickle.dumps({"weights": list(range(1000))})
    with pytest.raises(Refused, match="is a pickle"):
        fetch(PRESET, tmp_path, "main", hub.api())
    assert not list(tmp_path.glob("model*"))


def test_torchs_own_format_is_refused(hub: Hub, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "made.pt")
    hub.files["model.safetensors"] = (tmp_path / "made.pt").read_bytes()
    with pytest.raises(Refused, match="is a pickle"):
        fetch(PRESET, tmp_path / "out", "main", hub.api())


def test_a_repository_without_a_needed_file_is_refused(hub: Hub, tmp_path: Path) -> None:
    del hub.files["config.json"]
    with pytest.raises(Refused, match=r"has no config\.json"):
        fetch(PRESET, tmp_path, "main", hub.api())


def test_a_hub_that_is_away_is_told(tmp_path: Path) -> None:
    with serving(Hub({})) as hub:
        gone = hub.api()
    with pytest.raises(Refused, match="the hub does not say"):
        fetch(PRESET, tmp_path, "main", gone)


@pytest.mark.parametrize("name", ["sd15", "sd21"])
def test_a_diffusion_preset_has_every_part_that_the_backbone_reads(name: str) -> None:
    assert {pattern.partition("/")[0] for pattern in PRESETS[name].files} == set(PARTS)


def test_a_pipeline_on_the_disk_is_covered_by_its_patterns() -> None:
    folder = Path(__file__).parents[2] / "model/embedded/weights/parser"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    taken = {path for path in files for pattern in PRESETS["en-core-web-sm"].files if fnmatch(path, pattern)}
    assert files - taken == {"figures.json"}  # ours; no pipeline needs it
