"""Layers the backbones are built of: batch normalisation that can be frozen, and small helpers."""
from __future__ import annotations

from crossmodal.runtime import jt

nn = jt.nn


class BatchNorm(nn.Module):
    """Batch normalisation over every axis but the second, with torchvision's tensor names.

    Training uses the batch's statistics unless ``frozen`` is set: then the running statistics are
    used and stay as they are, so that a small batch cannot spoil a pretrained network.

    Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, eq. 1-4.
    """

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
        axes = [0] + list(range(2, x.ndim))
        if self.is_training() and not self.frozen:
            mean, var = self._batch_statistics(x, axes)
        else:
            mean, var = self.running_mean, self.running_var
        scale = self.weight / jt.sqrt(var + self.eps)
        shift = self.bias - mean * scale
        return x * scale.broadcast(x, axes) + shift.broadcast(x, axes)

    def _batch_statistics(self, x: jt.Var, axes: list[int]) -> tuple[jt.Var, jt.Var]:
        mean = x.mean(axes)
        var = jt.maximum((x * x).mean(axes) - mean * mean, 0.0)
        count = x.numel() // x.shape[1]
        unbiased = var * (count / max(count - 1, 1))
        self.running_mean.update(
            self.running_mean + (mean.detach() - self.running_mean) * self.momentum)
        self.running_var.update(
            self.running_var + (unbiased.detach() - self.running_var) * self.momentum)
        return mean, var


def conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1,
         groups: int = 1) -> nn.Conv:
    """Bias-free convolution that keeps the size at stride 1, He-initialised (fan out)."""
    layer = nn.Conv(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups,
                    bias=False)
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
