"""A generated instance-level data set as a category-level one."""

from __future__ import annotations

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
    generate.main(root, "demo", instances=2, photos=3, library=1, unseen=0.5, size=32, workers=1)
    category_lists.main(root)
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


def test_again_gives_the_same_bytes(root: Path) -> None:
    before = folder_hash(root / "demo_category")
    category_lists.main(root)
    assert folder_hash(root / "demo_category") == before


def test_more_views_than_there_are_is_an_error(root: Path) -> None:
    with pytest.raises(DataError, match="13 views are wanted of each shape, and the renders have"):
        category_lists.main(root, views=13)
