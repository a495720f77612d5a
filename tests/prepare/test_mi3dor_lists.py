"""The owners' lists of MI3DOR: what their paths are relative to, odd lines, shapes on one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from owner_copies import SMALL, chair, loaded, mi3dor_by_kind, mi3dor_files, obj_bytes, write_files

from crossmodal.data.errors import DataError
from crossmodal.data.image_lists import read_items
from crossmodal.prepare import mi3dor
from crossmodal.prepare.mi3dor_source import CLASSES


@pytest.fixture(autouse=True)
def three_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLASSES, 1, SMALL)


def make(source: Path, root: Path, **options) -> Path:
    return mi3dor.main(source, root, workers=0, **options)


def test_lists_beside_the_folders_and_views_in_a_row(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    names = {"train": ("list_rgb_train.txt", "list_view_train_4views.txt")}
    names["test"] = ("list_source_test.txt", "list_target_test.txt")
    order = ["flower_pot", "airplane", "bed"]  # labels of another order, counted from 1
    for side, (photos, views) in names.items():
        lines: dict[str, list[str]] = {photos: [], views: []}
        for path, content in mi3dor_files(SMALL, side, views=4).items():
            kind, _, name, *rest = path.split("/")
            flat = "/".join([kind, side, name.replace("_", " "), rest[-1]])  # no folder a shape
            write_files(copy, {flat: content})
            label = order.index(name) + 1
            windows = flat.replace("/", "\\")
            far = f"/home/somebody/MI3DOR/{flat}" if side == "train" else windows
            lines[photos if kind == "image" else views].append(f"{far} {label}")
        for name, text in lines.items():
            write_files(copy, {name: ("\ufeff" + "\r\n".join(text) + "\r\n\r\n").encode()})
    folder = make(copy, tmp_path)
    domains, queries, gallery = loaded(tmp_path)
    assert domains.classes == order and [item.label for item in gallery] == [1, 2, 0]
    assert len(queries) == 6 and all(len(item.files) == 4 for item in domains.target)
    for item in (*queries, *gallery):
        assert order[item.label].replace("_", " ") in item.files[0]
    assert json.loads((folder / "split.json").read_text())["labels_from"]["target_test"] == "list"


@pytest.mark.parametrize("named", ["", "/any.off", "/{shape}_7.png"])
def test_a_shape_is_named_by_its_folder_or_a_file_in_it(
    tmp_path: Path, named: str
) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    shapes = [f"{name}/{name}_test_0001" for name in SMALL]
    lines = [
        f"{shape}{named.format(shape=Path(shape).name)} {label}"
        for label, shape in enumerate(shapes)
    ]
    write_files(copy, {"list_view_test.txt": "\n".join(lines).encode()})
    folder = make(copy, tmp_path)
    listed = (folder / "target_test.txt").read_text()
    (folder / "target_test.txt").unlink()
    (copy / "list_view_test.txt").unlink()
    assert (make(copy, tmp_path) / "target_test.txt").read_text() == listed


def test_a_list_may_name_meshes(tmp_path: Path) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    lines = []
    for label, name in enumerate(SMALL):
        write_files(copy, {f"test/3D/{name}/a.obj": obj_bytes(chair(), lambda corners: corners)})
        lines.append(f"{name}/a.obj {label}")
    write_files(copy, {"test/3D/labels.txt": "\n".join(lines).encode()})
    folder = make(copy, tmp_path, size=24, views=2)
    lines = (folder / "target_test.txt").read_text().splitlines()
    assert lines[:2] == ["view/test/3D/airplane/a/0.png 0", "view/test/3D/airplane/a/1.png 0"]
    assert len(lines) == 2 * 3 and len(read_items(folder / "target_test.txt", 2)) == 3


def test_odd_lines_of_lists(tmp_path: Path) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    listed = [p.relative_to(copy).as_posix() for p in sorted((copy / "image/test").rglob("*.jpg"))]
    label = {name: number for number, name in enumerate(SMALL)}
    lines = [f"{name} {label[name.split('/')[2]]}" for name in listed]
    path = copy / "list_source_test.txt"
    path.write_text("\n".join([*lines, lines[0], "image/test/bed/gone.jpg 1"]) + "\n")
    folder = make(copy, tmp_path)
    stored = json.loads((folder / "manifest.json").read_text())
    assert stored["failed"] == ["source_test/image/test/bed/gone.jpg"]
    assert len(loaded(tmp_path)[1]) == 6  # a photo that comes again is kept once
    for text, complaint in (
        ("image/test/bed/bed_0.jpg", r"list_source_test\.txt, line 1: expected \"path label\""),
        ("image/test/bed/bed_0.jpg 3", "label 3 in the lists, but there are 3 classes"),
        ("nowhere/a.jpg 0", "none of its files is there"),
        ("image/test/bed/bed_0.jpg 0\nimage/test/bed/bed_1.jpg 1", "several labels.*class bed"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=complaint):
            make(copy, tmp_path)


def test_blanks_of_any_kind_part_path_and_label(tmp_path: Path) -> None:
    copy = mi3dor_by_kind(tmp_path / "copy", SMALL)
    lines = []
    for label, name in enumerate(SMALL):
        (copy / f"image/test/{name}/{name}_0.jpg").rename(copy / f"image/test/{name}/a b.jpg")
        lines += [f"{name}/a b.jpg\t{label} \t", f"{name}/{name}_1.jpg   {label}"]
    path = copy / "list_source_test.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, "", ""]).encode())
    make(copy, tmp_path)
    assert len(loaded(tmp_path)[1]) == 6
    for line in ("1", "a\0b.jpg 1", "x" * 300 + ".jpg 1"):
        path.write_text("\n".join([*lines, line]))
        with pytest.raises(DataError, match=r"test\.txt, line 7: expected \"path label"):
            make(copy, tmp_path)
