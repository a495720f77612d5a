"""The random changes of one training picture, and of one shape's views, as the config sets them."""

from __future__ import annotations

import numpy as np

from crossmodal.config import PictureConfig
from crossmodal.data.photometric import random_photometric
from crossmodal.data.transforms import (
    object_views,
    random_box,
    random_shift,
    random_views,
    warp_as_released,
    warp_picture,
)
from crossmodal.runtime import seeds


def augment_picture(picture: np.ndarray, rng: np.random.Generator, data: PictureConfig,
                    mirror: bool | None = None) -> np.ndarray:
    """(image_size, image_size, 4) uint8 of a square picture: moved, cut, mirrored, recoloured.

    mirror : whether to, or None to draw it
    """
    shift = random_shift(rng, data.translate)
    box = random_box(rng, data.image_crop, data.crop_ratio)
    drawn = bool(rng.random() < 0.5) and data.flip
    mirror = drawn if mirror is None else mirror
    warp = warp_picture if data.augmentation == "paper" else warp_as_released
    picture = warp(picture, data.image_size, box, shift, mirror)
    return random_photometric(picture, rng, data.colour_jitter, data.grayscale, data.blur,
                              data.background)


def augment_views(views: np.ndarray, rng: np.random.Generator, data: PictureConfig,
                  mirror: bool | None = None) -> np.ndarray:
    """(V, view_size, view_size) uint8 of (V, H, W) uint8 views: cut and mirrored."""
    if data.view_crop_to_object:
        views = object_views(views, data.crop_margin)
    return random_views(views, rng, data.view_size, data.view_crop, data.crop_ratio, data.flip,
                        data.augmentation == "paper", mirror)


def variant_mirror(variant: int, data: PictureConfig) -> bool | None:
    """Whether a fixed variant is mirrored where a batch is mirrored as one: every other one is."""
    return bool(variant % 2) and data.flip if data.flip_together else None


def picture_variant(picture: np.ndarray, name: str, variant: int,
                    data: PictureConfig) -> np.ndarray:
    """One fixed form of the picture called `name`: a run's seed plays no part, so runs share it."""
    rng = seeds.generator(0, "variant", "query", name, variant)
    return augment_picture(picture, rng, data, variant_mirror(variant, data))


def views_variant(views: np.ndarray, name: str, variant: int, data: PictureConfig) -> np.ndarray:
    """The same of the views of the shape called `name`."""
    rng = seeds.generator(0, "variant", "shape", name, variant)
    return augment_views(views, rng, data, variant_mirror(variant, data))


def pick_variant(rng: np.random.Generator, count: int, mirror: bool | None,
                 data: PictureConfig) -> int:
    """Which of an item's fixed variants a step sees; with ``mirror``, of those that agree."""
    allowed = [k for k in range(count) if mirror is None or variant_mirror(k, data) == mirror]
    return int(rng.choice(allowed)) if allowed else int(rng.integers(count))


def batch_mirror(data: PictureConfig, seed: int, *step: int) -> bool | None:
    """Whether the batch of a step is mirrored as one; None where each item is by itself.

    Never where pictures or views have one fixed variant: it is not mirrored.
    """
    if not data.flip_together:
        return None
    if 1 in (data.image_variants, data.view_variants):
        return False
    return bool(seeds.generator(seed, "mirror", *step).random() < 0.5) and data.flip
