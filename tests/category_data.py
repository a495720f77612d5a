"""A category-level data set of discs, squares and triangles: coloured photos, gray views."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import numpy as np
from PIL import Image, ImageDraw

from crossmodal.config import CategoryConfig, DomainConfig, override

SIDE, VIEWS = 40, 4
KINDS = ("disc", "square", "triangle")
Make = Callable[..., DomainConfig]  # writes a data set, returns its settings


def draw(kind: int, rng: np.random.Generator, gray: bool) -> Image.Image:
    """One kind at a random place: its own colour before a random background, or gray on white."""
    back = (255, 255, 255) if gray else tuple(int(v) for v in rng.integers(90, 200, 3))
    image = Image.new("RGB", (SIDE, SIDE), back)
    fill = [int(rng.integers(0, 60))] * 3
    if not gray:
        fill[kind] = int(rng.integers(200, 256))
    side = int(rng.integers(18, 30))
    left, top = (int(v) for v in rng.integers(1, SIDE - side, 2))
    box = (left, top, left + side, top + side)
    pen, colour = ImageDraw.Draw(image), tuple(fill)
    if kind == 0:
        pen.ellipse(box, fill=colour)
    elif kind == 1:
        pen.rectangle(box, fill=colour)
    else:
        pen.polygon([(left, box[3]), (box[2], box[3]), (left + side // 2, top)], fill=colour)
    return image


def write_photos(folder: Path, part: str, count: int, rng: np.random.Generator) -> list[str]:
    """``count`` photos of each kind; the lines of their list, kinds in turn."""
    lines = []
    for i in range(count):
        for kind, name in enumerate(KINDS):
            path = f"photo/{part}/{name} {i}.png"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            draw(kind, rng, gray=False).save(folder / path)
            lines.append(f"{path} {kind}")
    return lines


def write_shapes(folder: Path, part: str, count: int, rng: np.random.Generator,
                 views: int = VIEWS) -> list[str]:
    """``count`` shapes of each kind in a folder each; the lines of their list."""
    lines = []
    for i in range(count):
        for kind, name in enumerate(KINDS):
            for view in range(views):
                path = f"view/{part}/{name}_{i}/{view:02d}.png"
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                draw(kind, rng, gray=True).save(folder / path)
                lines.append(f"{path} {kind}")
    return lines


def write_list(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_kinds(root: Path, views: int = VIEWS, photos: int = 8, shapes: int = 4) -> Path:
    """Writes <root>/kinds/: lists, pictures and class names; returns it."""
    folder, rng = root / "kinds", np.random.default_rng(3)
    folder.mkdir(parents=True)
    write_list(folder / "source_train.txt", write_photos(folder, "train", photos, rng))
    write_list(folder / "source_test.txt", write_photos(folder, "test", 4, rng))
    write_list(folder / "target_train.txt", write_shapes(folder, "train", shapes, rng, views))
    write_list(folder / "target_test.txt", write_shapes(folder, "test", 3, rng, views))
    write_list(folder / "classes.txt", list(KINDS))
    return folder


def settings(root: Path, *changes: str) -> DomainConfig:
    """Settings for <root>/kinds/, with ``key=value`` changes."""
    return change(CategoryConfig().data, f"root={root}", "name=kinds", "batch_size=5",
                  "image_size=32", "view_size=32", "eval_batch_size=8", *changes)


def change(data: DomainConfig, *changes: str) -> DomainConfig:
    return override(CategoryConfig(data=data), [f"data.{text}" for text in changes]).data


def place(data: DomainConfig, name: str) -> Path:
    """A file of the data set."""
    return Path(data.root) / data.name / name


SETTINGS = f"""
data:
  name: kinds
  image_size: 32
  view_size: 32
  views: {VIEWS}
  batch_size: 8
  eval_batch_size: 16
  workers: 0
  validation_fraction: 0.25
model:
  backbone: resnet18
  bottleneck: 16
loss:
  orthogonal_start: 12
  confidence: 0.4
optim:
  lr: 0.001
  head_lr: 3.0
  momentum: 0.8
  iterations: 24
  decay_gamma: 0.05
log:
  log_every: 1
  validate_every: 8
  checkpoint_every: 10
  tensorboard: false
"""
