"""Every fixed variant of the training pictures, or of the shapes' views, in batches of one size.

For what is computed once a variant; see `data.image_variants`. Row ``item * each + k`` is variant k
of an item.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from crossmodal.data.augment import picture_variant, views_variant
from crossmodal.data.batches import Layout, TrainBatches
from crossmodal.data.errors import SampleError
from crossmodal.data.evaluation import fill
from crossmodal.data.transforms import normalise_training, normalise_views


@dataclass
class VariantBatch:
    """Some rows. Rows with ``valid`` False are padding or unreadable, and zero."""

    pixels: np.ndarray  # (B, 4, H, W) pictures or (B, V, 1, h, w) views, float32, normalised
    index: np.ndarray  # (B,) int64, which row; -1: padding
    valid: np.ndarray  # (B,) bool
    bad: dict[str, str] = field(default_factory=dict)  # unreadable file -> complaint


class Variants:
    """A source for :class:`crossmodal.data.loader.Loader`.

    of : "query" for the training pictures, "shape" for the training shapes' views
    """

    def __init__(self, batches: TrainBatches, of: Literal["query", "shape"]) -> None:
        self.batches, self.of = batches, of
        self.data = batches.data
        self.each = self.data.image_variants if of == "query" else self.data.view_variants
        self.items = len(batches.records if of == "query" else batches.shapes)
        self.size = self.data.eval_batch_size if of == "query" \
            else max(1, self.data.eval_batch_size // self.data.views)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.items * self.each

    def steps(self) -> int:
        return -(-self.count // self.size)

    def layout(self) -> Layout:
        data = self.data
        pixels = (4, data.image_size, data.image_size) if self.of == "query" \
            else (data.views, 1, data.view_size, data.view_size)
        return {"pixels": ((self.size, *pixels), "float32"), "index": ((self.size,), "int64"),
                "valid": ((self.size,), "bool")}

    def build(self, epoch: int, step: int, out: dict[str, np.ndarray]) -> dict[str, str]:
        """Writes batch `step` into `out`; an unreadable file stays zero and is returned."""
        write = self._write_picture if self.of == "query" else self._write_views
        bad: dict[str, str] = {}
        for i, row in enumerate(fill(out, step, self.count)):
            out["valid"][i] = write(*divmod(row, self.each), out["pixels"][i], bad)
        return bad

    def wrap(self, arrays: dict[str, np.ndarray], epoch: int, step: int,
             bad: dict[str, str]) -> VariantBatch:
        return VariantBatch(**arrays, bad=bad)

    def _write_picture(self, item: int, variant: int, out: np.ndarray,
                       bad: dict[str, str]) -> bool:
        picture = self.batches.picture(item, bad)
        if picture is None:
            return False
        picture = picture_variant(picture, self.batches.records[item].id, variant, self.data)
        normalise_training(picture, self.data.normalisation, self.data.train_masks, out)
        return True

    def _write_views(self, shape: int, variant: int, out: np.ndarray, bad: dict[str, str]) -> bool:
        name = str(self.batches.shapes[shape])
        try:
            views = self.batches.views(shape)
        except SampleError as error:
            bad[name] = str(error)
            return False
        normalise_views(views_variant(views, name, variant, self.data), self.data.normalisation,
                        out)
        return True
