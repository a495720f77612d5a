"""The furniture data set from a prepared copy and from libraries: files, lists, broken pieces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from furniture_sources import write_library, write_prepared
from PIL import Image
from small_items import folder_hash

from crossmodal.prepare import sweethome3d
from crossmodal.prepare.furniture_lists import read_split


def make(root: Path, **options) -> Path:
    return sweethome3d.main(root, size=24, workers=0, **{"photos": 2, **options})


def read(path: Path) -> list[dict]:
    return json.loads(path.read_text())


def test_lists_of_both_protocols(tmp_path: Path) -> None:
    source = write_prepared(tmp_path / "source")
    folder = make(tmp_path / "data", prepared=source, steps=["photos"])
    train, test = read(folder / "furniture_T_train.json"), read(folder / "furniture_T_test.json")
    assert [r["instance"] for r in test] == ["Mini_0003", "Mini_0004"]
    assert len(train) == 3 * (1 + 2) and {r["instance"] for r in train} == {
        "Mini_0000",
        "Mini_0001",
        "Mini_0002",
    }
    own, own_test = read(folder / "furniture_S_train.json"), read(folder / "furniture_S_test.json")
    assert len(own) == 5 * 2 and own_test == test
    assert all(record["img"].startswith("photo/") for record in own)  # never an icon
    assert read(folder / "furniture_train.json") == train
    assert read(folder / "duplicates.json") == [["Mini_0000", "Mini_0001"]]
    for record in train + test + own:
        assert record["category"] == "living_room"
        assert record["model"].split("/")[-2] == record["instance"]
        assert all((folder / record[name]).is_file() for name in ("img", "mask", "model"))


def test_views_points_voxels_and_the_manifest(tmp_path: Path) -> None:
    source = write_prepared(tmp_path / "source", 3)
    folder = make(tmp_path / "data", prepared=source, steps=["views", "points", "voxels"])
    key = "living_room/Mini_0002"
    assert np.load(folder / "rendering_furniture" / f"{key}.npy").shape == (12, 24, 24)
    assert np.load(folder / "model_std_ptc10k_npy" / f"{key}.npy").shape == (10_000, 3)
    assert (folder / "model_std_bin128" / f"{key}.binvox").is_file()
    about = json.loads((folder / "model" / "manifest.json").read_text())["items"][key]
    assert (about["creator"], about["licence"], about["name"]) == ("Ada", "CC0", "Box")
    before = folder_hash(folder)
    assert folder_hash(make(tmp_path / "data", prepared=source, steps=["views"])) == before


def test_icon_masks_are_cut_out_of_white(tmp_path: Path) -> None:
    folder = make(tmp_path / "data", prepared=write_prepared(tmp_path / "source"), steps=[])
    with Image.open(folder / "icon" / "mask" / "living_room" / "Mini_0004.png") as image:
        mask = np.asarray(image) > 0
    assert abs(int(mask.sum()) - 20 * 14) < 40 and mask[20, 15] and not mask[5, 5]


def test_broken_pieces_cost_only_themselves(tmp_path: Path) -> None:
    source = write_prepared(tmp_path / "source")
    icon = source / "icon" / "Mini_0003.jpg"
    icon.write_bytes(icon.read_bytes()[:200])
    (source / "mesh" / "Mini_0001.npz").write_bytes(b"")
    folder = make(tmp_path / "data", prepared=source, steps=["photos"])
    assert [r["instance"] for r in read(folder / "furniture_T_test.json")] == ["Mini_0004"]
    trained = {r["instance"] for r in read(folder / "furniture_S_train.json")}
    assert trained == {"Mini_0000", "Mini_0002", "Mini_0003", "Mini_0004"}
    failed = json.loads((folder / "icon" / "manifest.json").read_text())["failed"]
    assert failed == ["living_room/Mini_0003"]


def test_icons_are_not_drowned_in_photos(tmp_path: Path) -> None:
    """T takes four photos of a shape beside its icon, S all of them."""
    folder = make(tmp_path / "data", prepared=write_prepared(tmp_path / "source"), photos=5,
                  steps=["photos"])
    for protocol, count in (("T", 4), ("S", 5)):
        listed = [r["instance"] for r in read(folder / f"furniture_{protocol}_train.json")
                  if r["img"].startswith("photo/")]
        assert {listed.count(name) for name in listed} == {count}


def test_from_libraries_with_a_random_split(tmp_path: Path) -> None:
    write_library(tmp_path / "libraries" / "Mini.sh3f")
    write_library(tmp_path / "libraries" / "More.sh3f")
    folder = make(tmp_path / "data", sh3f_paths=[tmp_path / "libraries"], steps=["photos"])
    train, test = read(folder / "furniture_T_train.json"), read(folder / "furniture_T_test.json")
    tested, trained = {r["instance"] for r in test}, {r["instance"] for r in train}
    assert len(tested) == 1 and len(trained) == 3 and not tested & trained
    assert len(read(folder / "furniture_S_train.json")) == 4 * 2
    again = make(tmp_path / "again", sh3f_paths=[tmp_path / "libraries"], steps=["photos"])
    assert folder_hash(again / "photo" / "img") == folder_hash(folder / "photo" / "img")


def test_only_pieces_of_the_split_are_taken(tmp_path: Path) -> None:
    source = write_prepared(tmp_path / "source")
    split = {"train": ["Mini_0001", "Gone_0001"], "test": ["Mini_0003"]}
    (tmp_path / "other.json").write_text(json.dumps(split))
    folder = make(
        tmp_path / "data", prepared=source, split_file=tmp_path / "other.json", steps=["views"]
    )
    views = sorted(path.stem for path in (folder / "rendering_furniture").rglob("*.npy"))
    assert views == ["Mini_0001", "Mini_0003"]
    (tmp_path / "other.json").write_text('{"train": ["x"], "test": ["y"]}')
    with pytest.raises(ValueError, match="none of the split's 2 shapes"):
        make(tmp_path / "more", prepared=source, split_file=tmp_path / "other.json")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    one = write_library(tmp_path / "a" / "Mini.sh3f")
    two = write_library(tmp_path / "b" / "Mini.sh3f")
    with pytest.raises(ValueError, match=r"duplicate id Mini_0001: .*a.Mini\.sh3f.*b.Mini\.sh3f"):
        make(tmp_path / "data", sh3f_paths=[one, two])
    with pytest.raises(ValueError, match="either a prepared copy or"):
        make(tmp_path / "data")
    with pytest.raises(ValueError, match=r"meta\.json"):
        make(tmp_path / "data", prepared=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no \.sh3f library"):
        make(tmp_path / "data", sh3f_paths=[tmp_path])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"train": ["a"], "test": ["a"]}', "in train and test"),
        ("[]", "not a split"),
        ("", "split"),
    ],
)
def test_bad_splits_are_named(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(ValueError, match=rf"split\.json.*{reason}"):
        read_split(tmp_path / "split.json")


def test_a_prepared_copy_has_583_and_200_shapes(shared_data: Path) -> None:
    source = shared_data / "data" / "sweethome3d"
    if not source.is_dir():
        pytest.skip(f"{source}: not there")
    split = read_split(source / "split.json")
    ids = {piece.id for piece in sweethome3d.prepared_copy.read_prepared(source)}
    assert len(split.train) == 583 and len(split.test) == 200 and len(ids) == 783
    assert set(split.train) | set(split.test) == ids
