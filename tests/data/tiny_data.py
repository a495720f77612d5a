"""A tiny data set in the authors' layout: 3 categories, 9 shapes, 20 + 7 pictures."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from crossmodal.config import Config, DataConfig, override

CATEGORIES = ("bed", "chair", "sofa")
VIEWS = 3


class Tiny(NamedTuple):
    """A data set on disk and its settings."""

    folder: Path
    data: DataConfig

    def config(self, *settings: str) -> DataConfig:
        return override(Config(data=self.data), [f"data.{text}" for text in settings]).data


def write_picture(folder: Path, number: int, rng: np.random.Generator) -> dict:
    """A photo with its mask, sizes differ; the entry without category and model."""
    height, width = int(rng.integers(30, 50)), int(rng.integers(30, 50))
    pixels = rng.integers(0, 256, (height // 6 + 1, width // 6 + 1, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    image.save(folder / "img" / f"{number:03d}.jpg", quality=90)
    mask = np.zeros((height, width), np.uint8)
    mask[8:25, 6:20] = 255
    Image.fromarray(mask).save(folder / "mask" / f"{number:03d}.png")
    return {"img": f"img/{number:03d}.jpg", "mask": f"mask/{number:03d}.png"}


def write_data(root: Path, as_pickle: bool = False) -> Path:
    rng = np.random.default_rng(0)
    folder = root / "tiny"
    for name in ("img", "mask"):
        (folder / name).mkdir(parents=True)
    shapes = [(c, f"{c}_{i}") for c in CATEGORIES for i in range(3)]
    entries = []
    for i in range(27):
        category, instance = shapes[i % 9 if i < 14 else int(rng.integers(6))]
        entry = write_picture(folder, i, rng)
        entry.update(category=category, model=f"model/{category}/{instance}/model.obj", bbox=[0, 0])
        entries.append(entry)
    (folder / "tiny_train.json").write_text(json.dumps(entries[:20]))
    (folder / "tiny_test.json").write_text(json.dumps(entries[20:]))
    views = {c: {i: rng.integers(0, 256, (VIEWS, 24, 24), dtype=np.uint8)
                 for k, i in shapes if k == c} for c in CATEGORIES}
    if as_pickle:
        (folder / "rendering_tiny.pkl").write_bytes(pickle.dumps(views, 4))
        return folder
    for category, instances in views.items():
        (folder / "rendering_tiny" / category).mkdir(parents=True)
        for instance, array in instances.items():
            np.save(folder / "rendering_tiny" / category / f"{instance}.npy", array)
    return folder


def settings(root: Path) -> DataConfig:
    return DataConfig(root=str(root), name="tiny", image_size=32, view_size=32, views=VIEWS,
                      batch_size=5, eval_batch_size=4, workers=0, validation_fraction=0.1)
