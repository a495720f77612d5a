"""What a run says of its speed: the steady steps count, the first one compiles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crossmodal.training.speed import FILE, Speed


def test_the_first_step_does_not_count(tmp_path: Path) -> None:
    speed = Speed()
    for seconds in (60.0, 2.0, 2.0, 5.0):
        speed.add(seconds)
    said = speed.write(tmp_path, 30 * 13)
    found = json.loads((tmp_path / FILE).read_text())
    assert found["step_seconds"] == 2.0
    assert found["images_per_second"] == pytest.approx(195.0)
    assert found["steps"] == 4 and found["peak_memory_mib"] > 0
    assert said.startswith("195.0 images/s, peak memory ")


def test_one_step_says_nothing_of_the_speed(tmp_path: Path) -> None:
    speed = Speed()
    speed.add(60.0)
    assert speed.write(tmp_path, 390).startswith("peak memory")
    assert json.loads((tmp_path / FILE).read_text())["images_per_second"] is None
