"""Layers the backbones are built of: batch normalisation that can be frozen, and small helpers."""
from __future__ import annotations

from collections.abc import Callable

from crossmodal.kernels import library, normalisation
from crossmodal.kernels.convolution import convolution
from crossmodal.kernels.maps import is_blocked
from crossmodal.runtime import jt, ranks

nn = jt.nn
_parts = 1  # batches that a batch joins, of as many items each; see `joined`
PICTURE_CHANNELS = 4  # a plain map of no more channels is a picture: the first layer's input


class BatchNorm(nn.Module):
    """Batch normalisation over every axis but the second, with torchvision's tensor names.

    Training uses the batch's statistics (all processes' together) unless ``frozen`` is set: then
    the running statistics are used and stay as they are, so that a small batch cannot spoil a
    pretrained network.

    Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, eq. 1-4.
    """

    unbiased = True  # the running variance: as torch has it, or biased, as Jittor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.eps = eps
        self.momentum = momentum
        self.frozen = False
        self.weight = jt.ones((channels,), "float32")
        self.bias = jt.zeros((channels,), "float32")
        self.running_mean = jt.zeros((channels,), "float32").stop_grad()
        self.running_var = jt.ones((channels,), "float32").stop_grad()

    def execute(self, x: jt.Var) -> jt.Var:
        """Normalise ``x`` of shape (N, C) or (N, C, H, W); the shape is kept."""
        axes = [0, *range(2, x.ndim)]
        if not self.by_batch:
            scale, shift = self.affine()
            return x * scale.broadcast(x, axes) + shift.broadcast(x, axes)
        if _parts > 1:
            return self._apart(x)
        mean, var, away = _moments(x, axes)
        self.follow(mean.unsqueeze(0), var.unsqueeze(0), ranks.size() * x.numel() // mean.numel())
        return away * self._scale(var).broadcast(x, axes) + self.bias.broadcast(x, axes)

    def _apart(self, x: jt.Var) -> jt.Var:
        """Each of the batches that ``x`` joins by its own statistics."""
        each = x.shape[0] // _parts
        batches = x.reshape((_parts, each, *x.shape[1:]))
        mean, var, _ = _moments(batches, [1, *range(3, batches.ndim)])
        self.follow(mean, var, ranks.size() * x.numel() // mean.numel())
        mean_rows, scale_rows = (vector.broadcast((_parts, each, x.shape[1]), [1])
                                 .reshape((x.shape[0], x.shape[1]))
                                 for vector in (mean, self._scale(var)))
        space = [*range(2, x.ndim)]
        away = x - mean_rows.broadcast(x, space)
        return away * scale_rows.broadcast(x, space) + self.bias.broadcast(x, [0, *space])

    @property
    def by_batch(self) -> bool:
        """Whether the batch's own statistics count, not the running ones."""
        return self.is_training() and not self.frozen

    def affine(self) -> tuple[jt.Var, jt.Var]:
        """(C,) scale and shift that the running statistics amount to."""
        scale = self._scale(self.running_var)
        return scale, self.bias - self.running_mean * scale

    def _scale(self, var: jt.Var) -> jt.Var:
        return self.weight / jt.sqrt(var + self.eps)

    def follow(self, mean: jt.Var, var: jt.Var, count: int) -> None:
        """Move the running statistics towards those of batches one after the other.

        mean, var : (parts, C); count : values a batch's channel
        """
        if not self.unbiased:
            count = 2**30  # count / (count - 1) is 1 in single precision
        if library.usable():
            new = normalisation.follow(mean, var, self.running_mean, self.running_var,
                                       self.momentum, count)
            self.running_mean.update(new[0])
            self.running_var.update(new[1])
            return
        unbiased = var.detach() * (count / max(count - 1, 1))
        new_mean, new_var = self.running_mean, self.running_var
        for part in range(mean.shape[0]):
            new_mean = new_mean + (mean[part].detach() - new_mean) * self.momentum
            new_var = new_var + (unbiased[part] - new_var) * self.momentum
        self.running_mean.update(new_mean)
        self.running_var.update(new_var)


def joined(network: Callable[[jt.Var], jt.Var], *batches: jt.Var) -> list[jt.Var]:
    """``network`` of every batch, computed in one pass: what each pass costs is paid once.

    Batch normalisation by the batch's statistics takes each batch by itself; the running statistics
    follow them in their order. The gradient goes back through all of them, also where only one
    result is learnt from.

    batches : of one shape, (N, ...); raises ValueError otherwise
    """
    global _parts
    if len({tuple(batch.shape) for batch in batches}) != 1:
        raise ValueError(f"batches of different shapes: {[batch.shape for batch in batches]}")
    before, _parts = _parts, _parts * len(batches)
    try:
        y = network(jt.concat(batches, dim=0))
    finally:
        _parts = before
    count = y.shape[0] // len(batches)
    return [y[i * count:(i + 1) * count] for i in range(len(batches))]


def _moments(x: jt.Var, axes: list[int]) -> tuple[jt.Var, jt.Var, jt.Var]:
    """Mean and biased variance of all processes' batches, and the distances from that mean.

    In single precision, the mean of squares less the square of the mean would lose digits.
    """
    mean = ranks.mean(x.mean(axes))
    away = x - mean.broadcast(x, axes)
    return mean, ranks.mean((away * away).mean(axes)), away


def conv_norm(layer: nn.Conv, norm: BatchNorm, x: jt.Var, activation: str = "none",
              residual: jt.Var | None = None) -> jt.Var:
    """``activation(norm(layer(x)) + residual)``.

    On the CPU by the project's kernels, wherever they can be used and ``x`` is a blocked map (or a
    picture, which then becomes one); else by Jittor's operators, on plain maps.

    activation : "none", "relu" or "relu6"
    """
    if is_blocked(x) or (x.shape[1] <= PICTURE_CHANNELS and library.usable()):
        return _blocked_conv_norm(layer, norm, x, activation, residual)
    y = norm(layer(x))
    if residual is not None:
        y = y + residual
    return {"none": lambda y: y, "relu": nn.relu, "relu6": nn.relu6}[activation](y)


def _blocked_conv_norm(layer: nn.Conv, norm: BatchNorm, x: jt.Var, activation: str,
                       residual: jt.Var | None) -> jt.Var:
    geometry = (layer.stride[0], layer.padding[0], layer.groups)
    if norm.by_batch:
        z = convolution(x, layer.weight, *geometry)
        y, mean, var = normalisation.batch_norm(z, norm.weight, norm.bias, norm.eps, residual,
                                                activation, _parts)
        norm.follow(mean, var,
                    ranks.size() * z.shape[0] // _parts * z.shape[2] * z.shape[3])
        return y
    scale, shift = norm.affine()  # folded into the convolution
    weight = layer.weight * scale.broadcast(layer.weight, [1, 2, 3])
    return convolution(x, weight, *geometry, shift, residual, activation)


class Conv(nn.Conv):
    """Jittor's convolution, which can also compute in half precision.

    ``mixed`` : inputs and weights are rounded to bfloat16, sums are kept in single precision by
    the GPU; what comes in and goes out is float32, and so are the weights that are trained.
    """

    mixed = False

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) -> (N, C', H', W')."""
        if not self.mixed:
            return super().execute(x)
        y = nn.conv2d(x.bfloat16(), self.weight.bfloat16(), None, self.stride, self.padding,
                      self.dilation, self.groups).float32()
        return y if self.bias is None else y + self.bias.broadcast(y, [0, 2, 3])


def use_mixed_precision(module: nn.Module) -> None:
    """Let every convolution below ``module`` compute in bfloat16; all else stays in float32."""
    for child in module.modules():
        if isinstance(child, Conv):
            child.mixed = True


def computes_mixed(module: nn.Module) -> bool:
    """Whether its convolutions were told to compute in bfloat16."""
    return any(isinstance(child, Conv) and child.mixed for child in module.modules())


def conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1,
         groups: int = 1) -> Conv:
    """Bias-free convolution that keeps the size at stride 1, He-initialised (fan out)."""
    layer = Conv(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    fan_out = out_channels * kernel * kernel / groups
    layer.weight = jt.randn(layer.weight.shape) * (2.0 / fan_out) ** 0.5
    return layer


def xavier_linear(in_features: int, out_features: int) -> nn.Linear:
    """Weights from Xavier's normal distribution (Glorot and Bengio, AISTATS 2010), biases zero."""
    layer = nn.Linear(in_features, out_features)
    layer.weight = nn.init.xavier_gauss((out_features, in_features), "float32")
    layer.bias = jt.zeros((out_features,), "float32")
    return layer


def l2_normalise(x: jt.Var, eps: float = 1e-12) -> jt.Var:
    """Rows of ``x`` (..., D) scaled to length one; rows shorter than ``eps`` stay finite."""
    squared = (x * x).sum(-1, keepdims=True)
    return x / jt.sqrt(jt.maximum(squared, eps * eps))


def freeze_batch_norm(module: nn.Module) -> None:
    """Make every BatchNorm below ``module`` use and keep its running statistics."""
    for child in module.modules():
        if isinstance(child, BatchNorm):
            child.frozen = True
