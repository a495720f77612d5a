"""HAU and IoU from files: a broken file costs its pairs only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossmodal.data.records import ShapeKey
from crossmodal.retrieval.shape_distance import POINTS, ShapeFiles, compare_shapes

SOUND, BROKEN = ShapeKey("chair", "sound"), ShapeKey("chair", "broken")


@pytest.mark.parametrize("content", [b"", b"\x93NUM", b"\x93NUMPY\x01\x00", b"no array"])
def test_broken_points_are_named_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    folder = tmp_path / POINTS / "chair"
    folder.mkdir(parents=True)
    np.save(folder / "sound.npy", np.eye(3))
    (folder / "broken.npy").write_bytes(content)
    files = ShapeFiles(tmp_path)
    distances, _ = compare_shapes([SOUND, SOUND], files, [SOUND, BROKEN], files)
    assert distances[0] == 0 and np.isnan(distances[1])
    assert f"no points of {BROKEN}" in caplog.text
