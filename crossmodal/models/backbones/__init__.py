"""Backbones by name: convolutional networks cut into named stages, without a head."""
from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from crossmodal.models.backbones import alexnet, mobilenet_v2, resnet, vgg

_FAMILIES = (resnet, vgg, alexnet, mobilenet_v2)
NAMES = tuple(name for family in _FAMILIES for name in family.NAMES)
# What the authors' category-level script calls them (``--net``).
RELEASED_NAMES = {
    **{f"ResNet{depth}": f"resnet{depth}" for depth in (18, 34, 50, 101, 152)},
    **{f"VGG{depth}": f"vgg{depth}" for depth in (11, 13, 16, 19)},
    **{f"VGG{depth}BN": f"vgg{depth}_bn" for depth in (11, 13, 16, 19)},
    "AlexNet": "alexnet",
}


def backbone_name(name: str) -> str:
    """torchvision's name of a backbone, from that or from the released one ("VGG16BN").

    Raises ValueError for an unknown name, naming the nearest one.
    """
    found = RELEASED_NAMES.get(name, name)
    if found in NAMES:
        return found
    near = get_close_matches(name, (*NAMES, *RELEASED_NAMES), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown backbone {name!r}{hint} Known: {', '.join(NAMES)}; "
                     f"as released: {', '.join(RELEASED_NAMES)}")


def build_backbone(name: str, in_channels: int = 3) -> Any:
    """Build a backbone by either of its names, see ``backbone_name``.

    It has ``family`` (str), ``stages`` (names in order), ``run_stage(name, x)``,
    ``stage_modules(name)``, ``pool(features)`` (the last stage's (N, C, H, W) to
    (N, ``out_features``)), ``stem_weight`` (tensor name of the first convolution) and an empty slot
    ``fc`` for a head. With ``takes_blocked_maps`` its stages also run on blocked maps
    (:mod:`crossmodal.kernels`), as a stage's ``stage_channels`` many channels.

    Raises ValueError for an unknown name, naming the nearest one.
    """
    name = backbone_name(name)
    family = next(family for family in _FAMILIES if name in family.NAMES)
    return family.build(name, in_channels)
