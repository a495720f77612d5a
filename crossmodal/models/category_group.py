"""Several category-level networks that see the same pictures: what they share is done once."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crossmodal.data.domain_batches import ItemBatches
from crossmodal.data.image_lists import Item
from crossmodal.data.loader import Loader
from crossmodal.models.category_encode import CategoryEncoder, Embedded
from crossmodal.models.encode import PREPARATION, gather
from crossmodal.models.encoder_group import same_lower

# Besides what both levels prepare alike: the crop, and which pictures are an item.
_ITEMS = ("test_crop", "view_grouping")


def alike(encoders: Sequence[CategoryEncoder]) -> list[list[int]]:
    """Places of the networks, those together that want the same items, prepared in one way."""
    found: dict[tuple[object, ...], list[int]] = {}
    for place, encoder in enumerate(encoders):
        data = encoder.config.data
        wanted = (*(getattr(data, key) for key in (*PREPARATION, *_ITEMS)), *encoder.classes)
        found.setdefault(wanted, []).append(place)
    return list(found.values())


def embed_together(encoders: Sequence[CategoryEncoder], items: Sequence[Item], kind: str,
                   workers: int = 0) -> list[Embedded]:
    """What every network says of the items, in batches of one size.

    Pictures are read once, and a lower half that is the same in all networks runs once. The
    networks must be ``alike``.

    kind : "query" for pictures, "shape" for items of V views
    """
    shared = same_lower([encoder.net.encoder for encoder in encoders])

    def rows(pixels: np.ndarray) -> np.ndarray:
        if not shared:
            return np.concatenate([encoder.rows(pixels) for encoder in encoders], axis=1)
        low = encoders[0].lower(pixels)
        return np.concatenate([encoder.finish(low) for encoder in encoders], axis=1)

    loader = Loader(ItemBatches(items, kind, encoders[0].config.data), workers)
    found, read = gather(loader, len(items), "pictures" if kind == "query" else "shapes",
                         lambda batch: rows(batch.pixels))
    embedded, start = [], 0
    for encoder in encoders:
        middle, end = start + encoder.net.dim, start + encoder.net.dim + encoder.net.classes
        embedded.append(Embedded(found[:, start:middle], found[:, middle:end], read))
        start = end
    return embedded
