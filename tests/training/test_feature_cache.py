"""Stored features: read where they are whole and fit, else made again; nothing hangs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from crossmodal.training.feature_cache import Arrays, cached
from crossmodal.training.feature_maps import stored_maps


def compute() -> Arrays:
    return {"a": np.arange(3, dtype=np.float32)}


def never() -> Arrays:
    raise AssertionError("computed although it is there")


def fits(found: Arrays) -> bool:
    return found.keys() == {"a"} and found["a"].shape == (3,)


def check_made_again(folder: Path) -> None:
    for make in (compute, never):
        assert cached(folder, "f", make, fits)["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"no archive", b"\x80\x04."])
def test_a_missing_or_broken_file(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "f.npz").write_bytes(content)
    check_made_again(tmp_path)


@pytest.mark.parametrize("arrays", [{"b": np.zeros(3)}, {"a": np.zeros(4)}, {},
                                    {"a": np.array([{}], object)}])
def test_a_file_of_other_arrays(tmp_path: Path, arrays: Arrays) -> None:
    np.savez(tmp_path / "f.npz", **arrays)
    check_made_again(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.npz")
    check_made_again(tmp_path)
    os.mkfifo(tmp_path / "m.npy")
    assert stored_maps(tmp_path / "m.npy", 2, lambda: iter([np.ones((2, 3))])).shape == (2, 3)


@pytest.mark.parametrize("array", [np.zeros((3, 3), "<f2"), np.zeros((2, 3), "<f4"),
                                   np.zeros(2, "<f2"), np.array([{}], object)])
def test_maps_that_are_others(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "m.npy"
    np.save(path, array)
    assert stored_maps(path, 2, lambda: iter([np.ones((2, 3))])).tolist() == [[1] * 3] * 2
