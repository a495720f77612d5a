"""The generated data set: the authors' layout, the same bytes, what trains and what tests."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_items import folder_hash

from crossmodal.geometry.binvox import read_binvox
from crossmodal.geometry.mesh import load_mesh
from crossmodal.prepare import generate

CATEGORIES = ["bed", "chair", "sofa", "table"]
SMALL = {"instances": 2, "photos": 3, "library": 1, "unseen": 0.5, "size": 32}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated")
    return generate.main(root, "demo", **SMALL, seed=7, as_pickle=True, workers=0)


def records(folder: Path, part: str) -> list[dict]:
    return json.loads((folder / f"demo_{part}.json").read_text())


def test_it_has_the_authors_layout(demo: Path) -> None:
    for record in records(demo, "train") + records(demo, "test"):
        *_, category, instance, name = record["model"].split("/")
        assert category == record["category"] and name == "model.obj"
        load_mesh(demo / record["model"])
        with Image.open(demo / record["img"]) as image, Image.open(demo / record["mask"]) as mask:
            assert image.size == mask.size == (32, 32) and image.mode == "RGB"
            assert (np.asarray(mask) > 0).any()
        key = f"{category}/{instance}"
        views = np.load(demo / "rendering_demo" / f"{key}.npy")
        assert views.shape == (12, 32, 32) and views.dtype == np.uint8
        points = np.load(demo / "model_std_ptc10k_npy" / f"{key}.npy")
        assert points.shape == (10_000, 3) and points.dtype == np.float32
        assert read_binvox(demo / "model_std_bin128" / f"{key}.binvox").grid.shape == (128,) * 3


def test_the_second_library_has_other_shapes_in_the_shapenet_layout(demo: Path) -> None:
    library = demo.parent / "shapenet4"
    for category in CATEGORIES:
        stored = sorted((library / f"rendering_shapenet{category}s").glob("*.npy"))
        assert [path.stem for path in stored] == [f"{category}_000"]
        views = np.load(demo / "rendering_demo" / category / f"{category}_000.npy")
        assert (views != np.load(stored[0])).any()
        for folder, suffix in (("model_std_bin128", "binvox"), ("model_std_ptc10k_npy", "npy")):
            assert (library / folder / category / f"{category}_000.{suffix}").is_file()


def test_pickles_hold_the_same_views(demo: Path) -> None:
    with (demo / "rendering_demo.pkl").open("rb") as file:
        nested = pickle.load(file)  # noqa: S301 - written by this test a moment ago
    assert sorted(nested) == CATEGORIES
    stored = np.load(demo / "rendering_demo" / "sofa" / "sofa_001.npy")
    np.testing.assert_array_equal(nested["sofa"]["sofa_001"], stored)
    with (demo.parent / "shapenet4" / "rendering_shapenetbeds.pkl").open("rb") as file:
        assert list(pickle.load(file)) == ["bed_000"]  # noqa: S301


def test_what_trains_and_what_tests(demo: Path) -> None:
    train, test = records(demo, "train"), records(demo, "test")
    assert not {r["img"] for r in train} & {r["img"] for r in test}
    trained, tested = {r["model"] for r in train}, {r["model"] for r in test}
    assert trained < tested and len(tested) == 8 and len(trained) == 4
    assert all(r["unseen"] == (r["model"] not in trained) for r in test)
    assert len(train) == 4 * 1 and len(test) == 8 * 2
    assert sorted({r["category"] for r in train}) == CATEGORIES


def test_same_seed_same_bytes_with_any_number_of_workers(demo: Path, tmp_path: Path) -> None:
    again = generate.main(tmp_path, "demo", **SMALL, seed=7, as_pickle=True, workers=3)
    assert folder_hash(again.parent) == folder_hash(demo.parent)


def test_another_seed_other_shapes_and_photos(demo: Path, tmp_path: Path) -> None:
    other = generate.make_models(tmp_path, "demo", 1, seed=8, workers=0)
    path = demo / "model" / "chair" / "chair_000" / "model.obj"
    assert other["chair/chair_000"].read_bytes() != path.read_bytes()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"instances": 0}, "instances=0"),
        ({"library": 0}, "library=0"),
        ({"photos": 2}, "photos=2"),
        ({"unseen": 1.0}, "unseen=1.0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(tmp_path: Path, options: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        generate.main(tmp_path, **options, workers=0)
    assert not list(tmp_path.iterdir())
