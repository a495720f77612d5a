"""ResNet-18/34/50/101/152 with torchvision's tensor names (He et al., CVPR 2016; v1.5 strides)."""
from __future__ import annotations

from typing import Any

from crossmodal.kernels import maps
from crossmodal.kernels.elements import fork
from crossmodal.models.layers import BatchNorm, conv, conv_norm
from crossmodal.runtime import jt

nn = jt.nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        self.conv1 = conv(in_channels, width, 3, stride)
        self.bn1 = BatchNorm(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = BatchNorm(width)
        self.downsample = _shortcut(in_channels, width, stride)

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) -> (N, width, H/stride, W/stride)."""
        x, shortcut = _with_shortcut(self.downsample, x)
        out = conv_norm(self.conv1, self.bn1, x, "relu")
        return conv_norm(self.conv2, self.bn2, out, "relu", shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3 (strided), 1x1 convolutions and a shortcut."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        out_channels = width * self.expansion
        self.conv1 = conv(in_channels, width, 1)
        self.bn1 = BatchNorm(width)
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = BatchNorm(width)
        self.conv3 = conv(width, out_channels, 1)
        self.bn3 = BatchNorm(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) -> (N, 4 width, H/stride, W/stride)."""
        x, shortcut = _with_shortcut(self.downsample, x)
        out = conv_norm(self.conv1, self.bn1, x, "relu")
        out = conv_norm(self.conv2, self.bn2, out, "relu")
        return conv_norm(self.conv3, self.bn3, out, "relu", shortcut)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(conv(in_channels, out_channels, 1, stride), BatchNorm(out_channels))


def _with_shortcut(shortcut: nn.Sequential | None, x: jt.Var) -> tuple[jt.Var, jt.Var]:
    """A block's input, and what its shortcut makes of it."""
    x, beside = fork(x) if maps.is_blocked(x) else (x, x)
    return x, beside if shortcut is None else conv_norm(shortcut[0], shortcut[1], beside)


class ResNet(nn.Module):
    """A residual network cut into named stages.

    Parameters
    ----------
    block : BasicBlock or Bottleneck
    layers : blocks in each of the four stages
    in_channels : channels of the input image
    """

    family = "resnet"
    stages = ("stem", "layer1", "layer2", "layer3", "layer4")
    stem_weight = "conv1.weight"
    takes_blocked_maps = True

    def __init__(self, block: Any, layers: tuple[int, int, int, int], in_channels: int) -> None:
        self.conv1 = conv(in_channels, 64, 7, 2)
        self.bn1 = BatchNorm(64)
        self.maxpool = nn.Pool(3, 2, 1, op="maximum")
        channels = 64
        self.stage_channels = {"stem": channels}
        for number, count in enumerate(layers, start=1):
            width = 32 * 2 ** number
            blocks = []
            for index in range(count):
                stride = 2 if number > 1 and index == 0 else 1
                blocks.append(block(channels, width, stride))
                channels = width * block.expansion
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
            self.stage_channels[f"layer{number}"] = channels
        self.out_features = channels
        self.fc = None

    def run_stage(self, name: str, x: jt.Var) -> jt.Var:
        """Run one named stage on (N, C, H, W), or on a blocked map."""
        if name != "stem":
            return getattr(self, name)(x)
        x = conv_norm(self.conv1, self.bn1, x, "relu")
        return maps.max_pool(x, 3, 2, 1) if maps.is_blocked(x) else self.maxpool(x)

    def pool(self, features: jt.Var) -> jt.Var:
        """Features after the last stage -> (N, C), their means over space."""
        if maps.is_blocked(features):
            return maps.mean(features, self.out_features)
        return features.mean([2, 3])

    def stage_modules(self, name: str) -> list[nn.Module]:
        """The modules that hold the parameters of one named stage."""
        return [self.conv1, self.bn1] if name == "stem" else [getattr(self, name)]


_DEPTHS: dict[str, tuple[Any, tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
    "resnet152": (Bottleneck, (3, 8, 36, 3)),
}
NAMES = tuple(_DEPTHS)


def build(name: str, in_channels: int) -> ResNet:
    """A ResNet by name, randomly initialised, without a head."""
    block, layers = _DEPTHS[name]
    return ResNet(block, layers, in_channels)
