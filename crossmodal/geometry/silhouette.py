"""The object in a picture with a plain background: a mask, found without any learning."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def background_colour(image: np.ndarray) -> np.ndarray:
    """(3,) float median colour of the frame's border; image (H, W, 3) uint8."""
    return np.median(_border(image), axis=0)


def is_plain(image: np.ndarray, tolerance: int = 12, share: float = 0.85) -> bool:
    """Does at least `share` of the border of an (H, W, 3) uint8 image have one colour?"""
    distance = np.abs(_border(image).astype(int) - background_colour(image)).max(1)
    return bool((distance <= tolerance).mean() >= share)


def plain_background_mask(image: np.ndarray, tolerance: int = 12, hole: float = 0.02) -> np.ndarray:
    """(H, W) uint8 mask, 255 on the object, of an (H, W, 3) uint8 image with a plain background.

    Background is what is like the border's colour (each channel within `tolerance`) and connected
    to the border, and every enclosed region of that colour larger than `hole` of the frame's area
    whose colour is exact (a gap between chair legs, not a shaded white surface). Where the border
    is not plain, or nothing is left, the whole frame is the object.
    """
    whole = np.full(image.shape[:2], 255, np.uint8)
    if not is_plain(image, tolerance):
        return whole
    distance = np.abs(image.astype(int) - background_colour(image)).max(2)
    label, count = ndimage.label(distance <= tolerance)
    outside = np.zeros(count + 1, bool)
    outside[np.unique(_border(label[:, :, None]))] = True
    area = np.bincount(label.reshape(-1))
    exact = np.bincount(label.reshape(-1), weights=(distance == 0).reshape(-1))
    outside |= (area > hole * label.size) & (exact > area / 2)
    outside[0] = False
    mask = _without_specks(~outside[label])
    return np.where(mask, 255, 0).astype(np.uint8) if mask.any() else whole


def drawing_mask(drawing: np.ndarray, ink: int = 230, gap: int = 2) -> np.ndarray:
    """(H, W) uint8 filled outline, 255 inside, of an (H, W) uint8 line drawing on white.

    Outside is what a disc of radius `gap` pixels reaches from the border without touching ink
    (values below `ink`), so that small gaps in a line do not let the background in. A drawing
    without ink gives the whole frame.
    """
    lines = drawing < ink
    if not lines.any():
        return np.full(drawing.shape, 255, np.uint8)
    padded = np.pad(lines, gap + 1)
    free = ndimage.distance_transform_edt(~padded) > gap
    label, _ = ndimage.label(free)
    reached = ndimage.distance_transform_edt(label != label[0, 0]) <= gap
    inside = ~(reached & ~padded)[gap + 1 : -gap - 1, gap + 1 : -gap - 1]
    return np.where(inside, 255, 0).astype(np.uint8)


def _border(image: np.ndarray) -> np.ndarray:
    """(2H + 2W, C) pixels of the frame's four edges."""
    edges = (image[0], image[-1], image[:, 0], image[:, -1])
    return np.concatenate([edge.reshape(-1, image.shape[2]) for edge in edges])


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """The mask without parts smaller than 1 % of the largest (compression noise)."""
    label, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count < 2:
        return mask
    size = np.bincount(label.reshape(-1))
    size[0] = 0
    return (size >= 0.01 * size.max())[label]
