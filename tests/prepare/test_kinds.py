"""The class-level data set: class map, split, lists, restart, broken items, contact sheets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from kind_sources import write_photo, write_sources
from PIL import Image
from small_items import folder_hash

from crossmodal.prepare import kinds
from crossmodal.prepare.kinds_lists import Limits, split, split_classes
from crossmodal.prepare.kinds_map import LEFT_OUT, read_map
from crossmodal.prepare.kinds_sources import Shape, read_catalogue, read_folders, read_shapes

LISTS = ("source_train", "source_test", "target_train", "target_test", "target_test_all")


def make(root: Path, options: dict, **more) -> Path:
    return kinds.main(root, size=24, workers=0, **options, **more)


def read(folder: Path, name: str) -> list[tuple[str, int]]:
    lines = (folder / f"{name}.txt").read_text().splitlines()
    return [(path, int(label)) for path, label in (line.split(" ") for line in lines)]


def ids(rows: list[tuple[str, int]]) -> set[str]:
    """Photos and shapes of a list: a view's path without its number."""
    return {path if path.startswith("photo/") else str(Path(path).parent) for path, _ in rows}


def test_lists_have_the_released_format(tmp_path: Path) -> None:
    folder = make(tmp_path / "data", write_sources(tmp_path))
    assert (folder / "classes.txt").read_text() == "lamp\ntable\n"  # one bed is no class
    lists = {name: read(folder, name) for name in LISTS}
    assert all((folder / path).is_file() for rows in lists.values() for path, _ in rows)
    photos = lists["source_train"] + lists["source_test"]
    assert Counter(label for _, label in photos) == {0: 7, 1: 14}
    assert not {"photo/ikea/lamp_1.jpg", "photo/ikea/top.jpg"} & ids(photos)
    for name in LISTS[2:]:
        paths = [path for path, _ in lists[name]]
        labels = [label for _, label in lists[name]]
        for first in range(0, len(paths), 4):  # the views of one shape, in order
            shape = str(Path(paths[first]).parent)
            assert paths[first : first + 4] == [f"{shape}/{view}.png" for view in range(4)]
            assert len(set(labels[first : first + 4])) == 1
    gallery, everything = lists["target_test"], lists["target_test_all"]
    assert everything[: len(gallery)] == gallery and {label for _, label in gallery} == {0, 1}
    rest = everything[len(gallery) :]
    assert ids(rest) == {"view/shapes/cat", "view/shapes/fan"}
    assert {label for _, label in rest} == {-1}
    with Image.open(folder / gallery[0][0]) as view:
        assert view.size == (24, 24) and view.mode == "L"


def test_split_is_disjoint_and_the_same_again(tmp_path: Path) -> None:
    options = write_sources(tmp_path)
    twin = tmp_path / "photos" / "photo"
    (twin / "table_5.jpg").write_bytes((twin / "table_4.jpg").read_bytes())
    folder = make(tmp_path / "data", options)
    lists = {name: ids(read(folder, name)) for name in LISTS}
    assert not lists["source_train"] & lists["source_test"]
    assert not lists["target_train"] & lists["target_test_all"]
    for side in ("source_train", "source_test", "target_train", "target_test"):
        assert {label for _, label in read(folder, side)} == {0, 1}
    groups = [{f"view/shapes/table_{i}" for i in pair} for pair in ((0, 1), (2, 3))]
    groups.append({f"photo/ikea/table_{i}.jpg" for i in (4, 5)})
    for group in groups:  # duplicates, shapes called alike, one picture under two names
        assert sorted(len(group & lists[name]) for name in LISTS[:4]) == [0, 0, 0, 2]
    again = make(tmp_path / "again", options)
    assert folder_hash(again) == folder_hash(folder)


def test_a_second_run_makes_nothing_again(tmp_path: Path) -> None:
    options = write_sources(tmp_path)
    folder = make(tmp_path / "data", options)
    pictures = [*folder.rglob("*.png"), *folder.rglob("*.jpg")]
    times, before = [path.stat().st_mtime_ns for path in pictures], folder_hash(folder)
    pictures[0].unlink()
    make(tmp_path / "data", options)
    assert folder_hash(folder) == before
    assert [path.stat().st_mtime_ns for path in pictures[4:]] == times[4:]
    with pytest.raises(ValueError, match=r"other settings.*count 4, now 2"):
        make(tmp_path / "data", options, views=2)


def test_broken_items_are_named_and_left_out(tmp_path: Path) -> None:
    options = write_sources(tmp_path)
    photo = tmp_path / "photos" / "photo" / "lamp_3.jpg"
    photo.write_bytes(photo.read_bytes()[:300])
    (tmp_path / "folders" / "tables" / "image_2.jpg").unlink()
    (tmp_path / "photos" / "photo" / "table_7.jpg").unlink()
    (tmp_path / "shapes" / "mesh" / "lamp_2.npz").write_bytes(b"no mesh")
    folder = make(tmp_path / "data", options)
    failed = [
        json.loads((folder / kind / "manifest.json").read_text())["failed"]
        for kind in ("photo", "view")
    ]
    assert failed == [["ikea/lamp_3", "ikea/table_7"], ["shapes/lamp_2"]]
    listed = set().union(*(ids(read(folder, name)) for name in LISTS))
    assert not listed & {"photo/ikea/lamp_3.jpg", "photo/ikea/table_7.jpg", "view/shapes/lamp_2"}
    assert len([path for path in listed if "lamp_" in path or "odd" in path]) == 6 + 5


def test_large_photos_shrink_and_small_ones_keep_their_bytes(tmp_path: Path) -> None:
    options = write_sources(tmp_path)
    big = tmp_path / "photos" / "photo" / "table_0.jpg"
    write_photo(big, 77, (900, 600))
    folder = make(tmp_path / "data", options)
    with Image.open(folder / "photo" / "ikea" / "table_0.jpg") as image:
        assert image.size == (384, 256)
    small = tmp_path / "photos" / "photo" / "table_1.jpg"
    assert (folder / "photo" / "ikea" / "table_1.jpg").read_bytes() == small.read_bytes()


def test_photos_are_turned_upright_and_put_on_white(tmp_path: Path) -> None:
    options = write_sources(tmp_path)
    photos = tmp_path / "photos" / "photo"
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned a quarter clockwise
    picture = Image.new("RGB", (900, 600), (0, 0, 200))
    picture.paste((200, 0, 0), (0, 0, 450, 600))
    picture.save(photos / "table_0.jpg", exif=turned)
    Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(photos / "table_1.jpg", "PNG")
    folder = make(tmp_path / "data", options) / "photo" / "ikea"
    with Image.open(folder / "table_0.jpg") as image:
        assert image.size == (256, 384) and image.getexif().get(0x0112, 1) == 1
        above, below = image.getpixel((128, 60)), image.getpixel((128, 320))
        assert above[0] > 150 > below[0] and below[2] > 150 > above[2]
    with Image.open(folder / "table_1.jpg") as image:
        assert image.format == "JPEG" and image.getpixel((20, 15)) == (255, 255, 255)


def test_summary_and_contact_sheets(tmp_path: Path) -> None:
    folder = make(tmp_path / "data", write_sources(tmp_path), contact_sheet=True)
    about = json.loads((folder / "kinds.json").read_text())
    assert about["classes"]["table"] == {
        "train_photos": 10,
        "test_photos": 4,
        "train_shapes": 3,
        "gallery_shapes": 3,
    }
    assert about["distractors"] == 2 and about["settings"]["limits"]["train_photos"] == 80
    assert about["shapes"]["shapes/odd"] == {"name": "Thing", "credit": "Ada, CC0"}
    sheets = {}
    for path in (folder / "contact").glob("*.png"):
        with Image.open(path) as sheet:
            sheets[path.stem] = np.asarray(sheet.convert("RGB"))
    assert set(sheets) == {"bed", "lamp", "table", "distractors"}
    assert len(sheets["table"]) == 2 * len(sheets["distractors"])  # 26 and 2 tiles, 14 a row
    frames = {"lamp": ([0, 128, 0], [255, 0, 0]), "bed": ([192, 192, 192],)}
    for name, colours in frames.items():
        assert sheets[name][0, 5].tolist() in colours


def test_a_split_keeps_families_together_and_within_limits() -> None:
    families = {f"s{i}": f"family {i // 3}" for i in range(30)}
    parts = split(families, 0.5, (99, 99))
    assert len(parts.train) == 15 and len(parts.test) == 15
    assert not {families[i] for i in parts.train} & {families[i] for i in parts.test}
    assert split(dict(reversed(families.items())), 0.5, (99, 99)) == parts
    short = split(families, 0.5, (4, 2))
    assert short.train == parts.train[:4] and short.test == parts.test[:2]


def test_class_map_prefers_ids_and_long_rules(tmp_path: Path) -> None:
    options = write_sources(tmp_path)
    rules = read_map(options["class_map"])
    named = {
        "Desk": "table",
        "desk LAMP, black": "lamp",
        "Bar table": LEFT_OUT,
        "Table fan": None,
        "Tablet": None,
        "Cat": None,
    }
    for name, expected in named.items():
        assert rules.shape(Shape("x", "s", name, tmp_path, "x")) == expected
    assert rules.shape(Shape("odd", "s", "Bar table", tmp_path, "x")) == "lamp"
    with pytest.raises(ValueError, match=r"shape x, called 'Lamp table', is of lamp and table"):
        rules.shape(Shape("x", "s", "Lamp table", tmp_path, "x"))
    photos = {photo.id: rules.photo(photo) for photo in read_catalogue(options["photos_ikea"])}
    assert (photos["ikea/lamp_0"], photos["ikea/lamp_1"]) == ("lamp", LEFT_OUT)
    assert (photos["ikea/top"], photos["ikea/table_0"]) == (LEFT_OUT, "table")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("classes: {a: {shapes: [box]}, b: {shapes: [box]}}", "'box' is in a and in b"),
        ("classes: {a: {shape: [box]}}", "a has 'shape'; known: photos"),
        ("kinds: {}", "KeyError"),
        ("classes: [", "line 1, column 11: expected"),
    ],
)
def test_bad_class_maps_are_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"map\.yaml: not a class map.*{reason}"):
        read_map(tmp_path / "map.yaml")


def test_bad_sources_are_named(tmp_path: Path) -> None:
    options = write_sources(tmp_path)
    with pytest.raises(ValueError, match="no photos: give --photos-ikea"):
        kinds.main(tmp_path / "data", shapes=options["shapes"])
    with pytest.raises(ValueError, match=r"labels\.json: not a readable json file.*catalogue"):
        make(tmp_path / "data", {**options, "photos_ikea": tmp_path})
    with pytest.raises(ValueError, match=r"meta\.json: not a readable json file.*meshes again"):
        make(tmp_path / "data", {**options, "shapes": [tmp_path]})
    with pytest.raises(ValueError, match=r"shape table_0 is both .*table_0\.npz and"):
        make(tmp_path / "data", {**options, "shapes": options["shapes"] * 2})
    with pytest.raises(ValueError, match="no class has 50 photos and 50 shapes"):
        make(tmp_path / "data", options, limits=Limits(minimum=50))
    write_photo(tmp_path / "folders" / "tables" / "a b.jpg", 1)
    with pytest.raises(ValueError, match=r"names have spaces \(first: 'caltech/tables/a b'\)"):
        make(tmp_path / "data", options)


def test_the_class_map_fits_the_collections(shared_data: Path) -> None:
    data = shared_data / "data"
    folders = [data / name for name in ("sweethome3d", "ikea", "flightgear_aircraft", "torcs_cars")]
    for folder in [*folders, data / "ikea_photos", data / "caltech101_subset"]:
        if not folder.is_dir():
            pytest.skip(f"{folder}: not there")
    rules = read_map()
    photos = read_catalogue(data / "ikea_photos") + read_folders(data / "caltech101_subset")
    shapes = read_shapes(folders)
    assert rules.idle(photos, shapes) == []
    photos = [photo for photo in photos if rules.photo(photo) not in (None, LEFT_OUT)]
    shapes = [shape for shape in shapes if rules.shape(shape) != LEFT_OUT]
    sound = {photo.id for photo in photos} | {shape.key for shape in shapes}
    found = kinds.by_class(rules, photos, shapes, sound)
    limits = Limits()
    parts = split_classes(found, limits)
    assert list(parts) == rules.classes and len(parts) >= 12
    for name, (of_photos, of_shapes) in parts.items():
        assert min(len(found.photos[name]), len(found.shapes[name])) >= limits.minimum
        assert len(of_photos.train) <= limits.train_photos and len(of_photos.test) >= 2
        assert len(of_shapes.train) >= 3 and len(of_shapes.test) >= 3
        for part, families in ((of_photos, found.photos[name]), (of_shapes, found.shapes[name])):
            assert not {families[i] for i in part.train} & {families[i] for i in part.test}
