"""What VGG and AlexNet share: stages cut from one sequence, and two hidden layers behind a grid."""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from crossmodal.models.layers import Conv
from crossmodal.runtime import jt

nn = jt.nn
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
HIDDEN = 4096  # units of each hidden layer


class MaxPool(nn.Module):
    """Maximum over ``kernel`` x ``kernel`` pixels, every ``stride``; a last incomplete one is left.

    Jittor's own refuses a map of exactly one window, which a small picture comes to.
    """

    def __init__(self, kernel: int, stride: int) -> None:
        self.kernel = kernel
        self.pool = nn.Pool(kernel, stride, op="maximum")

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) -> (N, C, (H - kernel) // stride + 1, likewise W)."""
        height, width = x.shape[2:]
        if min(height, width) < self.kernel:
            raise ValueError(f"features of {height} x {width} are too small to pool over "
                             f"{self.kernel} x {self.kernel}: this network needs larger pictures")
        if self.kernel in (height, width):  # a border that no window reaches
            x = nn.pad(x, [0, int(width == self.kernel), 0, int(height == self.kernel)])
        return self.pool(x)


class HiddenLayerNet(nn.Module):
    """A sequence of layers cut into the named stages, average pooling to a grid, hidden layers.

    Tensors have torchvision's names, ``features.N.*`` and ``classifier.N.*``; the 1000-class layer
    ``classifier.6`` is not there.

    Parameters
    ----------
    features : convolutions, normalisations, activations and pools, in order
    ends : for each of the five stages, the index after its last layer
    grid : cells along each side of the map the hidden layers see
    classifier : hidden layers: (N, C * grid * grid) -> (N, out_features)
    out_features : length of the feature vector
    """

    stages = STAGES
    stem_weight = "features.0.weight"
    takes_blocked_maps = False

    def __init__(self, features: Sequence[nn.Module], ends: Sequence[int], grid: int,
                 classifier: Sequence[nn.Module], out_features: int) -> None:
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(*classifier)
        self.bounds = dict(zip(STAGES, zip((0, *ends[:-1]), ends)))
        self.grid = grid
        self.out_features = out_features
        self.fc = None

    def run_stage(self, name: str, x: jt.Var) -> jt.Var:
        """Run one named stage on (N, C, H, W)."""
        for layer in self._layers(name):
            x = layer(x)
        return x

    def pool(self, features: jt.Var) -> jt.Var:
        """(N, C, H, W) features after the last stage -> (N, out_features)."""
        cells = adaptive_average_pool(features, self.grid)
        return self.classifier(cells.reshape(cells.shape[0], -1))

    def stage_modules(self, name: str) -> list[nn.Module]:
        """The modules that hold the parameters of one named stage; the last has the hidden layers,
        so that freezing through it leaves only a head to train."""
        return self._layers(name) + ([self.classifier] if name == STAGES[-1] else [])

    def _layers(self, name: str) -> list[nn.Module]:
        first, last = self.bounds[name]
        return [self.features[index] for index in range(first, last)]


def conv_with_bias(in_channels: int, out_channels: int, kernel: int, stride: int = 1,
                   padding: int = 1) -> Conv:
    """Convolution with bias 0, He-initialised by fan-in: no normalisation may follow to set right
    how large the activations are (He et al., ICCV 2015, eq. 10)."""
    layer = Conv(in_channels, out_channels, kernel, stride, padding)
    _he_start(layer, in_channels * kernel * kernel, out_channels)
    return layer


def linear(in_features: int, out_features: int) -> nn.Linear:
    """Linear layer with bias 0, He-initialised by fan-in."""
    layer = nn.Linear(in_features, out_features)
    _he_start(layer, in_features, out_features)
    return layer


def _he_start(layer: nn.Module, fan_in: int, out_features: int) -> None:
    layer.weight = jt.randn(layer.weight.shape) * (2.0 / fan_in) ** 0.5
    layer.bias = jt.zeros((out_features,), "float32")


def adaptive_average_pool(x: jt.Var, cells: int) -> jt.Var:
    """(N, C, H, W) -> (N, C, cells, cells): cell i is the mean of rows floor(i H / cells) to
    ceil((i + 1) H / cells), likewise columns. A map smaller than the grid fills several cells.

    It is one product with a matrix of averages. (Jittor's AdaptiveAvgPool2d takes other windows
    where H is no multiple of ``cells``, and fails where H is smaller.)
    """
    count, channels, height, width = x.shape
    if (height, width) == (cells, cells):
        return x
    averages = jt.array(_averages_2d(height, width, cells)).stop_grad()
    return jt.matmul(x.reshape(count * channels, height * width), averages).reshape(
        count, channels, cells, cells)


@lru_cache(maxsize=16)
def _averages_2d(height: int, width: int, cells: int) -> np.ndarray:
    """(H * W, cells * cells) float32; column i * cells + j averages the pixels of cell (i, j)."""
    both = np.kron(_averages(height, cells), _averages(width, cells))
    return np.ascontiguousarray(both.T, np.float32)


def _averages(size: int, cells: int) -> np.ndarray:
    """(cells, size) float64; row i averages the pixels of cell i."""
    rows = np.zeros((cells, size))
    for cell in range(cells):
        first, last = cell * size // cells, -(-(cell + 1) * size // cells)
        rows[cell, first:last] = 1 / (last - first)
    return rows
