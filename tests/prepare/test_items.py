"""Which shapes lie in a folder, whatever way its files are named and laid out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_items import write_box

from crossmodal.prepare.items import Found, find_items, load_item
from crossmodal.prepare.runner import Task


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the project logs."""
    caplog.set_level(logging.INFO, "crossmodal")
    logging.getLogger("crossmodal").addHandler(caplog.handler)
    yield caplog
    logging.getLogger("crossmodal").removeHandler(caplog.handler)


def library(folder: Path, *names: str) -> Path:
    for name in names:
        write_box(folder / name)
    return folder


def files(found: Found, folder: Path) -> dict[str, str]:
    """{key: file}, both relative."""
    return {key: item.source.relative_to(folder).as_posix()
            for key, item in found.items.items() if item.source}


@pytest.mark.parametrize("names, keys", [
    (("lamp.obj",), ["lamp"]),
    (("chair/a.obj", "chair/b.off"), ["chair/a", "chair/b"]),
    # ModelNet: class/train|test/name
    (("chair/train/chair_1.off", "chair/train/chair_2.off", "chair/test/chair_3.off"),
     ["chair/test/chair_3", "chair/train/chair_1", "chair/train/chair_2"]),
    # ShapeNet v1 and v2, Pix3D: the folder is the shape
    (("02691156/1f2/model.obj",), ["02691156/1f2"]),
    (("02691156/1f2/models/model_normalized.obj",), ["02691156/1f2"]),
    (("bed/malm/model.obj", "bed/fjell/model.obj"), ["bed/fjell", "bed/malm"]),
    # ABO, a pack of models, a hobbyist's folders
    (("original/0/B07300.obj", "original/0/B07301.obj"), ["original/0/B07300",
                                                          "original/0/B07301"]),
    (("Models/OBJ/chair.obj", "Models/OBJ/lamp.obj"), ["Models/OBJ/chair", "Models/OBJ/lamp"]),
    (("für Anna/Häuser/Turm 1/turm.v2.obj",), ["für Anna/Häuser/Turm 1/turm.v2"]),
    (("models/model.obj",), ["models"]),
])
def test_a_key_for_every_shape(tmp_path: Path, names: tuple[str, ...], keys: list[str]) -> None:
    assert list(find_items(library(tmp_path, *names)).items) == keys


def test_folders_as_shapes_where_that_is_asked_for(tmp_path: Path) -> None:
    library(tmp_path, "chair/oslo/seat.obj", "chair/oslo/legs.obj", "chair/bergen.obj", "x.obj")
    found = find_items(tmp_path, layout="folders")
    assert files(found, tmp_path) == {"chair/bergen": "chair/bergen.obj", "x": "x.obj",
                                      "chair/oslo": "chair/oslo/legs.obj"}


def test_every_file_where_that_is_asked_for(tmp_path: Path) -> None:
    library(tmp_path, "chair/oslo/model.obj", "chair/bergen/model.obj")
    assert list(find_items(tmp_path, layout="files").items) == ["chair/bergen/model",
                                                                "chair/oslo/model"]


def test_that_folders_name_shapes_is_said(tmp_path: Path, said: pytest.LogCaptureFixture) -> None:
    find_items(library(tmp_path, "chair/oslo/model.obj", "chair/b.obj"))
    assert "2 mesh files, 2 shapes; 1 of them are named by their folders" in said.text


def test_formats_of_one_name_are_one_shape(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    library(tmp_path, "chair/b.npz", "chair/b.obj", "chair/a/model.npz", "chair/a/other.obj")
    assert files(find_items(tmp_path), tmp_path) == {
        "chair/a": "chair/a/model.npz", "chair/a/other": "chair/a/other.obj",
        "chair/b": "chair/b.obj"}
    assert "1 of 3 shapes have several files" in said.text
    assert "the first, chair/b: using b.obj, leaving b.npz" in said.text


def test_two_files_never_share_a_key(tmp_path: Path) -> None:
    library(tmp_path, "chair/a.obj", "chair/a/model.obj", "chair/a/models/model.obj")
    assert files(find_items(tmp_path), tmp_path) == {
        "chair/a": "chair/a.obj", "chair/a/model": "chair/a/model.obj",
        "chair/a/models/model": "chair/a/models/model.obj"}


def test_what_is_left_out_is_counted_with_what_to_do(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    library(tmp_path, "chair/a.obj")
    for name in ("a.FBX", "deep/b.fbx", "c.sldprt", "scan.pcd", "readme.txt", "a.mtl", "photo.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = find_items(tmp_path)
    assert found.unsupported == {".fbx": 2, ".pcd": 1, ".sldprt": 1}
    assert "2 .fbx (open it in Blender and export it as .glb)" in said.text
    assert "1 .sldprt (export it as .stl" in said.text
    assert "photo" not in said.text and "txt" not in said.text


def test_links_are_followed_and_hidden_names_left_out(tmp_path: Path) -> None:
    disk = library(tmp_path / "disk", "chairs/a.obj", "one/model.obj")
    home = library(tmp_path / "home", "table/t.obj", "table/._t.obj", "__MACOSX/table/t.obj")
    (home / "chair").symlink_to(disk / "chairs")
    (home / "lamp").mkdir()
    (home / "lamp" / "one").symlink_to(disk / "one")
    assert list(find_items(home).items) == ["chair/a", "lamp/one", "table/t"]


def test_file_names_that_are_no_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"st\xfchl")
    assert list(find_items(library(tmp_path, f"chair/{name}.obj")).items) == [f"chair/{name}"]


def test_no_mesh_and_no_folder_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.fbx").touch()
    with pytest.raises(FileNotFoundError, match="no mesh in it; looked for .*\\.obj"):
        find_items(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_items(tmp_path / "absent")


def write_stl(path: Path, size: tuple[float, float, float]) -> None:
    import trimesh

    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.creation.box(size).export(path)


def loaded_size(found: Found, key: str, tmp_path: Path) -> list[float]:
    item = found.items[key]
    assert item.source
    mesh = load_item(Task(key, item.source, item.facts, tmp_path, {}))
    return np.ptp(mesh.vertices, axis=0).round(5).tolist()


@pytest.mark.parametrize("up, size", [
    (None, [1, 3, 2]), ("z", [1, 3, 2]), ("-z", [1, 3, 2]), ("y", [1, 2, 3]), ("x", [2, 1, 3])])
def test_what_is_printed_stands_on_z(
    tmp_path: Path, said: pytest.LogCaptureFixture, up: str | None, size: list[float]
) -> None:
    write_stl(tmp_path / "part.stl", (1, 2, 3))
    found = find_items(tmp_path, up=up)
    assert loaded_size(found, "part", tmp_path) == size
    assert ("1 .stl taken with z up (--up y where that is wrong)" in said.text) == (up is None)


def test_a_stl_beside_a_format_without_axes_is_taken_as_that(tmp_path: Path) -> None:
    write_stl(tmp_path / "chair" / "part.stl", (1, 2, 3))
    write_box(tmp_path / "chair" / "a.obj")
    write_stl(tmp_path / "table" / "part.stl", (1, 2, 3))
    found = find_items(tmp_path)
    assert loaded_size(found, "chair/part", tmp_path) == [1, 2, 3]
    assert loaded_size(found, "table/part", tmp_path) == [1, 3, 2]
    assert found.items["chair/a"].facts == {}
