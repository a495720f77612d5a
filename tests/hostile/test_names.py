"""Names that files and arguments give: none makes a program read, write or remove elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from crossmodal.config import DataConfig
from crossmodal.data.dataset import find_library
from crossmodal.data.image_lists import read_items
from crossmodal.data.records import ShapeKey, read_list
from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare import category_lists, generate, ikea, own_library, prepared_copy
from crossmodal.prepare.car_annotations import read_annotations
from crossmodal.prepare.comp_cars import label_box
from crossmodal.prepare.instance_options import Options
from crossmodal.prepare.instance_set import InstanceSet, build
from crossmodal.prepare.kinds_map import read_map
from crossmodal.prepare.kinds_sources import read_catalogue, read_shapes
from crossmodal.prepare.manifest import Manifest
from crossmodal.prepare.mi3dor_lists import read_list as read_owners_list
from crossmodal.prepare.output import own_place
from crossmodal.prepare.photo_store import Photo
from crossmodal.prepare.pix3d_source import read_entries
from crossmodal.prepare.render_views import render_items
from crossmodal.prepare.runner import Item
from crossmodal.prepare.splits import Split
from crossmodal.retrieval.gallery import Gallery, open_gallery, save_gallery
from crossmodal.retrieval.library import read_views
from crossmodal.retrieval.shape_distance import ShapeFiles
from crossmodal.runtime.inside import inside, plain_name

OUT = ["../x", "a/../../x", "/etc/hostname", "\\x", "C:\\x", "C:x", "..\\x", "..", "a\0b",
       "x" * 5000]
NO_FILE = ["", "aux", "con.obj", "a\nb"]
NO_TEXT: list[Any] = [None, 7, True, ["a"], {"a": 1}]
ALL = [*OUT, *NO_FILE, *NO_TEXT]
Read = Callable[[Path, Any], Any]


def write(path: Path, content: Any) -> Path:
    """A file of text, or of json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def instance_list(key: str) -> Read:
    good = {"img": "img/1.jpg", "mask": "mask/1.png", "category": "bed", "model": "m/bed/a/x.obj"}
    return lambda folder, name: read_list(write(folder / "x.json", [{**good, key: name}]))


def manifest(record: Callable[[Any], Any], redo: bool) -> Read:
    def read(folder: Path, name: Any) -> None:
        items = {"a": {"status": "done", "source": "x", **record(name)}}
        write(folder / "manifest.json", {"program": "p", "settings": {}, "items": items})
        Manifest.open(folder, "p", {}, redo)

    return read


def gallery(change: Callable[[Any], Mapping[str, Any]]) -> Read:
    def read(folder: Path, name: Any) -> None:
        path = save_gallery(Gallery(["a"], ["c"], ["x"], np.ones((1, 1, 2)), "m"), folder)
        write(path, {**json.loads(path.read_text()), **change(name)})
        open_gallery(folder)

    return read


def pix3d(key: str) -> Read:
    good = {"img": "img/bed/1.png", "mask": "mask/1.png", "category": "bed", "model": "m/a/x.obj"}
    return lambda folder, name: read_entries(write(folder / "p.json", [{**good, key: name}]))


def cars(key: str) -> Read:
    good = {"image": "a/1.jpg", "model": "a"}
    return lambda folder, name: read_annotations(
        write(folder / "t.json", [{**good, key: name}]), {})


def prepared(folder: Path, name: Any) -> None:
    record = {"id": name, "name": "n", "category": "c", "creator": "x", "license": "y"}
    prepared_copy.read_prepared(write(folder / "meta.json", [record]).parent)


def shape(folder: Path, name: Any) -> None:
    read_shapes([write(folder / "meta.json", [{"id": name, "category": "c"}]).parent])


def drawing(folder: Path, name: Any) -> None:
    ikea.read_drawings(write(folder / "meta.json", {"shapes": {name: {"category": "c"}}}).parent)


def labelled(folder: Path, name: Any) -> None:
    labels = {name: {"type": "t", "category": "c"}}
    read_catalogue(write(folder / "labels.json", labels).parent)


def class_map(folder: Path, name: Any) -> None:
    read_map(write(folder / "map.yaml", {"classes": {name: {"photos": ["a"]}}}))


def category_list(folder: Path, name: Any) -> None:
    read_items(write(folder / "lists" / "x.txt", f"{name} 1\n"))


def owners_list(folder: Path, name: Any) -> None:
    (folder / "copy" / "bed").mkdir(parents=True, exist_ok=True)
    (folder / "copy" / "bed" / "1.jpg").touch()
    path = write(folder / "copy" / "l.txt", f"bed/1.jpg 0\n{name} 1\n")
    found = read_owners_list(path, folder / "copy", "source_train")
    if found.lines == [("bed/1.jpg", 0)]:
        raise ValueError("left out, which a warning says")


READERS: dict[str, tuple[Read, list[Any]]] = {
    **{f"list, {key}": (instance_list(key), ALL) for key in ("img", "category", "model")},
    "list, mask": (instance_list("mask"), [n for n in ALL if n not in ("", None)]),
    "manifest, file": (manifest(lambda name: {"files": [name]}, redo=False), ALL),
    "manifest, file, redo": (manifest(lambda name: {"files": [name]}, redo=True), ALL),
    "manifest, files": (manifest(lambda name: {"files": name}, redo=True), ["a", None, 7, {}]),
    "gallery, tokens": (gallery(lambda name: {"tokens": name}), ALL),
    "gallery, ids": (gallery(lambda name: {"ids": [name]}),
                     [name for name in ALL if name not in ("aux", "con.obj")]),
    "pix3d, img": (pix3d("img"), ALL), "pix3d, mask": (pix3d("mask"), ALL),
    "pix3d, category": (pix3d("category"), ALL), "pix3d, model": (pix3d("model"), ALL),
    "cars, image": (cars("image"), ALL), "cars, model": (cars("model"), ALL),
    "prepared copy": (prepared, ALL), "shapes": (shape, ALL),
    "drawings": (drawing, [*OUT, *NO_FILE]), "photo labels": (labelled, [*OUT, *NO_FILE]),
    "class map": (class_map, [*OUT, *NO_FILE]),
    "category list": (category_list, ["/etc/hostname", "../../x", "a/../../../x", "a\0b",
                                      "x" * 5000]),
    "owners' list": (owners_list, ["../x", "a/../../x", "../../etc/hostname"]),
    "box of a car": (lambda folder, name: label_box(folder, name), ["a\0b.jpg"]),
    "argument --name": (lambda folder, name: generate.main(folder, name), ALL),
    "own library, --name": (lambda folder, name: own_library.main(folder, folder, name), ALL),
    "category lists, --output": (
        lambda folder, name: category_lists.main(folder, output=name), ALL),
    "data set's name": (lambda folder, name: build(InstanceSet(
        name, {"a": Photo(folder / "a.jpg", "c/s")}, {}, Split("s", "ours", "", ["a"], ["a"])),
        folder, Options()), ALL),
    "own place": (own_place, ALL), "inside": (inside, ALL),
    "plain name": (lambda folder, name: plain_name(name), [*ALL, "a/b"]),
}
CASES = [pytest.param(read, name, id=f"{what}: {str(name)[:20]!r}")
         for what, (read, names) in READERS.items() for name in names]


@pytest.mark.parametrize(("read", "name"), CASES)
def test_no_reader_takes_a_name_that_leads_elsewhere(
        tmp_path: Path, read: Read, name: Any) -> None:
    folder = tmp_path / "folder" / "in" / "it"
    folder.mkdir(parents=True)
    victims = [tmp_path / "folder" / "x", tmp_path / "folder" / "in" / "x"]
    for victim in victims:
        victim.write_text("precious")
    with pytest.raises((ValueError, OSError)) as caught:
        read(folder, name)
    assert len(str(caught.value)) < 800 + 3 * len(str(folder)) and "\n" not in str(caught.value)
    assert all(victim.read_text() == "precious" for victim in victims)
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"in", "x"}


@pytest.mark.parametrize("name", [name for name in (*OUT, *NO_FILE, "a/../b", "link/b", "linked")
                                  if name.strip(".")])
def test_an_item_of_such_a_name_costs_itself(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "mesh.npz", v=np.eye(3, dtype=np.float32), f=np.array([[0, 1, 2]]))
    out, outside = tmp_path / "deep" / "out", tmp_path / "outside"
    out.mkdir(parents=True)
    outside.mkdir()
    (out / "link").symlink_to(outside)
    (outside / "linked.npy").write_text("precious")
    (out / "linked.npy").symlink_to(outside / "linked.npy")
    items = {key: Item(tmp_path / "mesh.npz") for key in ("good", name)}
    render_items(items, out, ViewSettings(count=1, size=8), workers=0)
    records = json.loads((out / "manifest.json").read_text())["items"]
    assert (out / "good.npy").is_file() and records["good"]["status"] == "done"
    assert records[name]["status"] == "failed" and "name" in records[name]["error"]
    assert (outside / "linked.npy").read_text() == "precious"
    assert [path.name for path in outside.iterdir()] == ["linked.npy"]
    assert {path.name for path in tmp_path.iterdir()} == {"mesh.npz", "deep", "outside"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"out"}


@pytest.mark.parametrize("name", OUT)
def test_views_points_and_libraries_of_such_a_name_are_not_read(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / "x.npy", tmp_path / "a" / "x.npy"):
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.zeros((1, 8, 8), np.uint8))
    with pytest.raises(ValueError):
        read_views(tmp_path / "a", name, ViewSettings(count=1, size=8))
    assert ShapeFiles(tmp_path / "a").points(ShapeKey("..", name)) is None
    (tmp_path / "lib").mkdir()
    data = DataConfig(root=str(tmp_path), library="lib", library_views="{category}")
    with pytest.raises(ValueError):
        find_library(data, [name])


def test_what_refuses_an_entry_keeps_its_neighbours(tmp_path: Path) -> None:
    record = {"name": "n", "category": "c", "creator": "x", "license": "y"}
    write(tmp_path / "meta.json", [{**record, "id": name} for name in (*ALL, "good")])
    assert [piece.id for piece in prepared_copy.read_prepared(tmp_path)] == ["good"]
    write(tmp_path / "meta.json", {"shapes": {name: record for name in (*OUT, "good")}})
    assert [piece.id for piece in ikea.read_drawings(tmp_path)] == ["good"]
    assert [shape.id for shape in read_shapes([tmp_path])] == ["good"]
