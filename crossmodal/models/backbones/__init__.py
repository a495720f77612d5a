"""Backbones by name: convolutional networks cut into named stages, without a head."""
from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from crossmodal.models.backbones import mobilenet_v2, resnet

_FAMILIES = (resnet, mobilenet_v2)
NAMES = tuple(name for family in _FAMILIES for name in family.NAMES)


def build_backbone(name: str, in_channels: int = 3) -> Any:
    """Build a backbone.

    It has ``family`` (str), ``stages`` (names in order), ``run_stage(name, x)``,
    ``stage_modules(name)``, ``out_features`` (channels after the last stage), ``stem_weight``
    (tensor name of the first convolution) and an empty slot ``fc`` for a head.

    Raises ValueError for an unknown name, naming the nearest one.
    """
    for family in _FAMILIES:
        if name in family.NAMES:
            return family.build(name, in_channels)
    near = get_close_matches(name, NAMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown backbone {name!r}{hint} Known: {', '.join(NAMES)}")
