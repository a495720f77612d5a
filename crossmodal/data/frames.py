"""The pictures of an item, as (V, S, S, 4) uint8 frames: RGB and where the object is.

A photo is an item of one frame, a shape one of V frames. All frames of an item are changed alike,
or, as released (`data.augmentation`), each by itself.
"""
from __future__ import annotations

import math

import numpy as np

from crossmodal.config import DomainConfig
from crossmodal.data.augment import variant_mirror
from crossmodal.data.find_object import find_object
from crossmodal.data.image_lists import Item
from crossmodal.data.images import join, read_rgb
from crossmodal.data.photometric import random_photometric
from crossmodal.data.pictures import square_picture
from crossmodal.data.transforms import (
    Box,
    normalise_picture,
    random_box,
    random_shift,
    warp_as_released,
    warp_picture,
)
from crossmodal.runtime import seeds


def read_frames(item: Item, kind: str, data: DomainConfig) -> np.ndarray:
    """(V, S, S, 4) uint8, S at least 8/7 of the network's side; raises SampleError.

    kind : "query", a source picture, or "shape", a target item
    """
    stored, crop = _stored(kind, data), _crop_to_object(kind, data)
    frames = []
    for path in item.files:
        rgb = read_rgb(path, None if crop else stored)
        picture = join(rgb, find_object(rgb) if crop else None)
        frames.append(square_picture(picture, stored, data.image_fit, crop, data.crop_margin))
    return np.stack(frames)


def augment_frames(frames: np.ndarray, kind: str, rng: np.random.Generator, data: DomainConfig,
                   mirror: bool | None = None) -> np.ndarray:
    """(V, size, size, 4) uint8 of (V, S, S, 4): one draw for all frames of the item, or one each.

    mirror : whether to, or None to draw it
    """
    if data.augmentation == "released":
        return np.concatenate([_changed(frame[None], kind, rng, data, mirror) for frame in frames])
    return _changed(frames, kind, rng, data, mirror)


def _changed(frames: np.ndarray, kind: str, rng: np.random.Generator, data: DomainConfig,
             mirror: bool | None) -> np.ndarray:
    """All frames by one draw."""
    query = kind == "query"
    box = random_box(rng, data.image_crop if query else data.view_crop, data.crop_ratio)
    shift = random_shift(rng, data.translate if query else 0.0)
    drawn = bool(rng.random() < 0.5) and data.flip
    mirror = drawn if mirror is None else mirror
    size = _side(kind, data)
    warp = warp_picture
    if data.augmentation == "released":
        warp, box = warp_as_released, _on_pixels(box, frames.shape[1])
    warped = [warp(frame, size, box, shift, mirror) for frame in frames]
    if query:
        warped = [random_photometric(frame, rng, data.colour_jitter, data.grayscale, data.blur,
                                     data.background) for frame in warped]
    return np.stack(warped)


def _on_pixels(box: Box, side: int) -> Box:
    """A crop that begins at a whole pixel, each equally likely, as one that scales nothing does."""
    return (_whole(box[0], box[2], side), _whole(box[1], box[3], side), box[2], box[3])


def _whole(start: float, extent: float, side: int) -> float:
    free = math.floor((1 - extent) * side)  # pixels by which the crop can move
    return min(math.floor(start / (1 - extent) * (free + 1)), free) / side if free else 0.0


def frames_variant(frames: np.ndarray, kind: str, name: str, variant: int,
                   data: DomainConfig) -> np.ndarray:
    """One fixed form of an item: a run's seed plays no part, so runs share it."""
    rng = seeds.generator(0, "variant", kind, name, variant)
    return augment_frames(frames, kind, rng, data, variant_mirror(variant, data))


def centre_frames(frames: np.ndarray, kind: str, data: DomainConfig) -> np.ndarray:
    """(V, size, size, 4) uint8: the centre, ``test_crop`` of the side, that a test sees.

    Cut out where that is the network's side, else scaled down to it with antialiasing.
    """
    size, side = _side(kind, data), frames.shape[1]
    seen = max(size, math.floor(side * data.test_crop))
    start = (side - seen) // 2
    centre = frames[:, start:start + seen, start:start + seen]
    if seen == size:
        return centre
    return np.stack([square_picture(frame, size, "squash", False, 0.0) for frame in centre])


def normalise_frames(frames: np.ndarray, data: DomainConfig, out: np.ndarray) -> None:
    """(V, H, W, 4) uint8 -> (V, 3, H, W) float32, written into ``out``."""
    for frame, place in zip(frames, out):
        normalise_picture(frame[..., :3], data.normalisation, place)


def _stored(kind: str, data: DomainConfig) -> int:
    """Pixels a side that are kept: what random crops are cut from must not need enlarging much."""
    size = _side(kind, data)
    return max(math.ceil(size / data.test_crop), math.ceil(size * 8 / 7))


def _side(kind: str, data: DomainConfig) -> int:
    return data.image_size if kind == "query" else data.view_size


def _crop_to_object(kind: str, data: DomainConfig) -> bool:
    return data.crop_to_object if kind == "query" else data.view_crop_to_object
