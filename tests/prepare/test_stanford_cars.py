"""Stanford Cars and its annotations become a data set: splits, masks, tables, what is missing."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from instance_sources import (
    agree,
    lists,
    load,
    owners_box,
    write_annotations,
    write_devkit,
    write_photo,
    write_shapenet,
)
from PIL import Image
from small_items import folder_hash

from crossmodal.data.errors import DataError
from crossmodal.data.safe_pickle import UnsafePickle
from crossmodal.prepare import stanford_cars
from crossmodal.prepare.instance_options import Options
from crossmodal.prepare.source_check import MissingSource
from crossmodal.prepare.splits import OURS, read_split_facts

IDS = ("189c2b53ef76d02978a20fe14185667", "300c1f29d253f94a97e6e890ac2fb198", "c8fb314a", "unused")
TRAIN = {"00001.jpg": IDS[0], "00002.jpg": IDS[1], "00003.jpg": IDS[2], "00004.jpg": IDS[0]}
TEST = {"00001.jpg": IDS[1], "00002.jpg": IDS[2]}
TURNED, SMALL = "00003.jpg", (40, 30)


def write_source(folder: Path) -> Path:
    """The repository of the annotations, filled as its README says; one photo lies on its side."""
    images = folder / "Image" / "StanfordCars"
    boxes: dict[str, dict] = {"train": {}, "test": {}}
    for part, models in (("train", TRAIN), ("test", TEST)):
        for name in models:
            turn = 8 if (part, name) == ("train", TURNED) else 1
            mask = write_photo(images / f"cars_{part}" / name, SMALL, turn=turn)
            assert mask.size == SMALL
            boxes[part][name] = owners_box(SMALL)
    # drawn on the photo as MATLAB reads it: lying on its side
    boxes["train"][TURNED] = (7, 11, 21, 24)
    write_photo(images / "cars_train" / "00099.jpg")  # not annotated in 3D
    write_devkit(images, boxes)
    write_annotations(folder / "Anno3D" / "StanfordCars", TRAIN, TEST)
    write_shapenet(folder / "CAD", IDS)
    return folder


def make(root: Path, source: Path, **options) -> Path:
    ours = {name: options.pop(name) for name in ("annotations", "models", "whole_frame")
            if name in options}
    given = {"size": 24, "steps": ("views",), "workers": 1, **options}
    return stanford_cars.main(source, root, options=Options(**given), **ours)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_source(tmp_path_factory.mktemp("cars") / "finegrained-pose")


def test_it_is_what_training_reads(source: Path, tmp_path: Path) -> None:
    folder = make(tmp_path, source, steps=("views", "points", "voxels"))
    data = load(folder, mask_dir="mask")
    assert [key.instance for key in data.gallery] == sorted(IDS[:3])
    train, test = lists(folder)
    assert [e["img"] for e in test] == ["img/cars_test/00001.jpg", "img/cars_test/00002.jpg"]
    assert train[0]["model"] == f"model/car/{IDS[0]}/model.npz"
    assert test[0]["model"] == f"model/car/{IDS[1]}/model.npz"
    facts = read_split_facts(folder)
    assert facts is not None and facts["whose"] == "owners" and facts["masks_from"] == {"box": 6}
    assert len(list((folder / "model_std_bin128").rglob("*.binvox"))) == 3
    before = folder_hash(folder)
    assert folder_hash(make(tmp_path, source, steps=("views", "points", "voxels"))) == before


def test_archives_unpacked_to_folders_of_their_names(source: Path, tmp_path: Path) -> None:
    """As tar's users do on a desktop: cars_train/cars_train/00001.jpg."""
    photos = source / "Image" / "StanfordCars"
    for name in ("cars_train", "cars_test", "devkit"):
        shutil.copytree(photos / name, tmp_path / "photos" / name / name)
    options = Options(size=24, steps=("views",), workers=0)
    folder = stanford_cars.main(tmp_path / "photos", tmp_path / "out", options=options,
                                annotations=source / "Anno3D" / "StanfordCars",
                                models=source / "CAD")
    plain = stanford_cars.main(source, tmp_path / "plain", options=options)
    assert lists(folder) == lists(plain)
    assert read_split_facts(folder)["masks_from"] == {"box": 6}


def test_boxes_lie_on_their_cars(source: Path, tmp_path: Path) -> None:
    folder = make(tmp_path, source)
    entries = [e for e in sum(lists(folder), []) if not e["img"].endswith(TURNED)]
    assert len(entries) == 5 and all(agree(folder, entry) for entry in entries)
    turned = np.asarray(Image.open(folder / "mask" / "cars_train" / "00003.png")) > 0
    assert turned.shape == (30, 40)
    lying = np.zeros((40, 30), bool)
    lying[10:24, 6:21] = True  # x 7..21, y 11..24, from 1
    np.testing.assert_array_equal(turned, np.rot90(lying))  # orientation 8: a quarter to the left


def test_given_masks_win_and_lacking_ones_are_named(source: Path, tmp_path: Path) -> None:
    for part, models in (("train", TRAIN), ("test", TEST)):
        for name in models:
            path = tmp_path / "masks" / f"cars_{part}" / name.replace(".jpg", ".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (30, 40) if name == TURNED else SMALL, 255).save(path)
    folder = make(tmp_path, source, masks=tmp_path / "masks")
    facts = read_split_facts(folder)
    assert facts is not None and facts["masks_from"] == {"file": 6}
    (tmp_path / "masks" / "cars_test" / "00002.png").unlink()
    with pytest.raises(MissingSource, match=r"1 of 6 masks \(.*00002\.png\)"):
        make(tmp_path / "b", source, masks=tmp_path / "masks")
    folder = make(tmp_path / "b", source, masks=tmp_path / "masks", allow_missing=True)
    facts = read_split_facts(folder)
    assert facts is not None and facts["masks_from"] == {"box": 1, "file": 5}


def test_whole_frames_have_no_mask(source: Path, tmp_path: Path) -> None:
    folder = make(tmp_path, source, whole_frame=True)
    assert all("mask" not in entry for entry in sum(lists(folder), []))
    facts = read_split_facts(folder)
    assert facts is not None and facts["masks_from"] == {"whole frame": 6}
    load(folder)


def test_all_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "cars" / "cars_train").mkdir(parents=True)
    with pytest.raises(MissingSource) as error:
        make(tmp_path, tmp_path / "cars")
    text = str(error.value)
    for words in ("cars_train/*.jpg", "cars_test/*.jpg", "devkit/cars_train_annos", "02958343",
                  "train_anno*.pkl", "test_anno*.pkl", "finegrained-pose", "issue 7545"):
        assert words in text
    with pytest.raises(MissingSource) as error:
        make(tmp_path, tmp_path / "cars", whole_frame=True)
    assert "devkit" not in str(error.value)


def test_missing_photos_and_models_are_named_or_left_out(tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    (source / "Image" / "StanfordCars" / "cars_train" / "00001.jpg").unlink()
    (source / "CAD" / "02958343" / IDS[2] / "model.obj").unlink()
    (source / "CAD" / "02958343" / IDS[2]).rmdir()
    with pytest.raises(MissingSource) as error:
        make(tmp_path, source)
    assert "1 of 6 photos (" in str(error.value)
    assert f"1 of 3 car models (3 are in {source / 'CAD'}) (car/{IDS[2]})" in str(error.value)
    folder = make(tmp_path, source, allow_missing=True)
    train, test = lists(folder)
    assert [Path(e["img"]).stem for e in train] == ["00002", "00004"] and len(test) == 1


def test_broken_files_cost_only_themselves(tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    (source / "Image" / "StanfordCars" / "cars_train" / "00001.jpg").write_bytes(b"no photo")
    (source / "CAD" / "02958343" / IDS[2] / "model.obj").write_text("nothing")
    folder = make(tmp_path, source)
    train, test = lists(folder)
    assert [Path(e["img"]).stem for e in train] == ["00002", "00004"] and len(test) == 1
    assert len(load(folder).gallery) == 2
    (source / "Image" / "StanfordCars" / "devkit" / "cars_test_annos.mat").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"cars_test_annos\.mat: not the devkit's annotations"):
        make(tmp_path / "b", source)


def test_refined_annotations_are_read_where_the_first_are_missing(tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    first = source / "Anno3D" / "StanfordCars"
    swapped = {name: IDS[0] for name in TRAIN}
    write_annotations(first, swapped, TEST, "_v2")
    assert len(load(make(tmp_path / "a", source)).gallery) == 3
    for part in ("train", "test"):
        (first / f"{part}_anno.pkl").unlink()
    train, _ = lists(make(tmp_path / "b", source))
    assert {e["model"].split("/")[-2] for e in train} == {IDS[0]}


class Evil:
    def __reduce__(self) -> tuple:
        return print, ("run!",)


def test_a_hostile_pickle_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_source(tmp_path / "source")
    path = source / "Anno3D" / "StanfordCars" / "train_anno.pkl"
    path.write_bytes(pickle.dumps({"a.jpg": Evil()}))
    with pytest.raises(UnsafePickle, match="train_anno"):
        make(tmp_path, source)
    assert "run!" not in capsys.readouterr().out
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match="expected a dict of annotations, found list"):
        make(tmp_path, source)


def write_table(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_a_table_with_and_without_a_split(source: Path, tmp_path: Path) -> None:
    rows = [(f"cars_train/{name}", model) for name, model in TRAIN.items()]
    bare = write_table(tmp_path / "bare.csv",
                       ["image,model", *(f"{image},{model}" for image, model in rows)])
    folder = make(tmp_path / "a", source, annotations=bare)
    facts = read_split_facts(folder)
    assert facts is not None and (facts["name"], facts["whose"]) == (OURS, "ours")
    assert [len(part) for part in lists(folder)] == [3, 1]  # one shape has two photos
    full = [{"image": image, "model": model, "split": "test" if "2" in image else "train"}
            for image, model in rows]
    (tmp_path / "full.json").write_text(json.dumps(full))
    folder = make(tmp_path / "b", source, annotations=tmp_path / "full.json")
    assert [e["img"] for e in lists(folder)[1]] == ["img/cars_train/00002.jpg"]


def test_bad_tables_and_rows_are_named(source: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", ["picture,model", "a.jpg,x"])
    with pytest.raises(DataError, match=r"no column image; expected image, model.*found model, p"):
        make(tmp_path, source, annotations=table)
    good = [f"cars_train/{name},{model},train" for name, model in TRAIN.items()]
    good[0] = good[0].replace(",train", ",test")
    bad = ["../x.jpg,m,train", "cars_train/00001.jpg,again,train", "y.jpg,m,dev", "z.jpg,a/b,test"]
    table = write_table(tmp_path / "u.csv", ["image,model,split", *bad[:1], *good, *bad[1:]])
    assert [len(part) for part in lists(make(tmp_path, source, annotations=table))] == [3, 1]
    table = write_table(tmp_path / "v.csv", ["image,model,split", *bad[2:]])
    with pytest.raises(DataError, match=r"not one can be used, 2 of 2 rows \(first: row 1.*dev"):
        make(tmp_path, source, annotations=table)
    with pytest.raises(MissingSource, match=r"w\.csv: the table of annotations"):
        make(tmp_path, source, annotations=tmp_path / "w.csv")


def test_the_authors_lists_decide(source: Path, tmp_path: Path) -> None:
    for part, names in (("train", ["img/cars_test/00001.jpg"]), ("test", ["cars_train/00004.jpg"])):
        (tmp_path / f"{part}.json").write_text(json.dumps([{"img": name} for name in names]))
    folder = make(tmp_path, source, train_json=tmp_path / "train.json",
                  test_json=tmp_path / "test.json")
    train, test = lists(folder)
    assert [train[0]["img"], test[0]["img"]] == ["img/cars_test/00001.jpg",
                                                 "img/cars_train/00004.jpg"]
    assert len(train) == len(test) == 1


def test_blanks_around_cells_and_a_byte_order_mark_mean_nothing(
    source: Path, tmp_path: Path
) -> None:
    rows = ["image, model , split", f"cars_train/00001.jpg , {IDS[0]}, train ",
            f"cars_test/00001.jpg,{IDS[1]} ,test", ""]
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    folder = make(tmp_path, source, annotations=tmp_path / "t.csv")
    assert [len(part) for part in lists(folder)] == [1, 1]


@pytest.mark.parametrize("text", ["{}", "null", "[1]", "[" * 50_000])
def test_json_that_is_no_table(source: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(DataError, match=r"t\.json: (expected a list of obj|not a readable json)"):
        make(tmp_path, source, annotations=tmp_path / "t.json")


@pytest.mark.parametrize("name", [".", "Anno[1]"])
def test_the_annotations_folder_may_have_any_name(
    source: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir(exist_ok=True)
    write_annotations(tmp_path / name, TRAIN, TEST)
    monkeypatch.chdir(tmp_path)
    folder = make(tmp_path, source, annotations=Path(name))
    assert [len(part) for part in lists(folder)] == [4, 2]


def test_boxes_that_are_no_numbers_are_not_used(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = write_source(tmp_path / "other")
    boxes = {"train": {"00001.jpg": (np.nan, 1, 9, 9), "00002.jpg": (1, 1, np.inf, 9)}}
    write_devkit(other / "Image" / "StanfordCars", boxes)
    facts = read_split_facts(make(tmp_path, other))
    assert facts is not None and facts["masks_from"] == {"box": 2, "whole frame": 4}
    assert "no box, the whole frame is taken: 4 of 6" in caplog.text and "nan" in caplog.text
