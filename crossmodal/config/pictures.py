"""How pictures and shapes' views are read, prepared, changed at random, and put into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PictureConfig:
    """What the data sections of both levels share."""

    root: str = "data"  # folder of data sets; looked for as given, then under the repository root
    image_size: int = 224  # query side, pixels
    view_size: int = 224  # view side, pixels
    views: int = 12  # views per shape that the renders must have
    views_per_step: int = 0  # views drawn per shape and training step; 0: all
    image_fit: Literal["pad", "squash"] = "pad"  # how a non-square picture becomes square
    crop_to_object: bool = False  # cut the query to the square around its mask first
    view_crop_to_object: bool = False  # cut each view to the square around what is not background
    crop_margin: float = 0.1  # free space around these squares, as a part of their side
    normalisation: Literal["half", "imagenet"] = "half"  # (x-.5)/.5 as released, or ImageNet's

    batch_size: int = 30  # images, and distinct shapes, in a training batch
    eval_batch_size: int = 32  # queries (or shapes) at a time in validation and test
    workers: int = 2  # loading processes; 0: load in the training process. Same bytes either way
    prefetch: int = 2  # batches each worker prepares ahead
    cache_mib: int = 256  # decoded pictures kept in each loading process, MiB
    validation_fraction: float = 0.1  # part of the training list held out for validation

    translate: float = 0.05  # picture and mask: largest shift, as a part of the side
    image_crop: tuple[float, float] = (0.85, 0.95)  # picture and mask: crop area, as a part
    view_crop: tuple[float, float] = (0.65, 0.9)  # views: crop area, as a part
    crop_ratio: tuple[float, float] = (0.75, 4 / 3)  # width / height of either crop
    flip: bool = True  # mirror half of the pictures, and half of the shapes' view sets
    flip_together: bool = False  # mirror a whole batch or none of it, not each item by itself
    share_view_crop: bool = True  # one crop for all views of a shape; false: one for each view
    colour_jitter: float = 0.0  # brightness, contrast, saturation scaled by 1 +- this
    grayscale: float = 0.0  # probability of a gray query
    blur: float = 0.0  # probability of a blurred query
    background: float = 0.0  # probability that what the mask leaves out is repainted
    image_variants: int = 0  # fixed augmented forms of each picture; 0: a new one every time
    view_variants: int = 0  # the same of each shape's views

    def problems(self) -> Iterator[str]:
        """What no type can say."""
        for key, least in (("image_size", 8), ("view_size", 8), ("views", 1), ("batch_size", 2),
                           ("eval_batch_size", 1), ("workers", 0), ("prefetch", 1),
                           ("cache_mib", 0), ("crop_margin", 0), ("views_per_step", 0),
                           ("image_variants", 0), ("view_variants", 0)):
            if getattr(self, key) < least:
                yield f"{key} must be at least {least}, not {getattr(self, key)}"
        if self.views_per_step > self.views:
            yield f"views_per_step ({self.views_per_step}) is more than views ({self.views})"
        if not 0 <= self.validation_fraction < 1:
            yield f"validation_fraction must be in [0, 1), not {self.validation_fraction}"
        for key in ("grayscale", "blur", "background", "translate", "colour_jitter"):
            if not 0 <= getattr(self, key) <= 1:
                yield f"{key} must be in [0, 1], not {getattr(self, key)}"
        for key in ("image_crop", "view_crop"):
            low, high = getattr(self, key)
            if not 0 < low <= high <= 1:
                yield f"{key} must be 0 < low <= high <= 1, not [{low}, {high}]"
        if not 0 < self.crop_ratio[0] <= self.crop_ratio[1]:
            yield f"crop_ratio must be 0 < low <= high, not {list(self.crop_ratio)}"
