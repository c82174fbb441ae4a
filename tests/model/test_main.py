import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from model.__main__ import box, main, point, read_image
from model.embedded import scenes
from model.grounding.stretch import STRETCHED
from model.types import Box, Point


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "scene.png"
    drawn = (scenes.draw(seed, 128, most=1) for seed in range(1_000_000, 1_001_000))
    scene = next(each for each in drawn if each.objects[0].kind.shape == "heart" and each.objects[0].kind.size == "big")
    Pictures.fromarray(scene.image).save(path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["model", "segment", *arguments])
    return main()


def test_it_prints_a_row_for_each_region_and_writes_an_overlay(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = picture.with_name("out.png")
    assert run(monkeypatch, str(picture), "a zebra; a heart", "-o", str(out)) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "phrase\tlabel\tscore"
    assert "zebra\tnot found" in printed
    assert any(line.startswith("heart\theart\t0.") for line in printed)
    assert not np.array_equal(np.asarray(Pictures.open(out)), np.asarray(Pictures.open(picture)))


def test_a_dark_picture_of_sixteen_bits_is_read_and_the_note_is_told(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = np.asarray(Pictures.open(picture).convert("L")).astype(np.uint16)
    Pictures.fromarray(grey * 8).save(picture)
    found = read_image(picture)
    assert np.corrcoef(found[..., 0].ravel(), grey.ravel())[0, 1] > 0.98
    assert run(monkeypatch, str(picture), "--point", "64,64", "-o", str(picture.with_name("out.png"))) == 0
    assert f"note: {STRETCHED}\n" in capsys.readouterr().err


def test_a_click_without_text_needs_no_phrase(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, str(picture), "--point", "64,64", "-o", str(picture.with_name("out.png"))) == 0
    assert "(pointed at)" in capsys.readouterr().out


def test_a_refused_query_is_one_line_and_status_one(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, str(picture), "--point", "640,64", "-o", str(picture.with_name("out.png"))) == 1
    assert capsys.readouterr().err == "error: the point (640, 64) is outside the 128 x 128 picture\n"


def test_a_file_that_is_no_picture_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_text("no picture")
    assert run(monkeypatch, str(tmp_path / "a.png"), "a dog", "-o", str(tmp_path / "out.png")) == 1
    assert "cannot be read as a picture" in capsys.readouterr().err


def test_points_and_boxes_are_read_as_typed() -> None:
    assert point("3,4") == Point(3, 4)
    assert point("3,4,-") == Point(3, 4, positive=False)
    assert box("1,2,3,4.5") == Box(1, 2, 3, 4.5)


@pytest.mark.parametrize("text", ["3", "3,x", "3,4,5", "3,4,-,-"])
def test_odd_points_are_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"point is x,y|numbers are needed"):
        point(text)
