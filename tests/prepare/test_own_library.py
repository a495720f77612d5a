"""One's own meshes become a data set that trains; what its user adds to the lists stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_items import library, write_box

from crossmodal.config import DataConfig
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.errors import DataError
from crossmodal.prepare import own_library
from crossmodal.prepare.runner import AllFailed

SMALL = {"photos": 3, "held_out": 1, "size": 32, "steps": ("views",), "workers": 1}


def make(meshes: Path, root: Path, **settings: object) -> Path:
    return own_library.main(meshes, root, **{**SMALL, **settings})  # type: ignore[arg-type]


def test_every_shape_trains_and_tests(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes", 3)
    write_box(meshes / "sofa" / "long one" / "model.obj", (3, 1, 1))
    folder = make(meshes, tmp_path)
    dataset = InstanceDataset.load(DataConfig(root=str(tmp_path), name="mine",
                                              validation_fraction=0.0), seed=0)
    assert folder == tmp_path / "mine"
    shapes = {"chair/chair_0", "chair/chair_1", "chair/chair_2", "sofa/long one"}
    assert {str(key) for key in dataset.gallery} == shapes
    assert sorted(r.id for r in dataset.train if "long" in r.id) == [
        f"photo/img/sofa/long one/0{i}.jpg" for i in (0, 1)]
    assert [r.id for r in dataset.test if "long" in r.id] == ["photo/img/sofa/long one/02.jpg"]
    assert all(Path(r.mask).is_file() for r in dataset.train if r.mask)


def test_points_and_voxels_are_made_if_asked_for(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes", 1)
    folder = make(meshes, tmp_path, steps=("views", "points"))
    assert (folder / "model_std_ptc10k_npy" / "chair" / "chair_0.npy").is_file()
    assert not (folder / "model_std_bin128").exists()


def test_meshes_without_folders_are_one_category(tmp_path: Path) -> None:
    write_box(tmp_path / "meshes" / "a.npz")
    records = json.loads((make(tmp_path / "meshes", tmp_path) / "mine_train.json").read_text())
    assert {(r["category"], r["model"]) for r in records} == {("shape", "model/shape/a/model")}


def test_a_broken_mesh_costs_itself(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes", 2)
    (meshes / "chair" / "empty.obj").touch()
    records = json.loads((make(meshes, tmp_path) / "mine_test.json").read_text())
    assert [r["model"] for r in records] == [f"model/chair/chair_{i}/model" for i in (0, 1)]
    (tmp_path / "broken" / "chair").mkdir(parents=True)
    (tmp_path / "broken" / "chair" / "empty.obj").touch()
    with pytest.raises(AllFailed, match="empty"):
        make(tmp_path / "broken", tmp_path, name="other")


def test_entries_of_ones_own_stay(tmp_path: Path) -> None:
    meshes = library(tmp_path / "meshes", 1)
    path = make(meshes, tmp_path) / "mine_test.json"
    own = {"img": "photos/1.jpg", "category": "chair", "model": "chair/chair_0/model"}
    path.write_text(json.dumps([*json.loads(path.read_text()), own]))
    write_box(meshes / "chair" / "new.npz")
    make(meshes, tmp_path)
    records = json.loads(path.read_text())
    assert own in records and len(records) == 3
    path.write_text("{broken")
    with pytest.raises(DataError, match=r"mine_test\.json.*mend it"):
        make(meshes, tmp_path)


@pytest.mark.parametrize("held_out", [0, 3])
def test_some_pictures_must_train_and_some_test(tmp_path: Path, held_out: int) -> None:
    with pytest.raises(DataError, match="--held-out"):
        make(library(tmp_path / "meshes", 1), tmp_path, held_out=held_out)
