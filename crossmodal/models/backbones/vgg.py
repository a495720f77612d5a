"""VGG-11/13/16/19, plain or with batch normalisation, with torchvision's tensor names.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015, table 1 (columns A, B, D, E); batch normalisation after every convolution as in
torchvision's ``_bn`` forms, whose convolutions keep their bias.
"""
from __future__ import annotations

from crossmodal.models.backbones.hidden_layers import (
    HIDDEN,
    HiddenLayerNet,
    MaxPool,
    conv_with_bias,
    linear,
)
from crossmodal.models.layers import BatchNorm
from crossmodal.runtime import jt

nn = jt.nn

_WIDTHS = (64, 128, 256, 512, 512)  # channels of the five blocks
_DEPTHS = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2, 2, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3),
           "vgg19": (2, 2, 4, 4, 4)}  # convolutions of each block
_GRID = 7


class VGG(HiddenLayerNet):
    """VGG cut into named stages.

    ``stem, layer1 ... layer4`` are the five blocks of 3x3 convolutions, each with the max pool that
    ends it: strides 2, 4, 8, 16, 32. The feature vector is what torchvision's classifier hands to
    its last layer: a 7x7 grid of averages, then twice linear, ReLU, dropout.

    Parameters
    ----------
    depths : convolutions in each of the five blocks
    batch_norm : normalise after each convolution
    in_channels : channels of the input image
    hidden : units of the hidden layers, the length of the feature vector
    """

    family = "vgg"

    def __init__(self, depths: tuple[int, ...], batch_norm: bool, in_channels: int,
                 hidden: int = HIDDEN) -> None:
        layers: list[nn.Module] = []
        ends, channels = [], in_channels
        for width, depth in zip(_WIDTHS, depths):
            for _ in range(depth):
                layers.append(conv_with_bias(channels, width, 3))
                layers += [BatchNorm(width), nn.ReLU()] if batch_norm else [nn.ReLU()]
                channels = width
            layers.append(MaxPool(2, 2))
            ends.append(len(layers))
        classifier = [linear(channels * _GRID ** 2, hidden), nn.ReLU(), nn.Dropout(0.5),
                      linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5)]
        super().__init__(layers, ends, _GRID, classifier, hidden)


NAMES = tuple(name + suffix for name in _DEPTHS for suffix in ("", "_bn"))


def build(name: str, in_channels: int, hidden: int = HIDDEN) -> VGG:
    """A VGG by name, randomly initialised, without a head."""
    plain = name.removesuffix("_bn")
    return VGG(_DEPTHS[plain], name != plain, in_channels, hidden)
