"""Several networks that see the same pictures: what they have in common is done once."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np

from crossmodal.models.encode import PREPARATION, Encoder
from crossmodal.models.split_backbone import SplitBackbone


class EncoderGroup:
    """Embeds with every network; rows of all of them lie side by side, ``split`` takes them apart.

    Pictures are read once, and a lower half that is the same in all networks is run once: testing
    three seeds of a method with a frozen lower half costs little more than testing one.

    Raises ValueError where two networks want their pictures prepared in different ways.
    """

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        self.encoders = list(encoders)
        self.config = self.encoders[0].config
        wanted = {tuple(getattr(e.config.data, key) for key in PREPARATION) for e in self.encoders}
        if len(wanted) > 1:
            raise ValueError(f"these networks want their pictures prepared in {len(wanted)} ways "
                             f"({', '.join(PREPARATION)}): test them one at a time")
        self._same_query = same_lower([e.net.query_encoder for e in self.encoders])
        self._same_view = same_lower([e.net.rendering_encoder for e in self.encoders])

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        """(N, 4, H, W) float32 normalised -> (N, sum of D)."""
        if not self._same_query:
            return _beside(lambda e: e.embed_images(images), self.encoders)
        low = self.encoders[0].lower_images(images)
        return _beside(lambda e: e.finish_images(low), self.encoders)

    def embed_views(self, views: np.ndarray) -> np.ndarray:
        """(N, V, 1, H, W) float32 normalised -> (N, sum of T * D); networks may differ in T."""
        if not self._same_view:
            return _beside(lambda e: e.embed_views(views), self.encoders)
        low = self.encoders[0].lower_views(views)
        return _beside(lambda e: e.finish_views(low), self.encoders)

    def split(self, rows: np.ndarray) -> list[np.ndarray]:
        """(N, sum of D) of `embed_images` -> (N, D) of each network."""
        return _apart(rows, [(encoder.net.dim,) for encoder in self.encoders])

    def split_tokens(self, rows: np.ndarray) -> list[np.ndarray]:
        """(N, sum of T * D) of `embed_views` -> (N, T, D) of each network."""
        return _apart(rows, [(encoder.tokens, encoder.net.dim) for encoder in self.encoders])


def _beside(embed: Callable[[Encoder], np.ndarray], encoders: Sequence[Encoder]) -> np.ndarray:
    found = [embed(encoder) for encoder in encoders]
    return np.concatenate([rows.reshape(len(rows), -1) for rows in found], axis=1)


def _apart(rows: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    return [part.reshape((len(rows), *shape))
            for part, shape in zip(np.split(rows, ends[:-1], axis=1), shapes)]


def same_lower(towers: Sequence[SplitBackbone]) -> bool:
    """Whether all towers share the split, and every tensor below it."""
    first = {name: tensor.numpy() for name, tensor in towers[0].lower_tensors().items()}
    for tower in towers[1:]:
        other = tower.lower_tensors()
        if other.keys() != first.keys() or any(
                not np.array_equal(first[name], other[name].numpy()) for name in first):
            return False
    return len(towers) > 1
