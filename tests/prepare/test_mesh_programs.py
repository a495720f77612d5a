"""render_views, render_photos, sample_points and voxelize: layout, restart, broken meshes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_items import folder_hash, library, write_box

from crossmodal.geometry.binvox import read_binvox
from crossmodal.geometry.mesh import load_mesh
from crossmodal.geometry.points import sample_points as points_of
from crossmodal.geometry.render import ViewSettings, render_views
from crossmodal.prepare import render_photos, sample_points, voxelize
from crossmodal.prepare import render_views as views_program
from crossmodal.prepare.manifest import SettingsChanged

SMALL = ViewSettings(count=3, size=24)


def test_views_are_written_as_the_renderer_makes_them(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes")
    out = views_program.main(meshes, tmp_path / "out", SMALL, workers=0)
    stored = np.load(out / "chair" / "chair_1.npy")
    direct = render_views(load_mesh(meshes / "chair" / "chair_1.npz"), 3, 24)
    np.testing.assert_array_equal(stored, direct)
    assert json.loads((out / "manifest.json").read_text())["settings"]["size"] == 24


def test_another_size_is_refused_and_redone_on_request(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes", 1)
    views_program.main(meshes, tmp_path / "out", SMALL, workers=0)
    larger = ViewSettings(count=3, size=32)
    with pytest.raises(SettingsChanged, match="size 24, now 32"):
        views_program.main(meshes, tmp_path / "out", larger, workers=0)
    views_program.main(meshes, tmp_path / "out", larger, workers=0, redo=True)
    assert np.load(tmp_path / "out" / "chair" / "chair_0.npy").shape == (3, 32, 32)


def test_broken_meshes_cost_only_themselves(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes", 2)
    (meshes / "chair" / "empty.obj").touch()
    (meshes / "chair" / "nan.obj").write_text("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    np.savez(meshes / "chair" / "none.npz", v=np.zeros((0, 3)), f=np.zeros((0, 3), int))
    open_box = write_box(meshes / "chair" / "open.npz")
    mesh = load_mesh(open_box)
    np.savez(open_box, v=mesh.vertices, f=mesh.faces[:-2])
    out = voxelize.main(meshes, tmp_path / "out", 16, workers=0)
    stored = json.loads((out / "manifest.json").read_text())
    assert stored["failed"] == ["chair/empty", "chair/nan", "chair/none"]
    assert "0 bytes" in stored["items"]["chair/empty"]["error"]
    assert sorted(path.stem for path in out.rglob("*.binvox")) == ["chair_0", "chair_1", "open"]


def test_points_and_voxels(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes", 1)
    points = sample_points.main(meshes, tmp_path / "points", 64, seed=3, workers=0)
    stored = np.load(points / "chair" / "chair_0.npy")
    mesh = load_mesh(meshes / "chair" / "chair_0.npz", normalised=True)
    np.testing.assert_array_equal(stored, points_of(mesh, 64, seed=3))
    grids = voxelize.main(meshes, tmp_path / "voxels", 16, workers=0)
    grid = read_binvox(grids / "chair" / "chair_0.binvox").grid
    assert grid.shape == (16, 16, 16) and grid.sum() == 16 * 16 * 8


def test_more_photos_later_keep_the_ones_there(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes", 2)
    out = render_photos.main(meshes, tmp_path / "out", photos=1, size=32, workers=0)
    before = folder_hash(out / "img")
    render_photos.main(meshes, out, photos=2, size=32, workers=0)
    after = folder_hash(out / "img")
    assert len(before) == 2 and len(after) == 4 and len(set(after.values())) == 4
    assert before.items() <= after.items()
    with Image.open(out / "mask" / "chair" / "chair_1" / "01.png") as mask:
        assert mask.size == (32, 32) and set(np.unique(np.asarray(mask))) == {0, 255}


def test_the_command_line(tmp_path: Path, repo_root: Path) -> None:
    meshes = library(tmp_path / "meshes", 1)
    command = [sys.executable, "-m", "crossmodal.prepare.render_views", str(meshes), "out"]
    command += ["--count", "2", "--size", "16", "--workers", "0"]
    environment = {**os.environ, "PYTHONPATH": str(repo_root)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "out" / "chair" / "chair_0.npy").shape == (2, 16, 16)
    assert "1 items, 0 already there, 0 failed" in done.stderr


def test_killed_and_started_again_it_ends_the_same(tmp_path: Path, repo_root: Path) -> None:
    meshes = library(tmp_path / "meshes", 40)
    settings = ViewSettings(count=6, size=112)
    code = (
        "import sys; from pathlib import Path\n"
        "from crossmodal.geometry.render import ViewSettings\n"
        "from crossmodal.prepare.render_views import main\n"
        "main(Path('meshes'), Path('out'), ViewSettings(count=6, size=112), workers=0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(repo_root)}
    out = tmp_path / "out"
    for wanted in (3, 12):
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while len(list(out.rglob("*.npy"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len(list(out.rglob("*.npy"))) < 40
        for path in out.rglob("*.npy"):
            assert np.load(path).shape == (6, 112, 112)  # whole or not there
    views_program.main(meshes, out, settings, workers=0)
    fresh = views_program.main(meshes, tmp_path / "fresh", settings, workers=0)
    assert folder_hash(out) == folder_hash(fresh)
