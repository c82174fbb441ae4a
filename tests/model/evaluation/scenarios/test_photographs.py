"""Clicks on photographs, with a scene in place of one."""

from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from model.embedded import scenes
from model.engine import Engine
from model.evaluation.scenarios.photographs import compare, segments


def test_every_large_segment_is_clicked_on_once(engine: Engine, tmp_path: Path) -> None:
    scene = scenes.draw(3_500_001, 192)
    numbers = sum(number * thing.mask.astype(np.uint8) for number, thing in enumerate(scene.objects, 1))
    Pictures.fromarray(scene.image).save(tmp_path / "1.jpg", quality=95)
    Pictures.fromarray(np.asarray(numbers, np.uint8)).save(tmp_path / "1.png")
    report = compare(engine, tmp_path)
    assert report.clicks == len(list(segments(np.asarray(numbers)))) >= 2
    assert 0.5 < report.ours <= 1
    assert 0 < report.grabcut <= 1


def test_small_segments_are_left_out() -> None:
    labels = np.zeros((100, 100), np.int64)
    labels[:10, :10] = 1  # 1 %
    labels[50:] = 2
    assert [int(mask.sum()) for mask in segments(labels)] == [4900, 5000]
