"""Brings tensor names of several origins to torchvision's current ones."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from crossmodal.runtime.brief import brief

LONGEST_SHOWN = 200  # letters
# Old MobileNetV2: one flat sequence a block; now: conv-norm pairs of their own.
WITH_EXPANSION = {"0": "0.0", "1": "0.1", "3": "1.0", "4": "1.1", "6": "2", "7": "3"}
WITHOUT_EXPANSION = {"0": "0.0", "1": "0.1", "3": "1", "4": "2"}
OLD_BLOCK = re.compile(r"^(features\.(\d+)\.conv)\.(\d)\.(\w+)$")


def to_torchvision(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same tensors under torchvision's current names; counters of BatchNorm are dropped.

    Known older layout: MobileNetV2 blocks ``features.i.conv.{0,1,3,4,6,7}``.
    """
    kept = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
    if "features.1.conv.3.weight" not in kept:
        return kept
    return {_mobilenet_name(name, kept): array for name, array in kept.items()}


def readable(name: str) -> str:
    """A tensor's name for a message: one from a file may be a megabyte, or steer a terminal."""
    return name if len(name) <= LONGEST_SHOWN and name.isprintable() else brief(name)


def _mobilenet_name(name: str, tensors: Mapping[str, np.ndarray]) -> str:
    match = OLD_BLOCK.match(name)
    if match is None:
        return name
    block, number, place, rest = match.groups()
    expands = f"features.{number}.conv.6.weight" in tensors
    new = (WITH_EXPANSION if expands else WITHOUT_EXPANSION).get(place)
    return name if new is None else f"{block}.{new}.{rest}"
