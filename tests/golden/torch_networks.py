"""ResNet, MobileNetV2, VGG and AlexNet as plain PyTorch functions of named tensors
(torchvision's names).

Sources: He et al., CVPR 2016, table 1 (with the stride in the 3x3 convolution); Sandler et al.,
CVPR 2018, table 2; Simonyan and Zisserman, ICLR 2015, table 1; Krizhevsky, arXiv:1404.5997.
"""

from __future__ import annotations

import formula
import torch
import torch.nn.functional as F

DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3),
          "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3)}
BASIC = ("resnet18", "resnet34")  # the others have bottlenecks
INVERTED = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
            (6, 160, 3, 2), (6, 320, 1, 1))


class Weights:
    """Tensors by name, in double precision, made by the formula when first asked for.

    unbiased : the running variance, as torch has it; else as Jittor has it
    """

    def __init__(self, prefix: str = "", training: bool = False, unbiased: bool = True) -> None:
        self.prefix, self.training, self.unbiased = prefix, training, unbiased
        self.tensors: dict[str, torch.Tensor] = {}

    def __call__(self, name: str, *shape: int) -> torch.Tensor:
        name = self.prefix + name
        if name not in self.tensors:
            tensor = torch.from_numpy(formula.weight(name, shape)).double()
            self.tensors[name] = tensor.requires_grad_("running" not in name)
        return self.tensors[name]


def norm(weights: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    channels = x.shape[1]
    with torch.no_grad():
        mean = weights(name + ".running_mean", channels)
        var = weights(name + ".running_var", channels)
        if weights.training and not weights.unbiased:  # Jittor's: torch's moves a copy
            own = x.var([i for i in range(x.ndim) if i != 1], unbiased=False)
            var, kept = var.clone(), var
            kept += 0.1 * (own - kept)
    return F.batch_norm(x, mean, var, weights(name + ".weight", channels),
                        weights(name + ".bias", channels), weights.training, 0.1, 1e-5)


def conv_norm(weights: Weights, conv: str, bn: str, x: torch.Tensor, out: int, kernel: int,
              stride: int = 1, groups: int = 1) -> torch.Tensor:
    kernels = weights(conv + ".weight", out, x.shape[1] // groups, kernel, kernel)
    return norm(weights, bn, F.conv2d(x, kernels, None, stride, kernel // 2, 1, groups))


def resnet_stem(weights: Weights, x: torch.Tensor) -> torch.Tensor:
    x = torch.relu(conv_norm(weights, "conv1", "bn1", x, 64, 7, 2))
    return F.max_pool2d(x, 3, 2, 1)


def resnet_block(weights: Weights, name: str, x: torch.Tensor, width: int, stride: int,
                 bottleneck: bool) -> torch.Tensor:
    """One residual block; ``width`` is that of its 3x3 convolution."""
    def part(i: int, y: torch.Tensor, out: int, kernel: int, step: int) -> torch.Tensor:
        return conv_norm(weights, f"{name}.conv{i}", f"{name}.bn{i}", y, out, kernel, step)

    out = width * (4 if bottleneck else 1)
    if bottleneck:
        y = torch.relu(part(1, x, width, 1, 1))
        y = torch.relu(part(2, y, width, 3, stride))
        y = part(3, y, out, 1, 1)
    else:
        y = torch.relu(part(1, x, width, 3, stride))
        y = part(2, y, width, 3, 1)
    if stride != 1 or x.shape[1] != out:
        x = conv_norm(weights, f"{name}.downsample.0", f"{name}.downsample.1", x, out, 1, stride)
    return torch.relu(x + y)


def resnet_layer(weights: Weights, depth: str, number: int, x: torch.Tensor) -> torch.Tensor:
    """Stage ``layer<number>``, 1 to 4."""
    for block in range(DEPTHS[depth][number - 1]):
        stride = 2 if number > 1 and block == 0 else 1
        x = resnet_block(weights, f"layer{number}.{block}", x, 32 * 2**number, stride,
                         depth not in BASIC)
    return x


def resnet(weights: Weights, depth: str, x: torch.Tensor) -> list[torch.Tensor]:
    """The outputs of the five stages."""
    stages = [resnet_stem(weights, x)]
    for number in range(1, 5):
        stages.append(resnet_layer(weights, depth, number, stages[-1]))
    return stages


def inverted_residual(weights: Weights, name: str, x: torch.Tensor, out: int, stride: int,
                      expand: int) -> torch.Tensor:
    hidden, y, place = x.shape[1] * expand, x, 0
    if expand != 1:
        y = F.relu6(conv_norm(weights, f"{name}.conv.0.0", f"{name}.conv.0.1", y, hidden, 1))
        place = 1
    y = F.relu6(conv_norm(weights, f"{name}.conv.{place}.0", f"{name}.conv.{place}.1", y, hidden,
                          3, stride, hidden))
    y = conv_norm(weights, f"{name}.conv.{place + 1}", f"{name}.conv.{place + 2}", y, out, 1)
    return x + y if stride == 1 and x.shape[1] == out else y


def mobilenet_v2(weights: Weights, x: torch.Tensor) -> list[torch.Tensor]:
    """The last output at strides 2, 4, 8 and 16 before the next halving, and the last of all."""
    x = F.relu6(conv_norm(weights, "features.0.0", "features.0.1", x, 32, 3, 2))
    stages, number = [], 1
    for expand, out, count, first_stride in INVERTED:
        for i in range(count):
            stride = first_stride if i == 0 else 1
            if stride == 2:
                stages.append(x)
            x = inverted_residual(weights, f"features.{number}", x, out, stride, expand)
            number += 1
    stages.append(F.relu6(conv_norm(weights, "features.18.0", "features.18.1", x, 1280, 1)))
    return stages


VGG = {"vgg11": "64 pool 128 pool 256 256 pool 512 512 pool 512 512 pool",
       "vgg13": "64 64 pool 128 128 pool 256 256 pool 512 512 pool 512 512 pool",
       "vgg16": "64 64 pool 128 128 pool 256 256 256 pool 512 512 512 pool 512 512 512 pool",
       "vgg19": "64 64 pool 128 128 pool 256 256 256 256 pool 512 512 512 512 pool "
                "512 512 512 512 pool"}


def conv_relu(weights: Weights, number: int, x: torch.Tensor, out: int, kernel: int, stride: int,
              padding: int, norm_too: bool = False) -> torch.Tensor:
    """Layer ``features.<number>`` with bias, what normalises it if anything, and ReLU."""
    name = f"features.{number}"
    x = F.conv2d(x, weights(name + ".weight", out, x.shape[1], kernel, kernel),
                 weights(name + ".bias", out), stride, padding)
    return torch.relu(norm(weights, f"features.{number + 1}", x) if norm_too else x)


def hidden_layers(weights: Weights, x: torch.Tensor, grid: int, numbers: tuple[int, int],
                  hidden: int) -> torch.Tensor:
    """Adaptive average pooling, then two layers of ``hidden`` units."""
    x = F.adaptive_avg_pool2d(x, grid).flatten(1)
    for number in numbers:
        name = f"classifier.{number}"
        x = torch.relu(F.linear(x, weights(name + ".weight", hidden, x.shape[1]),
                                weights(name + ".bias", hidden)))
    return x


def vgg(weights: Weights, name: str, x: torch.Tensor,
        hidden: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The outputs of the five blocks, and the feature vector."""
    stages, number, batch_norm = [], 0, name.endswith("_bn")
    for item in VGG[name.removesuffix("_bn")].split():
        if item == "pool":
            x = F.max_pool2d(x, 2)
            stages.append(x)
            number += 1
        else:
            x = conv_relu(weights, number, x, int(item), 3, 1, 1, batch_norm)
            number += 3 if batch_norm else 2
    return stages, hidden_layers(weights, x, 7, (0, 3), hidden)


def alexnet(weights: Weights, x: torch.Tensor,
            hidden: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    """What each convolution gives, after its pool if it has one, and the feature vector."""
    stages = []
    for number, out, kernel, stride, padding, pool in (
            (0, 64, 11, 4, 2, True), (3, 192, 5, 1, 2, True), (6, 384, 3, 1, 1, False),
            (8, 256, 3, 1, 1, False), (10, 256, 3, 1, 1, True)):
        x = conv_relu(weights, number, x, out, kernel, stride, padding)
        x = F.max_pool2d(x, 3, 2) if pool else x
        stages.append(x)
    return stages, hidden_layers(weights, x, 6, (1, 4), hidden)


CLASS_LAYERS = {"resnet": "fc", "mobilenet_v2": "classifier.1", "vgg": "classifier.6",
                "alexnet": "classifier.6"}  # where torchvision has the 1000 classes


def logits(weights: Weights, name: str, x: torch.Tensor, hidden: int) -> torch.Tensor:
    """(N, 1000) of any of these networks; VGG's and AlexNet's hidden layers have ``hidden`` units.
    """
    if name.startswith("vgg"):
        vector = vgg(weights, name, x, hidden)[1]
    elif name == "alexnet":
        vector = alexnet(weights, x, hidden)[1]
    else:
        stages = mobilenet_v2(weights, x) if name == "mobilenet_v2" else resnet(weights, name, x)
        vector = stages[-1].mean((2, 3))
    layer = next(place for family, place in CLASS_LAYERS.items() if name.startswith(family))
    return F.linear(vector, weights(f"{layer}.weight", 1000, vector.shape[1]),
                    weights(f"{layer}.bias", 1000))
