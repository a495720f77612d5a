"""Stored feature maps: made once, and anew when the file is broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crossmodal.training.feature_maps import stored_maps


def rows() -> Iterator[np.ndarray]:
    yield np.ones((2, 3))
    yield np.zeros((1, 3))


def never() -> Iterator[np.ndarray]:
    raise AssertionError("computed although it is there")


@pytest.mark.parametrize("content", [None, b"", b"\x93NUM", b"\x93NUMPY\x01\x00", b"no array"])
def test_a_missing_or_broken_file_is_made_anew(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "maps.npy"
    if content is not None:
        path.write_bytes(content)
    expected = [[1, 1, 1], [1, 1, 1], [0, 0, 0]]
    assert stored_maps(path, 3, rows).tolist() == expected
    assert stored_maps(path, 3, never).tolist() == expected
