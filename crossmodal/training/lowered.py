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
from typing import Callable, Literal

import numpy as np

from crossmodal.config import Config, DataConfig
from crossmodal.data.augment import batch_mirror, pick_variant
from crossmodal.data.batches import Layout, TrainBatches
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.errors import SampleError
from crossmodal.data.loader import Loader
from crossmodal.data.variants import Variants
from crossmodal.models.encode import PREPARATION, Encoder
from crossmodal.models.layers import computes_mixed
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.runtime import seeds
from crossmodal.runtime.digest import code_digest
from crossmodal.training.feature_cache import COMPUTES, cache_folder, queries_digest, shapes_digest
from crossmodal.training.feature_maps import map_rows, stored_maps

Kind = Literal["query", "shape"]
# What a variant looks like, besides its preparation.
_AUGMENTATION = {
    "query": ("translate", "image_crop", "crop_ratio", "flip", "flip_together", "colour_jitter",
              "grayscale", "blur", "background", "image_variants", "train_masks", "augmentation"),
    "shape": ("view_crop", "crop_ratio", "flip", "flip_together", "augmentation",
              "view_variants")}


class LoweredBatches(TrainBatches):
    """The same batches as TrainBatches, feature maps in the place of pixels.

    ``images`` is (B, C, H, W) and ``views`` (S, T, C, H, W), both float32.

    Parameters
    ----------
    queries : (N, variants, C, H, W) float16, of a file; NaN where a picture cannot be read
    shapes : (S, variants, T, C, H, W) float16, likewise
    styles : (S, variants, 2, C) float16, the shapes' styles where they do not follow from
        ``shapes``, or None
    """

    def __init__(self, dataset: InstanceDataset, data: DataConfig, seed: int, stack: int,
                 queries: np.ndarray, shapes: np.ndarray, styles: np.ndarray | None = None) -> None:
        super().__init__(dataset, data, seed, stack)
        self._queries, self._shapes, self._styles = queries, shapes, styles

    def layout(self) -> Layout:
        """Shape and type of every array of a batch."""
        layout = super().layout()
        (batch, *_), _ = layout["images"]
        (slots, views, *_), _ = layout["views"]
        layout.update(images=((batch, *self._queries.shape[2:]), "float32"),
                      views=((slots, views // self.stack, *self._shapes.shape[3:]), "float32"))
        if self._styles is not None:
            layout["style"] = ((slots, *self._styles.shape[2:]), "float32")
        return layout

    def build(self, epoch: int, step: int, out: dict[str, np.ndarray]) -> dict[str, str]:
        """Writes a batch into `out` (see `layout`); returns unreadable file -> complaint."""
        bad = super().build(epoch, step, out)
        if self._styles is not None:
            for place, i in enumerate(self.own_shapes):
                shape = int(out["shape_index"][i])
                _, variant = self._drawn(shape, epoch, step * self.slots + i)
                out["style"][place] = self._styles[shape, variant]
        return bad

    def picture(self, item: int, bad: dict[str, str]) -> np.ndarray | None:
        """(variants, C, H, W) features of a training picture, or None and a complaint."""
        found = self._queries[item]
        if np.isnan(found.flat[0]):
            bad[self.records[item].image] = "not readable when its features were computed"
            return None
        return found

    def views(self, shape: int) -> np.ndarray:
        """(variants, T, C, H, W) features of a training shape; raises SampleError."""
        found = self._shapes[shape]
        if np.isnan(found.flat[0]):
            raise SampleError(f"{self.shapes[shape]}: not readable when its features were computed")
        return found

    def _write_images(self, found: list[tuple[int, np.ndarray]], epoch: int, step: int,
                      out: np.ndarray) -> None:
        mirror = batch_mirror(self.data, self.seed, epoch, step)
        for place, i in enumerate(self.own_images):
            rng = seeds.generator(self.seed, "query", epoch, step * self.data.batch_size + i)
            maps = found[i][1]
            out[place] = maps[pick_variant(rng, len(maps), mirror, self.data)]

    def _write_views(self, shape: int, epoch: int, index: int, out: np.ndarray) -> None:
        chosen, variant = self._drawn(shape, epoch, index)
        out[:] = self.views(shape)[variant][chosen]

    def _drawn(self, shape: int, epoch: int, index: int) -> tuple[np.ndarray, int]:
        """Which tokens and which variant of a shape the ``index``-th place of an epoch sees."""
        rng = seeds.generator(self.seed, "shape", epoch, index)
        chosen = self._chosen_stacks(rng)
        mirror = batch_mirror(self.data, self.seed, epoch, index // self.slots)
        return chosen, pick_variant(rng, len(self._shapes[shape]), mirror, self.data)


def lowered_batches(net: RetrievalNet, batches: TrainBatches, dataset: InstanceDataset,
                    config: Config) -> LoweredBatches:
    """Batches of features at the split; computes and stores those that are not there yet.

    A released style (`model.style_form`) is stored too: that of all a shape's views.
    """
    encoder = Encoder(net, config)
    pictures, renders = Variants(batches, "query"), Variants(batches, "shape")
    queries = _stored(config, pictures, f"query_{_key(net, batches, 'query')}",
                      encoder.lower_images)
    shapes = _stored(config, renders, f"shape_{_key(net, batches, 'shape')}", encoder.lower_views)
    styles = None
    if config.model.style_transition and net.released_style:
        channels = queries.shape[2]
        name = f"style_deviations_{channels}_{_key(net, batches, 'shape', 'query')}"
        styles = _stored(config, renders, name, partial(encoder.style_views, channels=channels))
    net.train()
    return LoweredBatches(dataset, config.data, config.seed, net.view_channels, queries, shapes,
                          styles)


def _stored(config: Config, source: Variants, name: str,
            compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(items, variants, ...) float16 of every variant, from the cache or computed now."""
    def rows() -> Iterator[np.ndarray]:
        return map_rows(Loader(source, source.data.workers), source.count,
                        "pictures" if source.of == "query" else "shapes", compute)

    found = stored_maps(cache_folder(config) / f"lower_{name}.npy", source.count, rows)
    return found.reshape((source.items, source.each) + found.shape[1:])


def _key(net: RetrievalNet, batches: TrainBatches, of: Kind, through: Kind | None = None) -> str:
    """Names what maps depend on: the pictures, the variants, the tower's lower half.

    through : whose tower, where that is not their own
    """
    tower = net.query_encoder if (through or of) == "query" else net.rendering_encoder
    digest = hashlib.sha256(repr([getattr(batches.data, name)
                                  for name in (*PREPARATION, *_AUGMENTATION[of])]).encode())
    for name, tensor in tower.lower_tensors().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    digest.update(queries_digest(batches) if of == "query" else shapes_digest(batches))
    digest.update(f"{computes_mixed(net)} {code_digest(*COMPUTES)}".encode())
    return digest.hexdigest()[:16]
