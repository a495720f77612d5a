"""Finding meshes in a folder, whatever way they are named."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from small_items import write_box

from crossmodal.prepare.items import find_meshes


def test_both_layouts_and_deeper_ones_give_one_key(tmp_path: Path) -> None:
    for name in ("chair/a.obj", "chair/b/model.obj", "02691156/1f2/models/model_normalized.obj"):
        write_box(tmp_path / name)
    (tmp_path / "chair" / "notes.txt").write_text("not a mesh")
    assert list(find_meshes(tmp_path)) == ["02691156/1f2", "chair/a", "chair/b"]


def test_a_flat_folder_is_keyed_by_instance(tmp_path: Path) -> None:
    write_box(tmp_path / "lamp.obj")
    assert find_meshes(tmp_path) == {"lamp": tmp_path / "lamp.obj"}


def test_a_doubled_id_is_named_and_the_preferred_file_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("chair/a/other.obj", "chair/a/model.npz", "chair/b.npz", "chair/b.obj"):
        write_box(tmp_path / name)
    logging.getLogger("crossmodal").addHandler(caplog.handler)
    found = find_meshes(tmp_path)
    logging.getLogger("crossmodal").removeHandler(caplog.handler)
    assert found["chair/a"].name == "model.npz" and found["chair/b"].name == "b.obj"
    assert "2 of 2 items have several mesh files; the first, chair/a" in caplog.text


def test_no_mesh_and_no_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no mesh in it"):
        find_meshes(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_meshes(tmp_path / "absent")
