"""MI3DOR: the layouts of copies, odd pictures, meshes, restart, broken and missing items."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from owner_copies import (
    MI3DOR_LABELS,
    SMALL,
    chair,
    loaded,
    mi3dor_2,
    mi3dor_by_kind,
    mi3dor_by_side,
    obj_bytes,
    off_bytes,
    picture,
    write_files,
)
from PIL import Image
from small_items import folder_hash

from crossmodal.data.errors import DataError
from crossmodal.data.image_lists import read_items
from crossmodal.data.images import read_rgb
from crossmodal.prepare import mi3dor, picture_items
from crossmodal.prepare.mi3dor_source import CLASSES
from crossmodal.prepare.source_check import MissingSource


@pytest.fixture
def three_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """MI3DOR-1 with three classes: copies are made faster."""
    monkeypatch.setitem(CLASSES, 1, SMALL)


def make(source: Path, root: Path, **options) -> Path:
    return mi3dor.main(source, root, workers=0, **options)


def views_of(root: Path, part: str = "target_test") -> dict[str, list[str]]:
    """{shape's folder: names of its views} of a list."""
    items = read_items(root / "mi3dor1" / f"{part}.txt", 4)
    return {Path(item.files[0]).parent.name: [Path(f).stem for f in item.files] for item in items}


@pytest.mark.parametrize("copy", [mi3dor_by_kind, mi3dor_by_side])
def test_training_and_test_read_mi3dor_1(tmp_path: Path, copy) -> None:
    folder = make(copy(tmp_path / "copies" / "MI3DOR").parent, tmp_path / "data")
    domains, queries, gallery = loaded(tmp_path / "data")
    assert domains.classes == CLASSES[1] and len(domains.source) == len(queries) == 2 * 21
    assert [item.label for item in gallery] == list(range(21))
    assert all(item.label is None and len(item.files) == 4 for item in domains.target)
    assert len(domains.target) == 21
    stems = [name.rsplit("_", 1)[1] for name in views_of(tmp_path / "data")["tent_test_0001"]]
    assert stems == ["1", "4", "7", "10"]  # in the order of the numbers, evenly spaced
    for item in queries:
        assert item.label == MI3DOR_LABELS[Path(item.files[0]).parent.name]
    assert not list(folder.rglob("*.png")) and not list(folder.rglob("*.jpg"))  # not copied
    facts = json.loads((folder / "split.json").read_text())
    assert facts["whose"] == "owners" and facts["items"]["target_test"] == {"kept": 21, "of": 21}
    assert json.loads((folder / "manifest.json").read_text())["about"]["split"] == facts


def test_training_and_test_read_mi3dor_2(tmp_path: Path) -> None:
    make(mi3dor_2(tmp_path / "MI3DOR-2"), tmp_path / "data", number=2)
    domains, queries, gallery = loaded(tmp_path / "data", "mi3dor2")
    assert domains.classes == CLASSES[2] and len(queries) == len(gallery) == 40
    assert len(domains.target) == 40 and len(domains.target[0].files) == 4
    with pytest.raises(DataError, match="label 21 in the lists.*--set"):
        make(tmp_path / "MI3DOR-2", tmp_path / "data")  # as MI3DOR-1


def test_again_gives_the_same_bytes_and_looks_at_nothing_twice(
    tmp_path: Path, three_classes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    folder = make(copy, tmp_path / "data")
    before = folder_hash(folder)
    assert folder_hash(make(copy, tmp_path / "other")) == before
    seen: list[Path] = []
    monkeypatch.setattr(picture_items, "read_rgb", lambda path, least: seen.append(path))
    make(copy, tmp_path / "data")
    assert folder_hash(folder) == before and not seen
    (copy / "image" / "test" / "bed" / "bed_0.jpg").write_bytes(picture(3, size=(9, 9)))
    make(copy, tmp_path / "data", views=6)
    assert len(seen) == 1 + 2 * 3 * 6  # the changed photo, and other views of every shape
    assert len(read_items(folder / "target_train.txt", 6)) == 3


def test_broken_items_are_named_and_left_out(
    tmp_path: Path, three_classes: None, caplog: pytest.LogCaptureFixture
) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    write_files(copy, {"image/train/bed/torn.jpg": picture(size=(90, 90))[:200]})
    for number, name in enumerate(("second", "third"), 2):
        for view in range(1, 13):
            path = f"view/test/bed/{name}/{name}_{view}.png"
            write_files(copy, {path: picture(9, "PNG")})
        (copy / path).unlink() if number == 2 else (copy / path).write_bytes(b"")
    write_files(copy, {"view/test/bed/third/third_4.png": b"not a picture"})
    logging.getLogger("crossmodal").addHandler(caplog.handler)
    folder = make(copy, tmp_path)
    logging.getLogger("crossmodal").removeHandler(caplog.handler)
    stored = json.loads((folder / "manifest.json").read_text())
    assert stored["failed"] == [
        "source_train/image/train/bed/torn.jpg",
        "target_test/view/test/bed/second/second_1.png",
        "target_test/view/test/bed/third/third_1.png",
    ]
    errors = [stored["items"][key]["error"] for key in stored["failed"]]
    assert "11 views, the other shapes have 12" in errors[1] and "third_4.png" in errors[2]
    assert "3 of 21 items failed" in caplog.text and "3 items are left out" in caplog.text
    domains, _, gallery = loaded(tmp_path)
    assert len(domains.source) == 6 and len(gallery) == 3


def test_odd_pictures_are_read_where_they_are(tmp_path: Path, three_classes: None) -> None:
    copy = mi3dor_by_kind(tmp_path / "Drei Körbe 2", SMALL)
    turned = Image.Exif()
    turned[0x0112] = 6
    place = copy / "image" / "test" / "flower_pot"
    Image.new("RGB", (8, 4), "red").save(place / "turned.JPG", exif=turned)
    files = {
        "gray.jpeg": picture(40, mode="L"),
        "see-through.png": picture(40, "PNG", "RGBA"),
        "palette.gif": picture(40, "GIF", "P"),
        "花盆 3.png": picture(40, "PNG", "P"),
        "huge.jpg": picture(40, size=(8000, 300)),
        ".hidden.jpg": b"",
        "notes.txt": b"",
    }
    for name, content in files.items():
        (place / name).write_bytes(content)
    place.rename(place.with_name("Flower pot"))
    (copy / "image" / "test" / "flower_pot").mkdir()
    (copy / "image" / "test" / "flower_pot" / "late.jpg").write_bytes(picture())
    make(copy, tmp_path)
    _, queries, _ = loaded(tmp_path)
    found = {Path(q.files[0]).name: q for q in queries if q.label == SMALL.index("flower_pot")}
    odd = {"turned.JPG", "huge.jpg", "gray.jpeg", "see-through.png", "palette.gif", "花盆 3.png"}
    assert set(found) == {*odd, "late.jpg", "flower_pot_0.jpg", "flower_pot_1.jpg"}
    assert read_rgb(found["turned.JPG"].files[0]).shape == (8, 4, 3)


def test_meshes_are_rendered_where_there_is_no_picture(tmp_path: Path, three_classes: None) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    shutil.rmtree(copy / "view" / "test")
    text = obj_bytes(chair(), lambda corners: corners)
    for name in SMALL:
        write_files(copy, {f"model/test/{name}/{name}_test_0001.obj": text})
    write_files(copy, {"model/test/bed/bed_test_0002.obj": b"", "model/train/bed/unused.obj": b""})
    write_files(copy, {"model/test/bed/bed_test_0003.off": off_bytes(chair())})
    folder = make(copy, tmp_path, size=24)
    assert views_of(tmp_path)["bed_test_0001"] == ["0", "1", "2", "3"]
    stored = json.loads((folder / "view" / "manifest.json").read_text())
    assert stored["failed"] == ["model/test/bed/bed_test_0002"] and len(stored["items"]) == 5
    assert len(loaded(tmp_path)[2]) == 4
    with Image.open(folder / "view/model/test/bed/bed_test_0001/0.png") as first:
        upright = np.asarray(first)
    with Image.open(folder / "view/model/test/bed/bed_test_0003/0.png") as first:
        assert np.abs(upright.astype(int) - np.asarray(first)).mean() < 1  # z is up in .off files
    lying = make(copy, tmp_path / "lying", size=24, up="z")
    with Image.open(lying / "view/model/test/bed/bed_test_0001/0.png") as first:
        assert np.abs(upright.astype(int) - np.asarray(first)).mean() > 3


def test_what_is_missing_is_said_at_once(tmp_path: Path, three_classes: None) -> None:
    with pytest.raises(MissingSource) as missing:
        make(tmp_path / "absent", tmp_path)
    text = str(missing.value)
    whats = ("training photos", "training shapes", "test photos", "test shapes")
    assert all(what in text for what in whats) and "github.com/tianbao-li/MI3DOR" in text
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    shutil.rmtree(copy / "view" / "test" / "bed")
    shutil.rmtree(copy / "image" / "train" / "airplane")
    with pytest.raises(MissingSource, match=r"source_train of airplane;(.|\n)*target_test of bed"):
        make(copy, tmp_path)
    (copy / "image" / "test" / "teapot").mkdir()
    with pytest.raises(DataError, match=r"no such class: 1 of 4 folders \(first: teapot\)"):
        make(copy, tmp_path)
    shutil.rmtree(copy / "view")
    with pytest.raises(MissingSource, match=r"view/train/CLASS/.*the training shapes"):
        make(copy, tmp_path)
    assert not (tmp_path / "mi3dor1").exists()


def test_too_few_views(tmp_path: Path, three_classes: None) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    with pytest.raises(DataError, match="13 views are wanted of each shape"):
        make(copy, tmp_path, views=13)


def test_meshes_with_names_that_lists_cannot_hold_and_in_two_formats(
    tmp_path: Path, three_classes: None
) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    shutil.rmtree(copy / "view" / "test")
    obj, off = obj_bytes(chair(), lambda corners: corners), off_bytes([chair()[0]])
    for name in SMALL:
        write_files(copy, {f"model/test/{name}/a.obj": obj, f"model/test/{name}/a.off": off})
    for odd in (b"two\nlines.off", b"st\xfchl.off"):
        path = os.fsencode(copy / "model" / "test" / "bed") + b"/" + odd
        Path(os.fsdecode(path)).write_bytes(off)
    folder = make(copy, tmp_path, size=24)
    assert len(read_items(folder / "target_test.txt", 4)) == 3
    stored = json.loads((folder / "view" / "manifest.json").read_text(encoding="utf-8"))
    assert [Path(key).name for key in stored["failed"]] == ["st\udcfchl", "two\nlines"]
    assert all("cannot stand in a list" in stored["items"][key]["error"]
               for key in stored["failed"])
