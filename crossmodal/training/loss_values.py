"""Reads an iteration's losses from the device, all at once."""
from __future__ import annotations

from collections.abc import Mapping

from crossmodal.runtime import jt


def loss_values(total: jt.Var, terms: Mapping[str, jt.Var]) -> dict[str, float]:
    """The scalars as Python numbers, ``loss`` first: one copy, one wait."""
    numbers = jt.concat([value.reshape(1) for value in (total, *terms.values())]).numpy()
    return dict(zip(("loss", *terms), numbers.astype(float).tolist()))
