"""A data set of plain boxes, drawn as rectangles: small, quick to learn, in the authors' layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, VIEWS = 32, 4
KINDS = ("bed", "chair")  # low boxes, high boxes


def box_sizes(count: int = 12) -> dict[tuple[str, str], np.ndarray]:
    """(category, instance) -> width, depth and height, each a part of the frame."""
    rng = np.random.default_rng(0)
    return {(KINDS[i % 2], f"box_{i:02d}"): np.array(
        [rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.35) + 0.4 * (i % 2)])
        for i in range(count)}


def silhouette(size: np.ndarray, angle: float) -> np.ndarray:
    """(SIDE, SIDE) bool: the box seen level from ``angle`` (radians) around it."""
    width = abs(size[0] * np.cos(angle)) + abs(size[1] * np.sin(angle))
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
    return (np.abs(columns) < width / 2) & (np.abs(rows) < size[2] / 2)


def draw_view(size: np.ndarray, angle: float) -> np.ndarray:
    """(SIDE, SIDE) uint8, gray on white."""
    shade = int(90 + 60 * abs(np.cos(angle)))
    return np.where(silhouette(size, angle), shade, 255).astype(np.uint8)


def write_picture(folder: Path, name: str, size: np.ndarray, rng: np.random.Generator) -> dict:
    """A coloured box before noise, and its mask; the list entry without category and model."""
    mask = silhouette(size, rng.uniform(0, np.pi))
    pixels = rng.integers(0, 90, (SIDE, SIDE, 3))
    pixels[mask] = rng.integers(120, 255, 3)
    Image.fromarray(pixels.astype(np.uint8)).save(folder / "img" / f"{name}.png")
    Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "mask" / f"{name}.png")
    return {"img": f"img/{name}.png", "mask": f"mask/{name}.png"}


def write_boxes(root: Path) -> Path:
    """Writes <root>/boxes/: 40 training pictures, 12 test pictures, 12 shapes; returns it."""
    folder, rng, sizes = root / "boxes", np.random.default_rng(1), box_sizes()
    for name in ("img", "mask"):
        (folder / name).mkdir(parents=True)
    for (category, instance), size in sizes.items():
        views = np.stack([draw_view(size, i * 2 * np.pi / VIEWS) for i in range(VIEWS)])
        place = folder / "rendering_boxes" / category
        place.mkdir(parents=True, exist_ok=True)
        np.save(place / f"{instance}.npy", views)
    shapes = list(sizes)
    for part, count in (("train", 40), ("test", 12)):
        entries = []
        for i in range(count):
            category, instance = shapes[i % len(shapes)]
            entry = write_picture(folder, f"{part}_{i:02d}", sizes[category, instance], rng)
            entry.update(category=category, model=f"model/{category}/{instance}/model.obj")
            entries.append(entry)
        (folder / f"boxes_{part}.json").write_text(json.dumps(entries))
    return folder


SETTINGS = f"""
data:
  name: boxes
  image_size: {SIDE}
  view_size: {SIDE}
  views: {VIEWS}
  views_per_step: 2
  batch_size: 6
  eval_batch_size: 8
  workers: 0
model:
  query_backbone: resnet18
  view_backbone: resnet18
  z_dim: 16
  dropout: 0.1
optim:
  lr: 0.0001
  epochs: 2
log:
  log_every: 1
  tensorboard: false
"""
