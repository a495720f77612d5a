"""How pictures and shapes' views are read, prepared, changed at random, and put into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from crossmodal.config.ranges import Batch, Between, Part, Parts, Ratio, Side, SmallerPart, Views

Variants = Annotated[int, Between(0, 4096)]


@dataclass(frozen=True)
class PictureConfig:
    """What the data sections of both levels share."""

    root: str = "data"  # folder of data sets; looked for as given, then under the repository root
    image_size: Side = 224  # query side, pixels
    view_size: Side = 224  # view side, pixels
    views: Views = 12  # views per shape that the renders must have
    views_per_step: Annotated[int, Between(0, 1024)] = 0  # views drawn per shape and step; 0: all
    image_fit: Literal["pad", "squash"] = "pad"  # how a non-square picture becomes square
    crop_to_object: bool = False  # cut the query to the square around its mask first
    view_crop_to_object: bool = False  # cut each view to the square around what is not background
    crop_margin: Part = 0.1  # free space around these squares, as a part of their side
    normalisation: Literal["half", "imagenet"] = "half"  # (x-.5)/.5 as released, or ImageNet's

    batch_size: Batch = 30  # images, and distinct shapes, in a training batch
    eval_batch_size: Annotated[int, Between(1, 65536)] = 32  # queries or shapes at a time in a test
    workers: Annotated[int, Between(0, 256)] = 2  # loading processes, to the same bytes; 0: none
    prefetch: Annotated[int, Between(1, 64)] = 2  # batches each worker prepares ahead
    cache_mib: Annotated[int, Between(0, 2**20)] = 256  # decoded pictures kept by each loader, MiB
    validation_fraction: SmallerPart = 0.1  # part of the training list held out for validation

    translate: Part = 0.05  # picture and mask: largest shift, as a part of the side
    image_crop: Parts = (0.85, 0.95)  # picture and mask: crop area, as a part
    view_crop: Parts = (0.65, 0.9)  # views: crop area, as a part
    crop_ratio: tuple[Ratio, Ratio] = (0.75, 4 / 3)  # width / height of either crop
    flip: bool = True  # mirror half of the pictures, and half of the shapes' view sets
    flip_together: bool = False  # mirror a whole batch or none of it, not each item by itself
    augmentation: Literal["paper", "released"] = "paper"  # released: each view of a shape is cut
    # and mirrored by itself; pictures move by whole pixels, and what moves in is black
    colour_jitter: Part = 0.0  # brightness, contrast, saturation scaled by 1 +- this
    grayscale: Part = 0.0  # probability of a gray query
    blur: Part = 0.0  # probability of a blurred query
    background: Part = 0.0  # probability that what the mask leaves out is repainted
    image_variants: Variants = 0  # fixed augmented forms of each picture; 0: a new one every time
    view_variants: Variants = 0  # the same of each shape's views

    def problems(self) -> Iterator[str]:
        """What no type can say."""
        if self.views_per_step > self.views:
            yield f"views_per_step ({self.views_per_step}) is more than views ({self.views})"
        for key in ("image_crop", "view_crop", "crop_ratio"):
            low, high = getattr(self, key)
            if low > high:
                yield f"{key} must be low <= high, not [{low}, {high}]"
