"""What a file of tensors is: a released retrieval network, an architecture's weights, or neither.

The released networks' tensors are named ``query_encoder.resnet.*`` (photos), ``rendering_encoder.
resnet.*`` (views) and ``attention.linear_in``, ``attention.linear_out``; a tower's head is ``fc.0``
(batch normalisation) and ``fc.1`` (linear). `RetrievalNet` has the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from crossmodal.checkpoint.towers import Shape, Tower, find_towers
from crossmodal.weights.names import to_torchvision
from crossmodal.weights.read import read_weights

QUERY, VIEW, ATTENTION = "query_encoder.", "rendering_encoder.", "attention."
COUNTER = "num_batches_tracked"  # torch counts batches; nothing here needs it


class Kind(Enum):
    """What the tensors make up."""

    SC_IBSR = "released SC-IBSR network"
    CMIC = "released CMIC network"
    RETRIEVAL = "retrieval network of the released layout, neither SC-IBSR's nor CMIC's"
    ARCHITECTURE = "weights of one architecture, under torchvision's names"
    UNKNOWN = "unknown tensors"


# (backbone, channels) of the photos' tower and of the views' tower.
RELEASED = {(("resnet50", 4), ("resnet50", 4)): Kind.SC_IBSR,
            (("resnet50", 4), ("resnet18", 1)): Kind.CMIC}
RETRIEVAL_KINDS = (Kind.SC_IBSR, Kind.CMIC, Kind.RETRIEVAL)


@dataclass(frozen=True)
class Contents:
    """The tensors of a file, sorted.

    attention : names of the view attention's
    extra : names of those that belong to no tower and not to the attention
    counters : how many counters of batch normalisation were left out
    """

    kind: Kind
    tensors: dict[str, np.ndarray]
    towers: list[Tower]
    attention: list[str]
    extra: list[str]
    counters: int

    def tower(self, prefix: str) -> Tower:
        """The first one whose prefix begins so; raises StopIteration without one."""
        return next(tower for tower in self.towers if tower.prefix.startswith(prefix))


def read_contents(path: Path) -> Contents:
    """Read a file of weights, running no code of it; raises WeightsError or UnsafePickle."""
    tensors = read_weights(path)
    return sort_tensors(tensors)


def sort_tensors(tensors: Mapping[str, np.ndarray]) -> Contents:
    """Recognise what the tensors are."""
    kept = to_torchvision(tensors)
    counters = sum(name.endswith(COUNTER) for name in tensors)
    shapes = shapes_of(kept)
    towers = find_towers(shapes)
    attention = [name for name in kept if name.startswith(ATTENTION)]
    known = {name for tower in towers for name in tower.tensors} | set(attention)
    return Contents(_kind(towers, attention), kept, towers, attention,
                    [name for name in kept if name not in known], counters)


def shapes_of(tensors: Mapping[str, np.ndarray]) -> dict[str, Shape]:
    """name -> shape"""
    return {name: tuple(array.shape) for name, array in tensors.items()}


def _kind(towers: list[Tower], attention: list[str]) -> Kind:
    if len(towers) == 1 and not towers[0].prefix:
        return Kind.ARCHITECTURE
    sides = [[tower for tower in towers if tower.prefix.startswith(side)]
             for side in (QUERY, VIEW)]
    if len(towers) != 2 or not all(sides) or not attention:
        return Kind.UNKNOWN
    query, view = ((side[0].backbone, side[0].channels) for side in sides)
    return RELEASED.get((query, view), Kind.RETRIEVAL)
