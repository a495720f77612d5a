"""Drawings as a test set, alone and together with another data set's shapes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from furniture_sources import write_prepared
from PIL import Image, ImageDraw
from small_items import write_box

from crossmodal.prepare import ikea, sweethome3d


def write_drawings(folder: Path) -> Path:
    shapes = {}
    for index, name in enumerate(("Bench_a", "Table_b")):
        write_box(folder / "mesh" / f"{name}.npz", (2, 1 + index, 1))
        (folder / "drawing").mkdir(exist_ok=True)
        image = Image.new("L", (50, 50), 255)
        ImageDraw.Draw(image).rectangle((10, 10, 39, 39), outline=0)
        image.save(folder / "drawing" / f"{name}.png")
        shapes[name] = {"category": name.split("_")[0], "product": name.split("_")[1]}
    (folder / "meta.json").write_text(json.dumps({"shapes": shapes}))
    return folder


def test_drawings_become_queries_with_filled_outlines(tmp_path: Path) -> None:
    folder = ikea.main(tmp_path / "data", write_drawings(tmp_path / "source"), size=24, workers=0)
    records = json.loads((folder / "ikea_test.json").read_text())
    assert [record["instance"] for record in records] == ["Bench_a", "Table_b"]
    assert np.load(folder / "rendering_ikea" / "bench" / "Bench_a.npy").shape == (12, 24, 24)
    with Image.open(folder / records[0]["mask"]) as image:
        mask = np.asarray(image)
    assert mask[25, 25] == 255 and mask[2, 2] == 0 and (mask > 0).sum() == 30 * 30
    assert not (folder / "ikea_train.json").exists()


def test_joined_with_another_data_set(tmp_path: Path) -> None:
    source = write_drawings(tmp_path / "source")
    root = tmp_path / "data"
    with pytest.raises(FileNotFoundError, match="prepare that data set first"):
        ikea.main(root, source, also=root / "furniture", size=24, workers=0)
    prepared = write_prepared(tmp_path / "prepared", 3)
    furniture = sweethome3d.main(
        root, prepared, size=24, steps=["views", "points", "voxels"], workers=0
    )
    joined = ikea.main(root, source, also=furniture, size=24, workers=0)
    assert joined.name == "ikea_and_furniture"
    views = sorted(p.stem for p in (joined / "rendering_ikea_and_furniture").rglob("*.npy"))
    assert views == ["Bench_a", "Mini_0000", "Mini_0001", "Mini_0002", "Table_b"]
    records = json.loads((joined / "ikea_and_furniture_test.json").read_text())
    assert len(records) == 2 and all((joined / record["img"]).is_file() for record in records)


def test_a_bad_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"shapes": {"a": {}}}')
    with pytest.raises(ValueError, match=r"meta\.json.*category"):
        ikea.read_drawings(tmp_path)
