"""Queries and gallery shapes as they are, in batches of one fixed size, the last one padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from crossmodal.config import DataConfig
from crossmodal.data.batches import Layout
from crossmodal.data.errors import SampleError
from crossmodal.data.images import join, read_picture
from crossmodal.data.pictures import square_picture
from crossmodal.data.records import QueryRecord, ShapeKey
from crossmodal.data.transforms import (
    fixed_views,
    normalise_picture,
    normalise_views,
    object_views,
)
from crossmodal.data.views import ViewStore


@dataclass
class QueryBatch:
    """Some queries. Rows with ``valid`` False are padding or unreadable, and zero."""

    images: np.ndarray  # (B, 4, H, W) float32, RGB + mask, normalised
    index: np.ndarray  # (B,) int64, place in the records; -1: padding
    valid: np.ndarray  # (B,) bool
    bad: dict[str, str] = field(default_factory=dict)  # unreadable file -> complaint


@dataclass
class ViewBatch:
    """Some gallery shapes. Rows with ``valid`` False are padding or unreadable, and zero."""

    views: np.ndarray  # (B, V, 1, h, w) float32, normalised
    index: np.ndarray  # (B,) int64, place in the keys; -1: padding
    valid: np.ndarray  # (B,) bool
    bad: dict[str, str] = field(default_factory=dict)


def query_array(rgb: np.ndarray, mask: np.ndarray | None, data: DataConfig) -> np.ndarray:
    """(4, H, W) float32: any picture as the network sees it in a test.

    rgb : (h, w, 3) uint8. mask : (h, w) uint8, 255 = object, or None for the whole frame.
    """
    picture = square_picture(join(rgb, mask), data.image_size, data.image_fit,
                             data.crop_to_object, data.crop_margin)
    return normalise_picture(picture, data.normalisation)


def view_array(views: np.ndarray, data: DataConfig) -> np.ndarray:
    """(V, 1, h, w) float32: (V, H, W) uint8 views as the network sees them in a test."""
    if data.view_crop_to_object:
        views = object_views(views, data.crop_margin)
    return normalise_views(fixed_views(views, data.view_size), data.normalisation)


def fill(out: dict[str, np.ndarray], step: int, count: int) -> list[int]:
    """Resets `out` to padding; the items that belong in batch `step`."""
    size = len(out["index"])
    for array in out.values():
        array[:] = 0
    out["index"][:] = -1
    items = list(range(step * size, min((step + 1) * size, count)))
    out["index"][: len(items)] = items
    return items


class QueryBatches:
    """The queries of `records`, in their order, without any augmentation."""

    def __init__(self, records: Sequence[QueryRecord], data: DataConfig) -> None:
        self.records = list(records)
        self.data = data

    def steps(self) -> int:
        return -(-len(self.records) // self.data.eval_batch_size)

    def layout(self) -> Layout:
        size, batch = self.data.image_size, self.data.eval_batch_size
        return {"images": ((batch, 4, size, size), "float32"), "index": ((batch,), "int64"),
                "valid": ((batch,), "bool")}

    def build(self, epoch: int, step: int, out: dict[str, np.ndarray]) -> dict[str, str]:
        """Writes batch `step` into `out`; an unreadable picture stays zero and is returned."""
        bad = {}
        least = None if self.data.crop_to_object else self.data.image_size
        for i, item in enumerate(fill(out, step, len(self.records))):
            record = self.records[item]
            try:
                picture = read_picture(record.image, record.mask, least)
            except SampleError as error:
                bad[record.image] = str(error)
                continue
            out["images"][i] = query_array(picture[..., :3], picture[..., 3], self.data)
            out["valid"][i] = True
        return bad

    def wrap(self, arrays: dict[str, np.ndarray], epoch: int, step: int,
             bad: dict[str, str]) -> QueryBatch:
        return QueryBatch(**arrays, bad=bad)


class ViewBatches:
    """All views of the shapes `keys` of a store, in their order, without any augmentation."""

    def __init__(self, store: ViewStore, keys: Sequence[ShapeKey], data: DataConfig) -> None:
        self.store = store
        self.keys = list(keys)
        self.data = data

    def steps(self) -> int:
        return -(-len(self.keys) // self.data.eval_batch_size)

    def layout(self) -> Layout:
        size, batch = self.data.view_size, self.data.eval_batch_size
        return {"views": ((batch, self.data.views, 1, size, size), "float32"),
                "index": ((batch,), "int64"), "valid": ((batch,), "bool")}

    def build(self, epoch: int, step: int, out: dict[str, np.ndarray]) -> dict[str, str]:
        """Writes batch `step` into `out`; an unreadable shape stays zero and is returned."""
        bad = {}
        for i, item in enumerate(fill(out, step, len(self.keys))):
            key = self.keys[item]
            try:
                views = self.store[key]
                if len(views) != self.data.views:
                    raise SampleError(f"{key}: {len(views)} views, not {self.data.views}")
            except SampleError as error:
                bad[str(key)] = str(error)
                continue
            out["views"][i] = view_array(views, self.data)
            out["valid"][i] = True
        return bad

    def wrap(self, arrays: dict[str, np.ndarray], epoch: int, step: int,
             bad: dict[str, str]) -> ViewBatch:
        return ViewBatch(**arrays, bad=bad)
