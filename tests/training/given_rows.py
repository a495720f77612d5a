"""Features that are given, not embedded: their first three numbers are the logits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from golden.formula import uniform

from crossmodal.config import CategoryLossConfig
from crossmodal.losses import CentroidState
from crossmodal.models.category_net import DomainEmbeddings, Memory
from crossmodal.models.domain_discriminator import DomainDiscriminator
from crossmodal.runtime import jt

LATE = 2000  # an iteration at which everything counts
LABEL = np.array([0, 0, 1, 1, 2, 2], np.int32)
EVERY = CategoryLossConfig(confidence=0.0)


def given_parts(state: CentroidState | None = None) -> SimpleNamespace:
    """What stands in for an `Adaptation`."""
    discriminator = DomainDiscriminator(8 * 3, hidden=16, dropout=0.0)
    return SimpleNamespace(net=SimpleNamespace(classify=lambda rows: rows[:, :3].detach() * 1.0),
                           memory=Memory(state or CentroidState.fresh(3, 8)),
                           discriminator=discriminator)


def some_rows() -> dict[str, np.ndarray]:
    """Pictures, mixed pictures, and four items: two sure ones, two unsure ones."""
    items = uniform("items", (4, 8))
    items[:, :3] = [[6, 0, 0], [0, 0, 6], [0.3, 0, 0], [0, 0.2, 0]]
    return {"plain": uniform("plain", (6, 8)), "mixed": uniform("mixed", (6, 8)), "items": items}


def given(rows: dict[str, np.ndarray]) -> DomainEmbeddings:
    return DomainEmbeddings(**{name: jt.array(array) for name, array in rows.items()})
