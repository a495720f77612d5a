"""Category-level training on features at the split, computed once; see `lowered`."""
from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.config import DomainConfig
from crossmodal.data.augment import pick_variant
from crossmodal.data.batches import Layout
from crossmodal.data.domain_batches import DomainBatches, ItemBatches, Side
from crossmodal.data.image_lists import Item
from crossmodal.data.loader import Loader
from crossmodal.models.category_encode import CategoryEncoder
from crossmodal.models.encode import PREPARATION
from crossmodal.models.layers import computes_mixed
from crossmodal.runtime import seeds
from crossmodal.runtime.digest import code_digest
from crossmodal.training.feature_cache import COMPUTES, cache_folder, file_stamp
from crossmodal.training.feature_maps import map_rows, stored_maps

# What a variant looks like, besides its preparation.
_AUGMENTATION = {
    "query": ("translate", "image_crop", "crop_ratio", "flip", "flip_together", "colour_jitter",
              "grayscale", "blur", "background", "image_variants", "test_crop", "augmentation"),
    "shape": ("view_crop", "crop_ratio", "flip", "flip_together", "view_variants", "test_crop",
              "augmentation")}


class LoweredSide(Side):
    """A domain whose items are feature maps.

    maps : (N, variants, V, C, H, W) float16, of a file; NaN where an item cannot be read
    """

    def __init__(self, side: Side, maps: np.ndarray) -> None:
        super().__init__(side.items, side.kind, side.data, side.seed)
        self.maps = maps

    def frames(self, at: int, bad: dict[str, str]) -> np.ndarray | None:
        """(variants, V, C, H, W) features of an item, or None and a complaint."""
        found = self.maps[at]
        if np.isnan(found.flat[0]):
            bad[self.items[at].id] = "not readable when its features were computed"
            return None
        return found

    def write(self, at: int, frames: Any, iteration: int, slot: int, mirror: bool | None,
              out: np.ndarray) -> None:
        rng = seeds.generator(self.seed, self.kind, iteration, slot)
        out[:] = frames[pick_variant(rng, len(frames), mirror, self.data)]


class LoweredDomainBatches(DomainBatches):
    """The same batches as DomainBatches, feature maps in the place of pixels."""

    def __init__(self, batches: DomainBatches, query: np.ndarray, shape: np.ndarray) -> None:
        self.data, self.seed, self.iterations = batches.data, batches.seed, batches.iterations
        self.labels, self.target_labels = batches.labels, batches.target_labels
        self.source: Side = LoweredSide(batches.source, query)
        self.target: Side = LoweredSide(batches.target, shape)
        self._shapes = query.shape[3:], shape.shape[2:]

    def layout(self) -> Layout:
        """Shape and type of every array of a batch."""
        batch, (query, shape) = self.data.batch_size, self._shapes
        return {**super().layout(), "images": ((batch, *query), "float32"),
                "views": ((batch, *shape), "float32")}


def can_lower(encoder: CategoryEncoder) -> bool:
    """Whether an item has finitely many forms, and nothing below the split learns."""
    data = encoder.config.data
    return bool(data.image_variants and data.view_variants) and \
        encoder.net.encoder.lower_is_frozen


def lowered_domains(encoder: CategoryEncoder, batches: DomainBatches) -> LoweredDomainBatches:
    """Batches of features at the split; computes and stores those that are not there yet."""
    data = encoder.config.data
    maps = {}
    for kind, items, variants in (("query", batches.source.items, data.image_variants),
                                  ("shape", batches.target.items, data.view_variants)):
        source = ItemBatches(items, kind, data, variants)
        path = cache_folder(encoder.config) / f"lower_{kind}_{_key(encoder, items, kind)}.npy"
        found = stored_maps(path, source.count, partial(
            map_rows, Loader(source, data.workers), source.count,
            "pictures" if kind == "query" else "shapes", encoder.lower))
        maps[kind] = found.reshape((len(items), variants, *found.shape[1:]))
    return LoweredDomainBatches(batches, maps["query"], maps["shape"])


def _key(encoder: CategoryEncoder, items: list[Item], kind: str) -> str:
    """Names what the maps depend on: the lower half, the files, the variants."""
    data: DomainConfig = encoder.config.data
    settings = [getattr(data, name) for name in (*PREPARATION, *_AUGMENTATION[kind])]
    digest = hashlib.sha256(repr(settings).encode())
    for name, tensor in encoder.net.encoder.lower_tensors().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    for item in items:
        for path in item.files:
            digest.update(f"{item.id} {path} {file_stamp(Path(path))}".encode())
    digest.update(f"{computes_mixed(encoder.net)} {code_digest(*COMPUTES)}".encode())
    return digest.hexdigest()[:16]
