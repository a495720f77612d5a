"""Training on features at the split, computed once: for a lower half that does not learn.

With ``data.image_variants`` and ``data.view_variants`` a picture and a shape have finitely many
augmented forms, and with everything below the split frozen each form has one feature map for good.
The maps (float16) lie in ``<log.save_root>/cache``; runs that differ in seed, losses or upper half
share them.
"""
from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np

from crossmodal.config import Config, DataConfig
from crossmodal.data.augment import batch_mirror, pick_variant
from crossmodal.data.batches import Layout, TrainBatches
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.errors import SampleError
from crossmodal.data.loader import Loader
from crossmodal.data.variants import Variants
from crossmodal.models.encode import PREPARATION, Encoder
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.runtime import seeds
from crossmodal.training.feature_cache import cache_folder, queries_digest, shapes_digest
from crossmodal.training.feature_maps import map_rows, stored_maps

# What a variant looks like, besides its preparation.
_AUGMENTATION = {
    "query": ("translate", "image_crop", "crop_ratio", "flip", "flip_together", "colour_jitter",
              "grayscale", "blur", "background", "image_variants"),
    "shape": ("view_crop", "crop_ratio", "flip", "flip_together", "share_view_crop",
              "view_variants")}


class LoweredBatches(TrainBatches):
    """The same batches as TrainBatches, feature maps in the place of pixels.

    ``images`` is (B, C, H, W) and ``views`` (S, V, C, H, W), both float32.

    Parameters
    ----------
    queries : (N, variants, C, H, W) float16, of a file; NaN where a picture cannot be read
    shapes : (S, variants, V, C, H, W) float16, likewise
    """

    def __init__(self, dataset: InstanceDataset, data: DataConfig, seed: int,
                 queries: np.ndarray, shapes: np.ndarray) -> None:
        super().__init__(dataset, data, seed)
        self._queries, self._shapes = queries, shapes

    def layout(self) -> Layout:
        """Shape and type of every array of a batch."""
        layout = super().layout()
        (batch, *_), _ = layout["images"]
        (slots, views, *_), _ = layout["views"]
        return {**layout, "images": ((batch, *self._queries.shape[2:]), "float32"),
                "views": ((slots, views, *self._shapes.shape[3:]), "float32")}

    def picture(self, item: int, bad: dict[str, str]) -> np.ndarray | None:
        """(variants, C, H, W) features of a training picture, or None and a complaint."""
        found = self._queries[item]
        if np.isnan(found.flat[0]):
            bad[self.records[item].image] = "not readable when its features were computed"
            return None
        return found

    def views(self, shape: int) -> np.ndarray:
        """(variants, V, C, H, W) features of a training shape; raises SampleError."""
        found = self._shapes[shape]
        if np.isnan(found.flat[0]):
            raise SampleError(f"{self.shapes[shape]}: not readable when its features were computed")
        return found

    def _write_images(self, found: list[tuple[int, np.ndarray]], epoch: int, step: int,
                      out: np.ndarray) -> None:
        mirror = batch_mirror(self.data, self.seed, epoch, step)
        for i, (_, maps) in enumerate(found):
            rng = seeds.generator(self.seed, "query", epoch, step * self.data.batch_size + i)
            out[i] = maps[pick_variant(rng, len(maps), mirror, self.data)]

    def _write_views(self, shape: int, epoch: int, index: int, out: np.ndarray) -> None:
        rng = seeds.generator(self.seed, "shape", epoch, index)
        chosen = self._chosen_views(rng)
        maps = self.views(shape)
        mirror = batch_mirror(self.data, self.seed, epoch, index // self.slots)
        variant = pick_variant(rng, len(maps), mirror, self.data)
        out[:] = maps[variant][chosen]


def lowered_batches(net: RetrievalNet, batches: TrainBatches, dataset: InstanceDataset,
                    config: Config) -> LoweredBatches:
    """Batches of features at the split; computes and stores those that are not there yet."""
    encoder = Encoder(net, config)
    maps = {}
    kinds: tuple[Literal["query", "shape"], ...] = ("query", "shape")
    for of in kinds:
        source = Variants(batches, of)
        path = cache_folder(config) / f"lower_{of}_{_key(net, batches, of)}.npy"
        found = stored_maps(path, source.count, partial(_maps, encoder, source))
        maps[of] = found.reshape((source.items, source.each) + found.shape[1:])
    net.train()
    return LoweredBatches(dataset, config.data, config.seed, maps["query"], maps["shape"])


def _maps(encoder: Encoder, source: Variants) -> Iterator[np.ndarray]:
    query = source.of == "query"
    return map_rows(Loader(source, source.data.workers), source.count,
                    "pictures" if query else "shapes",
                    encoder.lower_images if query else encoder.lower_views)


def _key(net: RetrievalNet, batches: TrainBatches, of: str) -> str:
    """Names what the maps depend on: the tower's lower half, the pictures, the variants."""
    tower = net.query_encoder if of == "query" else net.rendering_encoder
    digest = hashlib.sha256(repr([getattr(batches.data, name)
                                  for name in (*PREPARATION, *_AUGMENTATION[of])]).encode())
    for name, tensor in tower.lower_tensors().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    digest.update(queries_digest(batches) if of == "query" else shapes_digest(batches))
    return digest.hexdigest()[:16]
