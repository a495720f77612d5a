"""Binvox files: a file written by hand, round trips, and damaged files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossmodal.geometry.binvox import BinvoxError, Voxels, read_binvox, write_binvox

# 2 x 2 x 2, occupied: (x, y, z) = (0, 1, 0) and (1, 0, 1). In the file y runs fastest, then z, then
# x: positions x*4 + z*2 + y, so 1 and 6 of 0..7.
GOLDEN = (
    b"#binvox 1\ndim 2 2 2\ntranslate -0.5 0.25 1\nscale 2.5\ndata\n"
    b"\x00\x01\x01\x01\x00\x04\x01\x01\x00\x01"
)


def golden_voxels() -> Voxels:
    grid = np.zeros((2, 2, 2), bool)
    grid[0, 1, 0] = grid[1, 0, 1] = True
    return Voxels(grid, (-0.5, 0.25, 1.0), 2.5)


def test_the_golden_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "golden.binvox").write_bytes(GOLDEN)
    voxels = read_binvox(tmp_path / "golden.binvox")
    np.testing.assert_array_equal(voxels.grid, golden_voxels().grid)
    assert (voxels.translate, voxels.scale) == ((-0.5, 0.25, 1.0), 2.5)


def test_the_golden_file_is_written() -> None:
    file = io.BytesIO()
    write_binvox(file, golden_voxels())
    assert file.getvalue() == GOLDEN


def test_runs_longer_than_a_byte_are_split() -> None:
    file = io.BytesIO()
    write_binvox(file, Voxels(np.ones((8, 8, 8), bool)))
    assert file.getvalue().split(b"data\n")[1] == b"\x01\xff\x01\xff\x01\x02"


@given(arrays(bool, st.tuples(*[st.integers(1, 7)] * 3)))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, grid: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("binvox") / "grid.binvox"
    with path.open("wb") as file:
        write_binvox(file, Voxels(grid, (1.5, -2.0, 0.1), 3.25))
    voxels = read_binvox(path)
    np.testing.assert_array_equal(voxels.grid, grid)
    assert voxels.scale == 3.25 and voxels.translate == (1.5, -2.0, 0.1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not start"),
        (b"hello", "does not start"),
        (b"#binvox 1\ndim 2 2 2\n", "no line 'data'"),
        (b"#binvox 1\ndim 2 2\ndata\n", "unreadable header"),
        (b"#binvox 1\ndim a b c\ndata\n", "unreadable header"),
        (b"#binvox 1\ndim 0 2 2\ndata\n", "empty dimension"),
        (b"#binvox 1\ntranslate 0 0 0\ndata\n", "unreadable header"),
        (GOLDEN[:-1], "cut off"),
        (GOLDEN[:-2], "7 voxels in the data, 8"),
        (GOLDEN + b"\x00\x01", "9 voxels in the data, 8"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "bad.binvox").write_bytes(content)
    with pytest.raises(BinvoxError, match=rf"bad\.binvox.*{reason}"):
        read_binvox(tmp_path / "bad.binvox")
