"""MobileNetV2 with torchvision's tensor names (Sandler et al., CVPR 2018, table 2)."""
from __future__ import annotations

from crossmodal.kernels import maps
from crossmodal.models.layers import BatchNorm, conv, conv_norm
from crossmodal.runtime import jt

nn = jt.nn

_SETTINGS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
             (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
# Index of the first block after each named stage: the resolution halves where a stage begins.
_BOUNDS = {"stem": (0, 2), "layer1": (2, 4), "layer2": (4, 7), "layer3": (7, 14),
           "layer4": (14, 19)}


class ConvBNReLU(nn.Sequential):
    """Convolution, batch normalisation, ReLU6."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1,
                 groups: int = 1) -> None:
        super().__init__(conv(in_channels, out_channels, kernel, stride, groups),
                         BatchNorm(out_channels))

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) -> (N, C', H/stride, W/stride)."""
        return conv_norm(self[0], self[1], x, "relu6")


class InvertedResidual(nn.Module):
    """Expand, depthwise 3x3, project; a shortcut where the shapes agree."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expand: int) -> None:
        hidden = in_channels * expand
        layers = [] if expand == 1 else [ConvBNReLU(in_channels, hidden, 1)]
        layers += [ConvBNReLU(hidden, hidden, 3, stride, groups=hidden),
                   conv(hidden, out_channels, 1), BatchNorm(out_channels)]
        self.conv = nn.Sequential(*layers)
        self.shortcut = stride == 1 and in_channels == out_channels

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) -> (N, C', H/stride, W/stride)."""
        *expansion, project, norm = self.conv
        out = x
        for layer in expansion:
            out = layer(out)
        return conv_norm(project, norm, out, residual=x if self.shortcut else None)


class MobileNetV2(nn.Module):
    """MobileNetV2 cut into named stages at the points where ResNet's are cut (strides 4 to 32)."""

    family = "mobilenet_v2"
    stages = tuple(_BOUNDS)
    stem_weight = "features.0.0.weight"
    stage_channels = {"stem": 16, "layer1": 24, "layer2": 32, "layer3": 96, "layer4": 1280}
    takes_blocked_maps = True

    def __init__(self, in_channels: int) -> None:
        layers: list[nn.Module] = [ConvBNReLU(in_channels, 32, 3, 2)]
        channels = 32
        for expand, out_channels, count, first_stride in _SETTINGS:
            for index in range(count):
                stride = first_stride if index == 0 else 1
                layers.append(InvertedResidual(channels, out_channels, stride, expand))
                channels = out_channels
        self.out_features = 1280
        layers.append(ConvBNReLU(channels, self.out_features, 1))
        self.features = nn.Sequential(*layers)
        self.fc = None

    def run_stage(self, name: str, x: jt.Var) -> jt.Var:
        """Run one named stage on (N, C, H, W), or on a blocked map."""
        for module in self.stage_modules(name):
            x = module(x)
        return x

    def pool(self, features: jt.Var) -> jt.Var:
        """Features after the last stage -> (N, C), their means over space."""
        if maps.is_blocked(features):
            return maps.mean(features, self.out_features)
        return features.mean([2, 3])

    def stage_modules(self, name: str) -> list[nn.Module]:
        """The modules that hold the parameters of one named stage."""
        first, last = _BOUNDS[name]
        return [self.features[index] for index in range(first, last)]


NAMES = ("mobilenet_v2",)


def build(name: str, in_channels: int) -> MobileNetV2:
    """MobileNetV2, randomly initialised, without a head."""
    return MobileNetV2(in_channels)
