"""AlexNet in one tower, with torchvision's tensor names.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997; the
numbers of filters are torchvision's, and there is no local response normalisation.
"""
from __future__ import annotations

from crossmodal.models.backbones.hidden_layers import (
    HIDDEN,
    HiddenLayerNet,
    MaxPool,
    conv_with_bias,
    linear,
)
from crossmodal.runtime import jt

nn = jt.nn

_GRID = 6
_ENDS = (3, 6, 8, 10, 13)  # a convolution, its ReLU and, where there is one, its max pool


class AlexNet(HiddenLayerNet):
    """AlexNet cut into named stages, one for each of its five convolutions.

    ======  =============================  ======  ========
    stage   convolution                    pool    stride
    ======  =============================  ======  ========
    stem    ``features.0``, 11x11, /4      yes     8
    layer1  ``features.3``, 5x5            yes     16
    layer2  ``features.6``, 3x3                    16
    layer3  ``features.8``, 3x3                    16
    layer4  ``features.10``, 3x3           yes     32
    ======  =============================  ======  ========

    The feature vector is what torchvision's classifier hands to its last layer: a 6x6 grid of
    averages, then twice dropout, linear, ReLU.

    Parameters
    ----------
    in_channels : channels of the input image, 63 px or larger
    hidden : units of the hidden layers, the length of the feature vector
    """

    family = "alexnet"

    def __init__(self, in_channels: int, hidden: int = HIDDEN) -> None:
        layers = [conv_with_bias(in_channels, 64, 11, 4, 2), nn.ReLU(), MaxPool(3, 2),
                  conv_with_bias(64, 192, 5, padding=2), nn.ReLU(), MaxPool(3, 2),
                  conv_with_bias(192, 384, 3), nn.ReLU(),
                  conv_with_bias(384, 256, 3), nn.ReLU(),
                  conv_with_bias(256, 256, 3), nn.ReLU(), MaxPool(3, 2)]
        classifier = [nn.Dropout(0.5), linear(256 * _GRID ** 2, hidden), nn.ReLU(),
                      nn.Dropout(0.5), linear(hidden, hidden), nn.ReLU()]
        super().__init__(layers, _ENDS, _GRID, classifier, hidden)


NAMES = ("alexnet",)


def build(name: str, in_channels: int, hidden: int = HIDDEN) -> AlexNet:
    """AlexNet, randomly initialised, without a head."""
    return AlexNet(in_channels, hidden)
