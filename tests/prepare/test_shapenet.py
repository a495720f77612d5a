"""ShapeNetCore as the second library: layouts, zip files, orientation, restart, broken models."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from owner_copies import (
    TURNS,
    chair,
    obj_bytes,
    shapenet_files,
    write_files,
    write_zip,
)
from small_items import folder_hash

from crossmodal.config import DataConfig
from crossmodal.data.dataset import open_library
from crossmodal.data.errors import DataError
from crossmodal.geometry.mesh import MeshError, load_mesh
from crossmodal.geometry.render import render_views
from crossmodal.prepare import shapenet
from crossmodal.prepare.manifest import SettingsChanged
from crossmodal.prepare.shapenet_source import SYNSETS, find_models, read_model
from crossmodal.prepare.source_check import MissingSource, NoRoom
from crossmodal.prepare.upright import upright
from crossmodal.retrieval.shape_distance import ShapeFiles, compare_shapes

FURNITURE = ("bed", "chair", "sofa", "table")


def make(source: Path, root: Path, **options) -> Path:
    return shapenet.main(source, root, size=24, workers=0, **options)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the library of a v2 copy, one shape a category."""
    folder = tmp_path_factory.mktemp("shapenet")
    write_files(folder / "ShapeNetCore.v2", shapenet_files("v2", count=1))
    make(folder, folder / "data")  # one step too high
    return folder / "data"


def test_the_test_mode_reads_it(root: Path) -> None:
    furniture = open_library(DataConfig(root=str(root)), FURNITURE)
    assert [str(key) for key in furniture] == [f"{name}/{name}0" for name in FURNITURE]
    cars = open_library(
        DataConfig(root=str(root), library_views="rendering_shapenetcars"), ["car"]
    )
    assert [str(key) for key in cars] == ["car/car0"]
    assert all(len(store[key]) == 12 for store in (furniture, cars) for key in store)
    files = ShapeFiles(root / "shapenet4")
    keys = [*furniture, *cars]
    hau, iou = compare_shapes(keys, files, [keys[0]] * 5, files)  # all are the same chair
    np.testing.assert_allclose(iou, 1)
    assert hau.max() < 1e-6
    facts = json.loads((root / "shapenet4" / "split.json").read_text())
    assert (facts["name"], facts["source"]) == ("none", "ShapeNetCore v2")
    assert facts["shapes"] == dict.fromkeys(SYNSETS, 1)


def test_both_releases_stand_alike(root: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "v1", shapenet_files("v1", ["chair"], count=1))
    first = make(tmp_path / "v1", tmp_path, categories=["chair"])
    views = [
        np.load(folder / "rendering_shapenetchairs" / "chair0.npy").astype(int)
        for folder in (first, root / "shapenet4")
    ]
    plain = tmp_path / "plain.obj"
    plain.write_bytes(obj_bytes(chair(), lambda corners: corners))
    expected = render_views(load_mesh(plain), 12, 24).astype(int)
    for found in views:
        assert np.abs(found - expected).mean() < 0.5
    assert np.abs(expected[0] - expected[3]).mean() > 5  # a quarter turn would be seen
    assert np.abs(expected[0] - expected[0][:, ::-1]).mean() > 1  # and a mirror image


@pytest.mark.parametrize("archive", ["{synset}.zip", "ShapeNetCore.v1.zip"])
def test_zip_files_are_read_in_place(tmp_path: Path, archive: str) -> None:
    files = shapenet_files("v1", ["bed", "car"], count=1)
    if "synset" in archive:
        for synset in (SYNSETS["bed"], SYNSETS["car"]):
            inside = {name: text for name, text in files.items() if name.startswith(synset)}
            write_zip(tmp_path / archive.format(synset=synset), inside)
    else:
        write_zip(tmp_path / archive, {f"ShapeNetCore.v1/{n}": t for n, t in files.items()})
    before = folder_hash(tmp_path)
    copy = find_models(tmp_path, ["bed", "car"])
    assert copy.layout == "v1" and list(copy.models["car"]) == ["car0"]
    mesh = read_model(copy.models["car"]["car0"].path, copy.models["car"]["car0"].member)
    assert len(mesh.faces) == 3 * 12 - 2 and folder_hash(tmp_path) == before


def test_again_nothing_is_made_twice_and_the_bytes_are_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_files(tmp_path / "copy", shapenet_files("v2", ["sofa"], count=2))
    folder = make(tmp_path / "copy", tmp_path / "a", categories=["sofa"], limit=1)
    make(tmp_path / "copy", tmp_path / "a", categories=["sofa"])
    before = folder_hash(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.np[yz]")}
    logging.getLogger("crossmodal").addHandler(caplog.handler)
    make(tmp_path / "copy", tmp_path / "a", categories=["sofa"], limit=1)
    logging.getLogger("crossmodal").removeHandler(caplog.handler)
    assert "rendering_shapenetsofas: 1 shapes of an earlier run stay" in caplog.text
    lost = folder / "rendering_shapenetsofas" / "sofa1.npy"
    lost.unlink()
    make(tmp_path / "copy", tmp_path / "a", categories=["sofa"])
    assert folder_hash(folder) == before
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*.np[yz]") if path != lost}
    assert kept.items() <= times.items() and len(times) == 2 * 3
    other = make(tmp_path / "copy", tmp_path / "b", categories=["sofa"])
    assert folder_hash(other) == before


def test_broken_and_missing_models_are_named_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = shapenet_files("v2", ["bed"], count=5)
    names = [f"{SYNSETS['bed']}/bed{n}/models/model_normalized.obj" for n in range(5)]
    files[names[0]] = b""
    files[names[1]] = b"no mesh at all\n"
    files[f"{SYNSETS['bed']}/bed2/models/model_normalized.json"] = b"{}"
    del files[names[2]]
    copy = write_files(tmp_path / "kopie é 1", files)
    (copy / names[4]).unlink()
    (copy / names[4]).symlink_to(copy / names[3])  # a linked model is a model
    logging.getLogger("crossmodal").addHandler(caplog.handler)
    folder = make(copy, tmp_path, categories=["bed"])
    logging.getLogger("crossmodal").removeHandler(caplog.handler)
    stored = json.loads((folder / "model" / "manifest.json").read_text())
    assert stored["failed"] == ["bed/bed0", "bed/bed1", "bed/bed2"]
    assert "model_normalized.obj: no such file" in stored["items"]["bed/bed2"]["error"]
    assert str(copy) in stored["items"]["bed/bed1"]["error"]  # the file itself, not a copy of it
    assert "3 of 5 items failed" in caplog.text
    assert [key.instance for key in open_library(DataConfig(root=str(tmp_path)), ["bed"])] == [
        "bed3",
        "bed4",
    ]


def test_what_is_missing_is_said_at_once(tmp_path: Path) -> None:
    write_files(tmp_path / "copy", shapenet_files("v1", ["bed", "sofa"], count=1))
    shutil.rmtree(tmp_path / "copy" / SYNSETS["sofa"] / "sofa0")
    with pytest.raises(MissingSource) as missing:
        make(tmp_path / "copy", tmp_path)
    text = str(missing.value)
    assert all(SYNSETS[name] in text for name in ("chair", "sofa", "table", "car"))
    assert SYNSETS["bed"] not in text and "shapenet.org" in text and "--categories" in text
    with pytest.raises(MissingSource, match="no such folder"):
        make(tmp_path / "absent", tmp_path)
    with pytest.raises(MissingSource, match="model_normalized.obj"):
        make(tmp_path / "copy", tmp_path, categories=["bed"], layout="v2")
    assert not (tmp_path / "shapenet4").exists()


def test_two_releases_in_one_place_must_be_told_apart(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for layout in ("v1", "v2"):
        write_files(copy, shapenet_files(layout, ["bed"], count=1))
        write_files(tmp_path / "both" / layout, shapenet_files(layout, ["bed"], count=1))
    with pytest.raises(DataError, match="--layout v1 or v2"):
        find_models(copy, ["bed"])
    assert find_models(copy, ["bed"], "v1").models["bed"]["bed0"].path.name == "model.obj"
    with pytest.raises(DataError, match=r"several copies of the data set \(v1, v2\)"):
        find_models(tmp_path / "both", ["bed"])
    make(copy, tmp_path, categories=["bed"], layout="v2")
    with pytest.raises(SettingsChanged, match="front -z, now x"):
        make(copy, tmp_path, categories=["bed"], layout="v1")


def test_a_damaged_zip_and_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{SYNSETS['bed']}.zip").write_bytes(b"PK not really")
    with pytest.raises(DataError, match=r"02818832\.zip: not a whole zip file"):
        find_models(tmp_path, ["bed"])
    write_files(tmp_path / "copy", shapenet_files("v1", ["bed"], count=1))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    with pytest.raises(NoRoom, match="the disk has 1 MiB free"):
        make(tmp_path / "copy", tmp_path, categories=["bed"])
    with pytest.raises(DataError, match="--limit 0"):
        make(tmp_path / "copy", tmp_path, categories=["bed"], limit=0)


def test_shapes_are_turned_and_never_mirrored() -> None:
    for up, front in (("y", "x"), ("z", "-y"), ("-x", "z")):
        assert np.linalg.det(upright(up, front)) == pytest.approx(1)
    for layout, front in (("v1", "x"), ("v2", "-z")):
        corners = np.random.default_rng(0).normal(size=(5, 3))
        matrix = upright("y", front)
        np.testing.assert_allclose(TURNS[layout](corners) @ matrix.T, corners)
    with pytest.raises(ValueError, match="lie on one axis"):
        upright("y", "-y")
    with pytest.raises(ValueError, match="no axis 'w'"):
        upright("w", "x")


def test_the_command_line_ends_in_a_message(tmp_path: Path, repo_root: Path) -> None:
    command = [sys.executable, "-m", "crossmodal.prepare.shapenet", "--source", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(repo_root)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.count("shapenet.org") == 5


def test_an_empty_folder_beside_the_zip_file_hides_nothing(tmp_path: Path) -> None:
    files = shapenet_files("v1", ["bed"])
    files |= {f"{SYNSETS['bed']}/{odd}/model.obj": b"" for odd in ("..", ".", ".hidden")}
    write_zip(tmp_path / f"{SYNSETS['bed']}.zip", files)
    (tmp_path / SYNSETS["bed"] / "__MACOSX").mkdir(parents=True)
    assert list(find_models(tmp_path, ["bed"]).models["bed"]) == ["bed0", "bed1"]


def test_a_torn_member_of_a_zip_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / f"{SYNSETS['bed']}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.obj", b"v 0 0 0 and so on\n" * 50)
    content = bytearray(path.read_bytes())
    content[35:60] = bytes(255 - byte for byte in content[35:60])
    path.write_bytes(content)
    with pytest.raises(MeshError, match=r"\.zip, a\.obj: damaged.*fetch the zip file again"):
        read_model(path, "a.obj")
