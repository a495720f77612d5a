"""Fixtures of the tests of retrieval: a folder of meshes, and an encoder without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_library import SHAPES, PixelEncoder, write_mesh


@pytest.fixture
def encoder() -> PixelEncoder:
    return PixelEncoder()


@pytest.fixture
def mesh_folder(tmp_path: Path) -> Path:
    """Five meshes, ``meshes/<category>/<instance>.ply``."""
    folder = tmp_path / "meshes"
    for name, make in SHAPES.items():
        write_mesh(folder, name, make())
    return folder
