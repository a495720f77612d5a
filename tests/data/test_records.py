"""Lists are read as the authors write them; every mistake in them is named."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_data import Tiny

from crossmodal.data.dataset import InstanceDataset, library_folder, open_library
from crossmodal.data.errors import DataError, SampleError
from crossmodal.data.records import QueryRecord, ShapeKey, read_list
from crossmodal.data.validation_split import split
from crossmodal.data.views import open_views


def entry(**changes: Any) -> dict:
    return {"img": "img/a.jpg", "mask": "mask/a/1.png", "category": "bed",
            "model": "model/bed/IKEA_1/model.obj", **changes}


def listed(folder: Path, *items: Any) -> Path:
    path = folder / "x_train.json"
    path.write_text(json.dumps(items))
    return path


def test_a_record(tmp_path: Path) -> None:
    path = listed(tmp_path, entry(bbox=[1, 2, 3, 4]), entry(img="b.jpg", mask=None))
    first, second = read_list(path)
    assert first.shape == ShapeKey("bed", "IKEA_1") and first.category == "bed"
    assert first.id == "img/a.jpg" and first.image == str(tmp_path / "img/a.jpg")
    assert first.mask == str(tmp_path / "mask/a/1.png") and second.mask is None
    assert read_list(path, "mask_ocrnet")[0].mask == str(tmp_path / "mask_ocrnet/a/1.png")


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([], ["non-empty"]),
        ([["img"]], ["entry 0"]),
        ([entry(), entry(img="b", category=3)], ["entry 1", "category"]),
        ([{"img": "a"}], ["entry 0", "category"]),
        ([entry(model="model.obj")], ["entry 0", "model.obj"]),
        ([entry(mask=4)], ["entry 0", "mask"]),
        ([entry(), entry(img="b"), entry()], ["entries 0 and 2", "img/a.jpg", "remove"]),
    ],
)
def test_bad_lists(tmp_path: Path, items: list, words: list) -> None:
    path = listed(tmp_path, *items)
    with pytest.raises(DataError) as error:
        read_list(path)
    assert all(word in str(error.value) for word in [str(path), *words])


def test_lists_that_are_no_lists(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(DataError, match="no such list.*prepare"):
        read_list(path)
    for text in ("{", "", '{"img": 1}', "\xff"):
        path.write_bytes(text.encode("latin1"))
        with pytest.raises(DataError, match="x.json"):
            read_list(path)


def test_the_data_set(tiny: Tiny) -> None:
    found = InstanceDataset.load(tiny.data)
    assert (len(found.train), len(found.validation), len(found.test)) == (18, 2, 7)
    assert found.categories == ["bed", "chair", "sofa"]
    assert len(found.gallery) == 9 and found.gallery == sorted(found.gallery)
    assert set(found.train_shapes) == {r.shape for r in found.train}
    assert found.views[found.gallery[0]].shape == (3, 24, 24)
    assert InstanceDataset.load(tiny.data) .train == found.train


def test_as_released_only_training_masks_come_from_mask_dir(
        make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    shutil.copytree(tiny.folder / "mask", tiny.folder / "other")
    for lists, expected in (("both", "other"), ("train", "mask")):
        found = InstanceDataset.load(tiny.config("mask_dir=other", f"mask_dir_lists={lists}"))
        assert {Path(r.mask or "").parent.name for r in found.train + found.validation} == {"other"}
        assert {Path(r.mask or "").parent.name for r in found.test} == {expected}


def test_as_released_the_test_set_validates(tiny: Tiny) -> None:
    paper = InstanceDataset.load(tiny.data)
    found = InstanceDataset.load(tiny.config("validation_from=test", "validation_fraction=0"))
    assert found.validation == found.test == paper.test
    assert len(found.train) == len(paper.train + paper.validation)
    assert not {r.id for r in paper.validation} & {r.id for r in paper.test}


def test_shapes_of_a_kind_that_no_query_shows_are_in_the_gallery(
        make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    lamp = tiny.folder / "rendering_tiny" / "lamp" / "lamp_0.npy"
    lamp.parent.mkdir()
    np.save(lamp, np.zeros((3, 24, 24), np.uint8))
    assert ShapeKey("lamp", "lamp_0") in InstanceDataset.load(tiny.data).gallery
    allowed = tiny.config("categories=[bed, chair, sofa]")
    assert len(InstanceDataset.load(allowed).gallery) == 9


def test_a_pickle_is_the_same_data_set(tiny: Tiny, make_tiny: Callable[..., Tiny]) -> None:
    folder, pickled = InstanceDataset.load(tiny.data), InstanceDataset.load(make_tiny(True).data)
    assert folder.gallery == pickled.gallery
    for key in folder.gallery:
        assert np.array_equal(folder.views[key], pickled.views[key])
    again = pickle.loads(pickle.dumps(pickled.views))  # noqa: S301 - our own, as to a worker
    assert np.array_equal(again[key], folder.views[key])
    assert len(pickle.dumps(pickled.views)) < 5000


def break_list(tiny: Tiny, **changes: Any) -> None:
    path = tiny.folder / "tiny_train.json"
    items = json.loads(path.read_text())
    items[3].update(changes)
    path.write_text(json.dumps(items))


@pytest.mark.parametrize("shape", [(1, 1, 300_000), (1, 300_000, 1), (2, 2, 200_000)])
def test_views_that_grow_when_they_are_made_square_are_refused(
        tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "bed").mkdir()
    np.save(tmp_path / "bed" / "a.npy", np.zeros(shape, np.uint8))
    store = open_views(tmp_path)
    with pytest.raises(SampleError, match=r"a\.npy: views of shape .* made square, would take"):
        store[ShapeKey("bed", "a")]


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
def test_a_pipe_among_renderings_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "bed").mkdir()
    os.mkfifo(tmp_path / "bed" / "a.npy")
    with pytest.raises(SampleError, match="a.npy"):
        open_views(tmp_path)[ShapeKey("bed", "a")]


def views_file(tiny: Tiny) -> Path:
    return tiny.folder / "rendering_tiny" / "bed" / "bed_0.npy"


def test_missing_pictures_and_masks_are_counted(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    (tiny.folder / "img" / "004.jpg").unlink()
    with pytest.raises(DataError, match="tiny_train.*no picture for 1 of 20.*004.jpg"):
        InstanceDataset.load(tiny.data)
    with pytest.raises(DataError, match="no mask for 20 of 20.*nowhere.*mask_dir"):
        (tiny.folder / "img" / "004.jpg").write_bytes(b"x")
        InstanceDataset.load(tiny.config("mask_dir=nowhere"))


def test_missing_renders_are_counted(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    views_file(tiny).unlink()
    with pytest.raises(DataError, match="no renders for 1 of 9 shapes .first: bed/bed_0.*render"):
        InstanceDataset.load(tiny.data)
    with pytest.raises(DataError, match="elsewhere.*render_views"):
        InstanceDataset.load(tiny.config("views_dir=elsewhere"))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"garbage" * 50, None])
def test_a_broken_render_costs_its_shape(
    make_tiny: Callable[..., Tiny], caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    tiny = make_tiny()
    path = views_file(tiny)
    path.write_bytes(path.read_bytes()[:-10] if content is None else content)
    found = InstanceDataset.load(tiny.data)
    key = ShapeKey("bed", "bed_0")
    assert key not in found.gallery and len(found.gallery) == 8
    assert key not in found.train_shapes
    assert "cost 1 of 9 shapes" in caplog.text and str(path) in caplog.text


@pytest.mark.parametrize("array", [np.zeros((3, 24, 24, 3), np.uint8), np.zeros((0, 24, 24)),
                                   np.zeros((24, 24)), np.full((3, 4, 4), np.nan)])
def test_renders_that_are_no_gray_views(make_tiny: Callable[..., Tiny], array: np.ndarray) -> None:
    tiny = make_tiny()
    np.save(views_file(tiny), array)
    assert len(InstanceDataset.load(tiny.data).gallery) == 8


def test_a_missing_view_is_an_error(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    np.save(views_file(tiny), np.zeros((2, 24, 24), np.uint8))
    with pytest.raises(DataError, match="bed/bed_0 has 2 views, the config says 3.*data.views=2"):
        InstanceDataset.load(tiny.data)


@pytest.mark.parametrize("array", [
    np.full((3, 1, 4, 4), 51, np.uint8), np.full((3, 4, 4, 1), 51, np.uint8),
    np.full((3, 4, 4), 0.2), np.full((3, 4, 4), 51.0), np.full((3, 4, 4), 51, np.int64)])
def test_views_in_other_clothes(make_tiny: Callable[..., Tiny], array: np.ndarray) -> None:
    tiny = make_tiny()
    np.save(views_file(tiny), array)
    found = InstanceDataset.load(tiny.data).views[ShapeKey("bed", "bed_0")]
    assert found.dtype == np.uint8 and found.shape == (3, 4, 4) and (found == 51).all()


def test_unknown_category_names_the_nearest(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    break_list(tiny, category="chiar")
    with pytest.raises(DataError, match="unknown category 'chiar' of img/003.jpg.*'chair'"):
        InstanceDataset.load(tiny.config("categories=[bed, chair, sofa]"))


def test_duplicate_id(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    break_list(tiny, img="img/000.jpg")
    with pytest.raises(DataError, match="tiny_train.json: entries 0 and 3.*img/000.jpg"):
        InstanceDataset.load(tiny.data)


def test_a_hostile_pickle_stops_the_data_set(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny(True)
    (tiny.folder / "rendering_tiny.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ValueError, match="rendering_tiny.pkl: refused.*os.system"):
        InstanceDataset.load(tiny.data)


def test_training_on_test_pictures_is_said(
    make_tiny: Callable[..., Tiny], caplog: pytest.LogCaptureFixture
) -> None:
    tiny = make_tiny()
    InstanceDataset.load(tiny.config("test_list=tiny_train.json"))
    assert "20 of 20 test pictures" in caplog.text


def test_no_data_set_at_all(tiny: Tiny) -> None:
    with pytest.raises(DataError, match="no data set 'other'.*own_library --meshes .*data.root"):
        InstanceDataset.load(tiny.config("name=other"))


@pytest.mark.parametrize("as_pickle", [False, True])
def test_a_second_library(tmp_path: Path, tiny: Tiny, as_pickle: bool) -> None:
    folder = tmp_path / "shapenet4"
    folder.mkdir()
    for i, category in enumerate(("bed", "sofa")):
        arrays = {f"s{j}": np.full((3, 4, 4), 10 * i + j, np.uint8) for j in range(2)}
        path = folder / f"rendering_shapenet{category}s"
        if as_pickle:
            path.with_suffix(".pkl").write_bytes(pickle.dumps(arrays, 4))
            continue
        path.mkdir()
        for name, array in arrays.items():
            np.save(path / f"{name}.npy", array)
    data = tiny.config(f"root={tmp_path}")
    store = open_library(data, ["bed", "sofa"])
    assert store.keys() == [ShapeKey(c, s) for c in ("bed", "sofa") for s in ("s0", "s1")]
    assert store[ShapeKey("sofa", "s1")][0, 0, 0] == 11
    with pytest.raises(DataError, match="rendering_shapenetchairs"):
        open_library(data, ["chair"])
    with pytest.raises(DataError, match="second library"):
        open_library(tiny.config("library=none_here"), ["bed"])


def test_the_authors_layout_of_cars_is_read_as_it_lies(make_tiny: Callable[..., Tiny]) -> None:
    """``StanfordCars_train.json`` in ``stanfordcars/``, and a second library ``shapenetcars/``."""
    tiny = make_tiny()
    for part in ("train", "test"):
        (tiny.folder / f"tiny_{part}.json").rename(tiny.folder / f"Tiny_{part}.json")
    root = tiny.folder.parent
    (root / "shapenetcars").mkdir()
    arrays = {"s0": np.zeros((3, 4, 4), np.uint8)}
    (root / "shapenetcars" / "rendering_shapenetcars.pkl").write_bytes(pickle.dumps(arrays, 4))
    data = tiny.config("library_views=rendering_shapenetcars")
    assert len(InstanceDataset.load(data).train) == len(InstanceDataset.load(tiny.data).train) > 0
    for _ in range(2):
        assert library_folder(data) == root / "shapenetcars"
        assert open_library(data, ["car"]).keys() == [ShapeKey("car", "s0")]
        (root / "shapenet4").mkdir(exist_ok=True)  # that of Pix3D beside it changes nothing


def records(count: int, shapes: int) -> list[QueryRecord]:
    return [QueryRecord(f"q{i}", "", None, ShapeKey("c", f"s{i % shapes}")) for i in range(count)]


@given(st.integers(1, 60), st.integers(1, 12), st.floats(0, 0.9, allow_subnormal=False),
       st.integers(0, 5), st.sampled_from(["query", "shape"]), st.randoms(use_true_random=False))
def test_split_properties(
    count: int, shapes: int, fraction: float, seed: int, by: str, random: Any
) -> None:
    given_records = records(count, shapes)
    training, validation = split(given_records, fraction, by, seed)
    assert training and sorted(training + validation) == sorted(given_records)
    if by == "shape":
        assert not {r.shape for r in training} & {r.shape for r in validation}
    units = count if by == "query" else min(shapes, count)
    held = len(validation) if by == "query" else len({r.shape for r in validation})
    wanted = min(max(round(fraction * units), 1), units - 1) if fraction > 0 and units > 1 else 0
    assert held == wanted
    shuffled = list(given_records)
    random.shuffle(shuffled)
    assert set(split(shuffled, fraction, by, seed)[1]) == set(validation)


def test_split_follows_the_seed() -> None:
    given_records = records(50, 10)
    assert split(given_records, 0.2, "query", 1) != split(given_records, 0.2, "query", 2)
