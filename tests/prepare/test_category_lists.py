"""A generated instance-level data set as a category-level one."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_items import folder_hash

from crossmodal.config import DomainConfig
from crossmodal.data.domains import Domains, load_test
from crossmodal.data.errors import DataError
from crossmodal.prepare import category_lists, generate

CLASSES = ["bed", "chair", "sofa", "table"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lists")
    generate.main(root, "demo", instances=2, photos=3, library=1, unseen=0.5, size=32, workers=0)
    category_lists.main(root, workers=0)
    return root


def test_training_and_test_read_it(root: Path) -> None:
    data = DomainConfig(root=str(root), name="demo_category")
    domains = Domains.load(data, 0)
    assert domains.classes == CLASSES
    assert len(domains.source) == 4 and len(domains.target) == 8  # a seen shape has one photo
    assert all(item.label is None and len(item.files) == 4 for item in domains.target)
    queries, gallery = load_test(data, domains.classes)
    assert len(queries) == 4 * 4 and [item.label for item in gallery] == [0, 1, 2, 3]
    assert all(f"/{CLASSES[item.label or 0]}/" in item.files[0] for item in queries + gallery)


def test_views_are_those_of_the_renders_evenly_spread(root: Path) -> None:
    views = np.load(root / "demo" / "rendering_demo" / "chair" / "chair_001.npy")
    assert category_lists.spread(12, 4) == [0, 3, 6, 9]
    for place, expected in enumerate(views[[0, 3, 6, 9]]):
        path = root / "demo_category" / "view" / "train" / "chair" / "chair_001" / f"{place}.png"
        assert np.array_equal(np.asarray(Image.open(path)), expected)


def test_again_gives_the_same_bytes_and_makes_nothing_again(root: Path) -> None:
    folder = root / "demo_category"
    pictures = sorted((folder / "view").rglob("*.png"))
    before, times = folder_hash(folder), [path.stat().st_mtime_ns for path in pictures]
    pictures[0].unlink()
    category_lists.main(root, workers=0)
    assert folder_hash(folder) == before
    assert [path.stat().st_mtime_ns for path in pictures[4:]] == times[4:]
    with pytest.raises(ValueError, match="other settings: views 4, now 2.*--redo"):
        category_lists.main(root, views=2, workers=0)


def test_more_views_than_there_are_is_an_error(root: Path) -> None:
    with pytest.raises(RuntimeError, match="all 8 items failed.*13 views are wanted of each shape, "
                                           "and the renders have 12"):
        category_lists.main(root, output="other", views=13, workers=0)


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The generated data set alone, which a test may damage."""
    for name in ("demo", "shapenet4"):
        shutil.copytree(root / name, tmp_path / name)
    return tmp_path


def test_a_broken_shape_is_named_and_left_out(copy: Path) -> None:
    broken = (copy / "demo/rendering_demo/chair/chair_001.npy",
              next((copy / "shapenet4/rendering_shapenetbeds").glob("*.npy")))
    for path in broken:
        path.write_bytes(path.read_bytes()[:90])
    np.save(copy / "demo/rendering_demo/sofa/sofa_000.npy", np.zeros((3, 32, 32), np.uint8))
    folder = category_lists.main(copy, workers=2)
    manifest = json.loads((folder / "view/train/manifest.json").read_text())
    assert manifest["failed"] == ["chair/chair_001", "sofa/sofa_000"]
    assert "chair_001.npy" in manifest["items"]["chair/chair_001"]["error"]
    data = DomainConfig(root=str(copy), name="demo_category")
    assert len(Domains.load(data, 0).target) == 6
    assert [item.label for item in load_test(data, CLASSES)[1]] == [1, 2, 3]


def test_renderings_in_a_pickle(copy: Path, root: Path) -> None:
    views = copy / "demo" / "rendering_demo"
    content = {c: {p.stem: np.load(p) for p in (views / c).glob("*.npy")} for c in CLASSES}
    shutil.rmtree(views)
    (copy / "demo" / "rendering_demo.pkl").write_bytes(pickle.dumps(content))
    folder = category_lists.main(copy, workers=0)
    for path in (root / "demo_category" / "view" / "train").rglob("*.png"):
        assert (folder / path.relative_to(root / "demo_category")).read_bytes() == path.read_bytes()
    assert len(list((folder / "view" / "train").rglob("*.png"))) == 8 * 4


def test_a_class_that_is_only_in_the_test(copy: Path) -> None:
    path = copy / "demo" / "demo_train.json"
    path.write_text(json.dumps([r for r in json.loads(path.read_text()) if r["category"] != "bed"]))
    with pytest.raises(DataError, match="demo_test.json: no training picture has the category of "
                                        r"4 of 16 test pictures \(first: bed\).*chair, sofa"):
        category_lists.main(copy)
