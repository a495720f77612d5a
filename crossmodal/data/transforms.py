"""Random and fixed geometry of pictures and views, and their normalisation. NumPy and Pillow only.

Boxes are (left, top, width, height) as parts of the frame. Picture and mask share one translation,
one crop and one flip; so do a shape's views, but for released runs.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from crossmodal.data.pictures import as_image, border_colour, cut, object_square

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
ATTEMPTS = 10
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
GRAY_MEAN = sum(IMAGENET_MEAN) / 3
GRAY_STD = sum(IMAGENET_STD) / 3


def random_box(
    rng: np.random.Generator, area: tuple[float, float], ratio: tuple[float, float]
) -> Box:
    """A random part of the frame: area uniform, width/height log-uniform, place uniform.

    Like torchvision's RandomResizedCrop: the first of ten draws that fits inside; none fits: the
    whole frame. Always takes the same number of random values.
    """
    draws = rng.random((ATTEMPTS, 2))
    place = rng.random(2)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    for part, shape in draws:
        size = area[0] + (area[1] - area[0]) * part
        aspect = math.exp(low + (high - low) * shape)
        width, height = math.sqrt(size * aspect), math.sqrt(size / aspect)
        if width <= 1 and height <= 1:
            return ((1 - width) * place[0], (1 - height) * place[1], width, height)
    return WHOLE


def random_shift(rng: np.random.Generator, largest: float) -> tuple[float, float]:
    """(right, down), each uniform in +-largest, as parts of the frame."""
    x, y = rng.uniform(-largest, largest, 2)
    return float(x), float(y)


def warp_picture(
    picture: np.ndarray, size: int, box: Box, shift: tuple[float, float], mirror: bool
) -> np.ndarray:
    """(size, size, 4) uint8: the picture moved by `shift`, cut to `box`, mirrored; one resampling.

    What moves in from outside has the border colour and mask 0.
    """
    side = picture.shape[0]
    step_x, step_y = box[2] * side / size, box[3] * side / size
    start_x, start_y = (box[0] - shift[0]) * side, (box[1] - shift[1]) * side
    if mirror:
        start_x, step_x = start_x + box[2] * side, -step_x
    warped = as_image(picture).transform(
        (size, size),
        Image.Transform.AFFINE,
        (step_x, 0.0, start_x, 0.0, step_y, start_y),
        resample=Image.Resampling.BILINEAR,
        fillcolor=tuple(int(c) for c in border_colour(picture)),
    )
    return np.asarray(warped)


def warp_as_released(
    picture: np.ndarray, size: int, box: Box, shift: tuple[float, float], mirror: bool
) -> np.ndarray:
    """`warp_picture` as released: moved by whole pixels, black moves in, then cut and scaled."""
    side = picture.shape[0]
    right, down = round(shift[0] * side), round(shift[1] * side)
    moved = np.zeros_like(picture)
    moved[max(down, 0):side + min(down, 0), max(right, 0):side + min(right, 0)] = picture[
        max(-down, 0):side - max(down, 0), max(-right, 0):side - max(right, 0)]
    return warp_picture(moved, size, box, (0.0, 0.0), mirror)


def crop_view(view: np.ndarray, size: int, box: Box, mirror: bool) -> np.ndarray:
    """(size, size) uint8 of a (H, W) uint8 view: cut to `box`, scaled with antialias, mirrored."""
    height, width = view.shape
    if box == WHOLE and (height, width) == (size, size):
        cropped = view
    else:
        corners = (box[0] * width, box[1] * height,
                   (box[0] + box[2]) * width, (box[1] + box[3]) * height)
        image = Image.fromarray(np.ascontiguousarray(view))
        cropped = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=corners))
    return cropped[:, ::-1] if mirror else cropped


def random_views(
    views: np.ndarray,
    rng: np.random.Generator,
    size: int,
    area: tuple[float, float],
    ratio: tuple[float, float],
    flip: bool,
    alike: bool,
    mirror: bool | None = None,
) -> np.ndarray:
    """(V, size, size) uint8 of (V, H, W) uint8: random crop and mirroring.

    alike : one draw for all views of the shape; else, as released, one for each, so that mirrored
        views stand among straight ones
    mirror : whether to mirror, or None to draw it
    """
    drawn = []
    for _ in range(1 if alike else len(views)):
        own = bool(rng.random() < 0.5) and flip
        drawn.append((random_box(rng, area, ratio), own if mirror is None else mirror))
    return np.stack([crop_view(view, size, *drawn[i % len(drawn)])
                     for i, view in enumerate(views)])


def object_views(views: np.ndarray, margin: float, contrast: int = 4) -> np.ndarray:
    """(V, S, S) uint8 of (V, S, S) views, each cut to the square around its object and scaled back.

    What differs from the border's median gray by more than `contrast` is the object.
    margin : free space on each side, as a part of the object's larger extent
    """
    found = []
    for view in views:
        mask = np.where(np.abs(view.astype(np.int16) - border_colour(view)) > contrast, 255, 0)
        square = cut(view, *object_square(mask.astype(np.uint8), margin))
        found.append(crop_view(square, max(view.shape), WHOLE, False))
    return np.stack(found)


def fixed_views(views: np.ndarray, size: int) -> np.ndarray:
    """(V, size, size) uint8: as they are, scaled if need be."""
    if views.shape[1:] == (size, size):
        return views
    return np.stack([crop_view(view, size, WHOLE, False) for view in views])


def scale_and_offset(normalisation: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """(C,) factors and (C,) offsets that turn a byte into the network's input.

    normalisation : "half": (x/255 - .5)/.5. "imagenet": its mean and std for RGB, their averages
        for gray, and still (m - .5)/.5 for the mask.
    channels : 1 gray, 3 RGB, 4 RGB + mask.
    """
    mean, std = np.full(channels, 0.5), np.full(channels, 0.5)
    if normalisation == "imagenet" and channels == 1:
        mean[:], std[:] = GRAY_MEAN, GRAY_STD
    elif normalisation == "imagenet":
        mean[:3], std[:3] = IMAGENET_MEAN, IMAGENET_STD
    elif normalisation != "half":
        raise ValueError(f"normalisation must be half or imagenet, not {normalisation}")
    return (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)


def normalise_picture(
    picture: np.ndarray, normalisation: str, out: np.ndarray | None = None
) -> np.ndarray:
    """(C, H, W) float32 of (H, W, C) uint8, written into `out` if given."""
    height, width, channels = picture.shape
    if out is None:
        out = np.empty((channels, height, width), np.float32)
    factor, offset = scale_and_offset(normalisation, channels)
    for c in range(channels):
        np.multiply(picture[..., c], factor[c], out=out[c], casting="unsafe")
        out[c] += offset[c]
    return out


def normalise_training(
    picture: np.ndarray, normalisation: str, masks: str, out: np.ndarray
) -> None:
    """`normalise_picture` of a (H, W, 4) training picture, written into `out`.

    masks : "normalised", as in a test, or "raw": 0..1, as in the released training.
    """
    normalise_picture(picture, normalisation, out)
    if masks == "raw":
        np.divide(picture[..., 3], 255, out=out[3], casting="unsafe")


def normalise_views(
    views: np.ndarray, normalisation: str, out: np.ndarray | None = None
) -> np.ndarray:
    """(V, 1, H, W) float32 of (V, H, W) uint8, written into `out` if given."""
    if out is None:
        out = np.empty((len(views), 1, *views.shape[1:]), np.float32)
    factor, offset = scale_and_offset(normalisation, 1)
    np.multiply(views, factor[0], out=out[:, 0], casting="unsafe")
    out += offset[0]
    return out
