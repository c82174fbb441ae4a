import shutil
from pathlib import Path

import pytest

from model.errors import Misconfigured
from model.load import WEIGHTS, EnginePaths, load_engine


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (EnginePaths(device="warp"), "device warp: use cpu"),
        (EnginePaths(dtype="int8"), "dtype int8: use one of float32"),
        (EnginePaths(segmenter="nowhere/at/all"), "No SAM model at 'nowhere/at/all'"),
        (EnginePaths(parser="no_such_pipeline"), "No spaCy pipeline called 'no_such_pipeline'"),
    ],
)
def test_wrong_settings_say_what_to_do(paths: EnginePaths, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        load_engine(paths)


def test_a_folder_that_is_no_pipeline_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    with pytest.raises(Misconfigured, match="no vae, text_encoder, tokenizer, scheduler in it"):
        load_engine(EnginePaths(backbone=str(tmp_path)))


def test_a_broken_profile_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "backbone"
    shutil.copytree(WEIGHTS / "backbone", folder)
    (folder / "anyword.json").write_text('{"heads": 1}')
    with pytest.raises(Misconfigured, match="is not a profile"):
        load_engine(EnginePaths(backbone=str(folder)))


def test_a_checkpoint_without_a_profile_has_no_presence_threshold(tmp_path: Path) -> None:
    folder = tmp_path / "backbone"
    shutil.copytree(WEIGHTS / "backbone", folder)
    (folder / "anyword.json").unlink()
    assert load_engine(EnginePaths(backbone=str(folder))).config.selection.presence == 0
