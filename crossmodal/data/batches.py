"""Training batches: B pictures, and S distinct shapes among which are all that the pictures show.

A batch is a function of (seed, epoch, step): no state, so any process builds the same bytes, in any
order, and a resumed run continues where it stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from crossmodal.config import DataConfig
from crossmodal.data.augment import (
    augment_picture,
    augment_views,
    batch_mirror,
    pick_variant,
    picture_variant,
    views_variant,
)
from crossmodal.data.colour_transfer import transfer_batch
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.distinct import category_matrix, distinct_shapes, instance_matrix
from crossmodal.data.errors import DataError, SampleError
from crossmodal.data.gallery_stream import GalleryStream, StepStream
from crossmodal.data.images import read_picture
from crossmodal.data.pictures import PictureCache, square_picture
from crossmodal.data.records import QueryRecord, ShapeKey
from crossmodal.data.samplers import epoch_batches, steps_per_epoch
from crossmodal.data.transforms import normalise_training, normalise_views
from crossmodal.runtime import seeds

Layout = dict[str, tuple[tuple[int, ...], str]]
CACHE_SCALE = 8 / 7  # pictures are kept a little larger than the crops taken from them


@dataclass
class Batch:
    """What one training step needs. Slots 0..S-1 are the batch's distinct shapes."""

    images: np.ndarray  # (B, 4, H, W) float32, RGB + mask, normalised; or a part of them
    views: np.ndarray  # (S, V, 1, h, w) float32, normalised; or a part of them
    image_shape: np.ndarray  # (B,) int64, the slot of the shape the picture shows
    image_category: np.ndarray  # (B,) int64, index into the data set's categories
    shape_category: np.ndarray  # (S,) int64
    image_index: np.ndarray  # (B,) int64, index into the training records
    shape_index: np.ndarray  # (S,) int64, index into the training shapes
    query_ids: list[str]
    shape_keys: list[ShapeKey]
    epoch: int
    step: int
    bad: dict[str, str] = field(default_factory=dict)  # unreadable file -> complaint
    style: np.ndarray | None = None  # (S, 2, C) float32, the shapes' styles, where known beforehand

    @property
    def instance(self) -> np.ndarray:
        """(S, B) float32, 1 where shape j is the one picture i shows."""
        return instance_matrix(self.image_shape, len(self.shape_category))

    @property
    def same_category(self) -> np.ndarray:
        """(S, B) float32, 1 where shape j has picture i's category."""
        return category_matrix(self.shape_category, self.image_category)


class TrainBatches:
    """Builds any batch of any epoch; see the module's docstring.

    S is batch_size, or the number of training shapes if that is smaller; what the pictures do not
    show comes from the training shapes or, as released, from all that are rendered. An unreadable
    picture (or one whose shape cannot be read) is replaced by the next readable one of the list.

    stack : neighbouring views that make one token (`model.view_channels`): drawn together or not
    """

    def __init__(self, dataset: InstanceDataset, data: DataConfig, seed: int,
                 stack: int = 1) -> None:
        self.records = dataset.train
        self.shapes = list(dataset.train_shapes)
        if data.fill_up == "gallery":
            known = set(self.shapes)
            self.shapes += [key for key in dataset.gallery if key not in known]
        self.store = dataset.views
        self.data = data
        self.seed = seed
        self.stack = stack
        number = {name: i for i, name in enumerate(dataset.categories)}
        place = {key: i for i, key in enumerate(self.shapes)}
        self.shape_category = np.array([number[key.category] for key in self.shapes], np.int64)
        self.record_shape = np.array([place[r.shape] for r in self.records], np.int64)
        self.slots = min(data.batch_size, len(self.shapes))
        self.own_images, self.own_shapes = range(data.batch_size), range(self.slots)
        self._cache = PictureCache(data.cache_mib)
        self._bad: dict[str, str] = {}
        self._order: tuple[int, np.ndarray] = (-1, np.empty((0, 0), np.int64))
        self._stream = StepStream(self._make_stream, self._shapes_shown) \
            if data.fill_up == "gallery" else None

    def take_part(self, number: int, count: int) -> None:
        """From now on write the pixels of one part of a batch: ``number`` of ``count`` equal ones.

        What else a batch says (which pictures, which shapes, who shows whom) stays whole. Raises
        DataError where the parts would not be equal.
        """
        if self.data.batch_size % count or self.slots % count:
            raise DataError(f"a batch of {self.data.batch_size} pictures and {self.slots} shapes "
                            f"cannot be dealt evenly to {count} processes: choose another "
                            "data.batch_size")
        each = self.data.batch_size // count, self.slots // count
        self.own_images, self.own_shapes = (
            range(number * n, (number + 1) * n) for n in each)

    def steps(self) -> int:
        """Batches in an epoch."""
        return steps_per_epoch(len(self.records), self.data.batch_size, self.data.last_batch)

    def layout(self) -> Layout:
        """Shape and type of every array of a batch."""
        data, batch, slots = self.data, self.data.batch_size, self.slots
        own, own_slots = len(self.own_images), len(self.own_shapes)
        views = data.views_per_step or data.views
        return {
            "images": ((own, 4, data.image_size, data.image_size), "float32"),
            "views": ((own_slots, views, 1, data.view_size, data.view_size), "float32"),
            "image_shape": ((batch,), "int64"),
            "image_category": ((batch,), "int64"),
            "shape_category": ((slots,), "int64"),
            "image_index": ((batch,), "int64"),
            "shape_index": ((slots,), "int64"),
        }

    def build(self, epoch: int, step: int, out: dict[str, np.ndarray]) -> dict[str, str]:
        """Writes a batch into `out` (see `layout`); returns unreadable file -> complaint."""
        bad: dict[str, str] = {}
        indices = self._batch_indices(epoch)[step]
        found = [self._readable(int(index), bad) for index in indices]
        out["image_index"][:] = [item for item, _ in found]
        self._write_images(found, epoch, step, out["images"])
        own = self.record_shape[out["image_index"]]
        shapes, slot = distinct_shapes(own.tolist(), self._others(own, epoch, step), self.slots,
                                       lambda s: self._has_views(s, bad))
        out["shape_index"][:], out["image_shape"][:] = shapes, slot
        out["shape_category"][:] = self.shape_category[shapes]
        out["image_category"][:] = out["shape_category"][slot]
        for place, i in enumerate(self.own_shapes):
            self._write_views(int(shapes[i]), epoch, step * self.slots + i, out["views"][place])
        return bad

    def _others(self, own: np.ndarray, epoch: int, step: int) -> list[int]:
        """Shapes to fill a step up with, in their order: at random, or as released."""
        rng = seeds.generator(self.seed, "fill", epoch, step)
        rest = rng.permutation(np.setdiff1d(np.arange(len(self.shapes)), own)).tolist()
        return rest if self._stream is None else self._stream.offered(epoch, step) + rest

    def _make_stream(self) -> GalleryStream:
        return GalleryStream(len(self.shapes), self.data.batch_size, self._pass_order)

    def _pass_order(self, number: int) -> np.ndarray:
        return seeds.generator(self.seed, "gallery", number).permutation(len(self.shapes))

    def _shapes_shown(self, epoch: int) -> np.ndarray:
        """(steps, B) shapes that an epoch's pictures show, as if all could be read."""
        return self.record_shape[self._batch_indices(epoch)]

    def wrap(self, arrays: dict[str, np.ndarray], epoch: int, step: int,
             bad: dict[str, str]) -> Batch:
        """The arrays of `build` as a Batch."""
        ids = [self.records[i].id for i in arrays["image_index"]]
        keys = [self.shapes[i] for i in arrays["shape_index"]]
        return Batch(**arrays, query_ids=ids, shape_keys=keys, epoch=epoch, step=step, bad=bad)

    def _batch_indices(self, epoch: int) -> np.ndarray:
        if self._order[0] != epoch:
            batches = epoch_batches(len(self.records), self.data.batch_size, self.seed, epoch,
                                    self.data.last_batch)
            self._order = (epoch, batches)
        return self._order[1]

    def _readable(self, index: int, bad: dict[str, str]) -> tuple[int, np.ndarray]:
        """The first readable record from `index` on, and its picture."""
        for i in range(len(self.records)):
            at = (index + i) % len(self.records)
            picture = self.picture(at, bad)
            if picture is not None and self._has_views(int(self.record_shape[at]), bad):
                return at, picture
        raise DataError(f"none of {len(self.records)} training pictures can be read "
                        f"(first: {next(iter(bad.values()))})")

    def picture(self, item: int, bad: dict[str, str]) -> np.ndarray | None:
        """The picture of a record, or None and a complaint."""
        record = self.records[item]
        if record.image in self._bad:
            bad[record.image] = self._bad[record.image]
            return None
        try:
            return self._cache.get(record.image, lambda: self._read(record))
        except SampleError as error:
            self._bad[record.image] = bad[record.image] = str(error)
            return None

    def _read(self, record: QueryRecord) -> np.ndarray:
        data = self.data
        size = math.ceil(data.image_size * CACHE_SCALE)
        # A small object in a large picture needs all its pixels: no shortcut in decoding.
        least = None if data.crop_to_object else size
        picture = read_picture(record.image, record.mask, least)
        return square_picture(picture, size, data.image_fit, data.crop_to_object, data.crop_margin)

    def _has_views(self, shape: int, bad: dict[str, str]) -> bool:
        """Whether the views of a training shape can be read."""
        name = str(self.shapes[shape])
        if name not in self._bad:
            try:
                self.views(shape)
                return True
            except SampleError as error:
                self._bad[name] = str(error)
        bad[name] = self._bad[name]
        return False

    def views(self, shape: int) -> np.ndarray:
        """(V, H, W) uint8 views of a training shape; raises SampleError."""
        views = self.store[self.shapes[shape]]
        if len(views) != self.data.views:
            raise SampleError(f"{self.shapes[shape]}: {len(views)} views, not {self.data.views}")
        return views

    def _write_images(self, found: list[tuple[int, np.ndarray]], epoch: int, step: int,
                      out: np.ndarray) -> None:
        data, mirror = self.data, batch_mirror(self.data, self.seed, epoch, step)
        changed = []
        # A picture may take the colours of any other one of the batch.
        for i in range(len(found)) if data.colour_transfer else self.own_images:
            item, picture = found[i]
            rng = seeds.generator(self.seed, "query", epoch, step * data.batch_size + i)
            if data.image_variants:
                variant = pick_variant(rng, data.image_variants, mirror, data)
                changed.append(picture_variant(picture, self.records[item].id, variant, data))
            else:
                changed.append(augment_picture(picture, rng, data, mirror))
        if data.colour_transfer:
            order = seeds.generator(self.seed, "colours", epoch, step).permutation(len(changed))
            moved = transfer_batch(changed, order)
            changed = [moved[i] for i in self.own_images]
        for picture, place in zip(changed, out):
            normalise_training(picture, data.normalisation, data.train_masks, place)

    def _write_views(self, shape: int, epoch: int, index: int, out: np.ndarray) -> None:
        data = self.data
        rng = seeds.generator(self.seed, "shape", epoch, index)
        views = self.views(shape)
        chosen = views_of_stacks(self._chosen_stacks(rng), self.stack)
        mirror = batch_mirror(data, self.seed, epoch, index // self.slots)
        if data.view_variants:
            variant = pick_variant(rng, data.view_variants, mirror, data)
            views = views_variant(views, str(self.shapes[shape]), variant, data)[chosen]
        else:
            views = augment_views(views[chosen], rng, data, mirror)
        normalise_views(views, data.normalisation, out)

    def _chosen_stacks(self, rng: np.random.Generator) -> np.ndarray:
        """Which stacks of a shape's views a step sees; a stack of one is a view."""
        count, wanted = self.data.views // self.stack, self.data.views_per_step // self.stack
        return np.sort(rng.permutation(count)[:wanted]) if wanted else np.arange(count)


def views_of_stacks(stacks: np.ndarray, size: int) -> np.ndarray:
    """The views in stacks of ``size``, stack by stack: [0, 2] of 4 is [0, 1, 2, 3, 8, 9, 10, 11].
    """
    return (stacks[:, None] * size + np.arange(size)).ravel()
