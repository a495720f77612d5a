"""Category-level batches: B labelled source pictures and B target items of V views.

A batch is a function of (seed, iteration). Each domain goes through its list in a new random order
in every pass, one pass after the other; an item's views are one thing, shuffled and changed
together. As released (`data.passes`), the target is in its list's order, and no batch has items of
two passes: what is left of a pass is not seen.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np

from crossmodal.config import DomainConfig
from crossmodal.data.augment import batch_mirror, pick_variant
from crossmodal.data.batches import Layout
from crossmodal.data.domains import Domains
from crossmodal.data.errors import DataError, SampleError
from crossmodal.data.evaluation import fill
from crossmodal.data.frames import (
    augment_frames,
    centre_frames,
    frames_variant,
    normalise_frames,
    read_frames,
)
from crossmodal.data.image_lists import Item
from crossmodal.data.pictures import PictureCache
from crossmodal.runtime import seeds
from crossmodal.runtime.digest import text_digest


@dataclass
class DomainBatch:
    """What one iteration needs; no target label is in it unless ``data.target_labels`` asks."""

    images: np.ndarray  # (B, 3, H, W) float32 source pictures, normalised
    views: np.ndarray  # (B, V, 3, h, w) float32 target items, normalised
    label: np.ndarray  # (B,) int64, class of each source picture
    image_index: np.ndarray  # (B,) int64, place in the source
    item_index: np.ndarray  # (B,) int64, place in the target
    iteration: int
    bad: dict[str, str] = field(default_factory=dict)  # unreadable item -> complaint
    target_label: Optional[np.ndarray] = None  # noqa: UP045 - (B,) int64, class of each target item


class Side:
    """One domain: its items, how they are read, and which of them an iteration sees."""

    def __init__(self, items: Sequence[Item], kind: str, data: DomainConfig, seed: int) -> None:
        self.items, self.kind, self.data, self.seed = list(items), kind, data, seed
        self.variants = data.image_variants if kind == "query" else data.view_variants
        self.whole_batches = data.passes == "released"
        self.shuffled = kind == "query" or not self.whole_batches
        self._cache = PictureCache(data.cache_mib / 2)
        self._bad: dict[str, str] = {}
        self._order: dict[int, np.ndarray] = {}

    def picked(self, iteration: int) -> list[int]:
        """The places of the items of an iteration."""
        size, count = self.data.batch_size, len(self.items)
        if self.whole_batches:
            number, batch = divmod(iteration, count // size)
            return self._pass(number)[batch * size:(batch + 1) * size].tolist()
        return [int(self._pass(place // count)[place % count])
                for place in range(iteration * size, (iteration + 1) * size)]

    def readable(self, index: int, bad: dict[str, str]) -> tuple[int, Any]:
        """The first readable item from ``index`` on, and its frames."""
        for step in range(len(self.items)):
            at = (index + step) % len(self.items)
            frames = self.frames(at, bad)
            if frames is not None:
                return at, frames
        raise DataError(f"none of {len(self.items)} items can be read "
                        f"(first: {next(iter(bad.values()))})")

    def frames(self, at: int, bad: dict[str, str]) -> np.ndarray | None:
        """(V, S, S, 4) uint8 of an item, or None and a complaint."""
        item = self.items[at]
        if item.id not in self._bad:
            try:
                return self._cache.get(item.id, lambda: read_frames(item, self.kind, self.data))
            except SampleError as error:
                self._bad[item.id] = str(error)
        bad[item.id] = self._bad[item.id]
        return None

    def write(self, at: int, frames: Any, iteration: int, slot: int, mirror: bool | None,
              out: np.ndarray) -> None:
        """The changed, normalised frames of a batch's slot into ``out`` (V, 3, H, W)."""
        rng = seeds.generator(self.seed, self.kind, iteration, slot)
        if self.variants:
            frames = frames_variant(frames, self.kind, self.items[at].id,
                                    pick_variant(rng, self.variants, mirror, self.data), self.data)
        else:
            frames = augment_frames(frames, self.kind, rng, self.data, mirror)
        normalise_frames(frames, self.data, out)

    def _pass(self, number: int) -> np.ndarray:
        """(N,) the order of one pass through the list; the last two are remembered."""
        if number not in self._order:
            rng = seeds.generator(self.seed, "order", self.kind, number)
            self._order = {k: v for k, v in self._order.items() if k == number - 1}
            self._order[number] = rng.permutation(len(self.items)) if self.shuffled \
                else np.arange(len(self.items))
        return self._order[number]


def labels_of(items: Sequence[Item]) -> np.ndarray:
    """(N,) int64"""
    return np.array([item.label for item in items], np.int64)


class DomainBatches:
    """Builds the batch of any iteration; a source for the Loader, whose epoch is the whole run.

    iterations : how many there are
    """

    def __init__(self, domains: Domains, data: DomainConfig, seed: int, iterations: int) -> None:
        self.data, self.seed, self.iterations = data, seed, iterations
        self.source = Side(domains.source, "query", data, seed)
        self.target = Side(domains.target, "shape", data, seed)
        self._check_passes()
        self.labels = labels_of(domains.source)
        self.target_labels = labels_of(domains.target) if data.target_labels == "used" else None

    def _check_passes(self) -> None:
        for side, key in ((self.source, "source_list"), (self.target, "target_list")):
            if side.whole_batches and len(side.items) < self.data.batch_size:
                raise DataError(f"{getattr(self.data, key)}: {len(side.items)} items do not fill a "
                                f"batch of {self.data.batch_size}, and data.passes=released takes "
                                "whole ones: lower data.batch_size")

    def steps(self) -> int:
        return self.iterations

    def digest(self) -> str:
        """Changes with any item of either list, and with any label that is used."""
        listed = [(item.id, item.label) for item in self.source.items], \
            [item.id if self.target_labels is None else (item.id, item.label)
             for item in self.target.items]
        return text_digest(repr(listed))[:16]

    def layout(self) -> Layout:
        """Shape and type of every array of a batch."""
        data, batch = self.data, self.data.batch_size
        names = ["label", "image_index", "item_index"]
        names += ["target_label"] * (self.target_labels is not None)
        return {"images": ((batch, 3, data.image_size, data.image_size), "float32"),
                "views": ((batch, data.views, 3, data.view_size, data.view_size), "float32"),
                **{name: ((batch,), "int64") for name in names}}

    def build(self, epoch: int, step: int, out: dict[str, np.ndarray]) -> dict[str, str]:
        """Writes the batch of iteration ``step`` into ``out``; returns unreadable -> complaint."""
        bad: dict[str, str] = {}
        mirror = batch_mirror(self.data, self.seed, step)
        for side, index, pixels in ((self.source, out["image_index"], out["images"]),
                                    (self.target, out["item_index"], out["views"])):
            for slot, wanted in enumerate(side.picked(step)):
                index[slot], frames = side.readable(wanted, bad)
                place = pixels[slot:slot + 1] if side is self.source else pixels[slot]
                side.write(int(index[slot]), frames, step, slot, mirror, place)
        out["label"][:] = self.labels[out["image_index"]]
        if self.target_labels is not None:
            out["target_label"][:] = self.target_labels[out["item_index"]]
        return bad

    def wrap(self, arrays: dict[str, np.ndarray], epoch: int, step: int,
             bad: dict[str, str]) -> DomainBatch:
        return DomainBatch(**arrays, iteration=step, bad=bad)


@dataclass
class ItemBatch:
    """Some items. Rows with ``valid`` False are padding or unreadable, and zero."""

    pixels: np.ndarray  # (B, V, 3, H, W) float32, normalised
    index: np.ndarray  # (B,) int64, which row; -1: padding
    valid: np.ndarray  # (B,) bool
    bad: dict[str, str] = field(default_factory=dict)  # unreadable item -> complaint


class ItemBatches:
    """Items in their order, in batches of one size: as a test sees them, or in fixed variants.

    kind : "query" for pictures, "shape" for items of V views
    variants : 0: the centre crop; else row ``item * variants + k`` is an item's variant k
    """

    def __init__(self, items: Sequence[Item], kind: str, data: DomainConfig,
                 variants: int = 0) -> None:
        self.side = Side(items, kind, data, 0)
        self.kind, self.data, self.variants = kind, data, variants
        self.views = 1 if kind == "query" else data.views
        self.size = max(1, data.eval_batch_size // self.views)
        self.count = len(self.side.items) * max(variants, 1)

    def steps(self) -> int:
        return -(-self.count // self.size)

    def layout(self) -> Layout:
        side = self.data.image_size if self.kind == "query" else self.data.view_size
        return {"pixels": ((self.size, self.views, 3, side, side), "float32"),
                "index": ((self.size,), "int64"), "valid": ((self.size,), "bool")}

    def build(self, epoch: int, step: int, out: dict[str, np.ndarray]) -> dict[str, str]:
        """Writes batch ``step`` into ``out``; an unreadable item stays zero and is returned."""
        bad: dict[str, str] = {}
        for slot, row in enumerate(fill(out, step, self.count)):
            item, variant = divmod(row, max(self.variants, 1))
            frames = self.side.frames(item, bad)
            if frames is not None:
                frames = frames_variant(frames, self.kind, self.side.items[item].id, variant,
                                        self.data) if self.variants \
                    else centre_frames(frames, self.kind, self.data)
                normalise_frames(frames, self.data, out["pixels"][slot])
                out["valid"][slot] = True
        return bad

    def wrap(self, arrays: dict[str, np.ndarray], epoch: int, step: int,
             bad: dict[str, str]) -> ItemBatch:
        return ItemBatch(**arrays, bad=bad)
