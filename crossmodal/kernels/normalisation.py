"""Batch normalisation of blocked maps by the batch's own statistics, all processes' together."""
from __future__ import annotations

from crossmodal.kernels.convolution import ACTIVATIONS
from crossmodal.kernels.operator import call
from crossmodal.runtime import jt, ranks


def batch_norm(x: jt.Var, weight: jt.Var, bias: jt.Var, eps: float, residual: jt.Var | None = None,
               activation: str = "none") -> tuple[jt.Var, jt.Var, jt.Var]:
    """``activation(weight (x - mean) / sqrt(var + eps) + bias + residual)``, mean and variance.

    Source: Ioffe and Szegedy, ICML 2015, algorithm 1 and the gradients of section 3.

    Parameters
    ----------
    x : blocked map of C channels
    weight, bias : (C,)
    residual : blocked map of the same shape

    Returns
    -------
    the blocked map, and (C,) mean and biased variance, which carry no gradient
    """
    function = _BatchNorm(eps, activation)
    y = function(x, weight, bias, residual)
    return y, function.mean, function.variance


class _BatchNorm(jt.Function):
    def __init__(self, eps: float, activation: str) -> None:
        self.eps, self.activation = eps, ACTIVATIONS.index(activation)

    def execute(self, x: jt.Var, weight: jt.Var, bias: jt.Var,
                residual: jt.Var | None) -> jt.Var:
        count, groups, height, width, _ = x.shape
        channels = weight.shape[0]
        self.sizes = [count, groups, height * width, channels]
        self.pixels = count * height * width
        self.mean, self.variance = self._moments(x)
        self.x, self.has_residual = x, residual is not None
        self.inverse = 1.0 / jt.sqrt(self.variance + self.eps)
        self.scale = weight * self.inverse
        self.shift = bias - self.mean * self.scale
        y = call("affine", [x, residual, self.scale, self.shift, *self.sizes, self.activation],
                 [x.shape])[0]
        self.y = y if self.has_residual else None  # else x says what passed the activation
        return y

    def grad(self, dy: jt.Var) -> tuple[jt.Var | None, ...]:
        given = [self.x, self.y, dy, self.scale, self.shift]
        sums = call("affine_sums", [*given, self.mean, self.inverse, *self.sizes, self.activation],
                    [(2, self.sizes[-1])])[0]
        dbias, dweight = sums[0], sums[1]
        means = ranks.mean(sums) / self.pixels
        slope = -self.scale * self.inverse * means[1]
        shift = -self.scale * means[0] - slope * self.mean
        found = call("affine_gradient" if self.has_residual else "affine_gradient_alone",
                     [*given, shift, slope, *self.sizes, self.activation],
                     [self.x.shape] * (1 + self.has_residual))
        return found[0], dweight, dbias, found[1] if self.has_residual else None

    def _moments(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        found = call("moments", [x, *self.sizes], [(2, self.sizes[-1])])[0].stop_grad()
        if ranks.size() == 1:
            return found[0], found[1]
        mean = ranks.mean(found[0])
        away = found[0] - mean
        return mean, ranks.mean(found[1] + away * away)
