"""Batch normalisation of blocked maps by the batch's own statistics, all processes' together."""
from __future__ import annotations

from crossmodal.kernels.convolution import ACTIVATIONS
from crossmodal.kernels.operator import call
from crossmodal.runtime import jt, ranks


def batch_norm(x: jt.Var, weight: jt.Var, bias: jt.Var, eps: float, residual: jt.Var | None = None,
               activation: str = "none", parts: int = 1) -> tuple[jt.Var, jt.Var, jt.Var]:
    """``activation(weight (x - mean) / sqrt(var + eps) + bias + residual)``, mean and variance.

    Source: Ioffe and Szegedy, ICML 2015, algorithm 1 and the gradients of section 3.

    Parameters
    ----------
    x : blocked map of C channels
    weight, bias : (C,)
    residual : blocked map of the same shape
    parts : batches that ``x`` joins, of as many pictures each, every one normalised by itself

    Returns
    -------
    the blocked map, and (parts, C) mean and biased variance, which carry no gradient
    """
    function = _BatchNorm(eps, activation, parts)
    y = function(x, weight, bias, residual)
    return y, function.mean, function.variance


def follow(mean: jt.Var, variance: jt.Var, running_mean: jt.Var, running_variance: jt.Var,
           momentum: float, count: int) -> tuple[jt.Var, jt.Var]:
    """New running mean and variance, (C,): a share ``momentum`` of the way towards a batch's.

    mean, variance : (parts, C), of batches one after the other
    count : values a batch's channel, from which the unbiased variance follows
    """
    given = [mean, variance, running_mean, running_variance]
    parts, channels = mean.shape
    new = call("follow", [*(v.detach() for v in given), parts, channels, float(momentum), count],
               [(channels,)] * 2)
    return new[0], new[1]


class _BatchNorm(jt.Function):
    def __init__(self, eps: float, activation: str, parts: int) -> None:
        self.eps, self.activation, self.parts = float(eps), ACTIVATIONS.index(activation), parts

    def execute(self, x: jt.Var, weight: jt.Var, bias: jt.Var,
                residual: jt.Var | None) -> jt.Var:
        count, groups, height, width, _ = x.shape
        self.sizes = [count, self.parts, groups, height * width, weight.shape[0]]
        self.mean, self.variance = self._moments(x)
        self.norm = [self.mean, self.variance, weight, bias]
        y = call("normalise", [x, residual, *self.norm, self.eps, *self.sizes, self.activation],
                 [x.shape])[0]
        self.x, self.has_residual = x, residual is not None
        self.y = y if self.has_residual else None  # else x says what passed the activation
        return y

    def grad(self, dy: jt.Var) -> tuple[jt.Var | None, ...]:
        given, numbers = [self.x, self.y, dy, *self.norm], [self.eps, *self.sizes, self.activation]
        dbias, dweight = call("normalise_sums", [*given, *numbers],
                              [(self.parts, self.sizes[-1])] * 2)
        everyones = ranks.mean_of_all([dbias, dweight])
        found = call("normalise_gradient" if self.has_residual else "normalise_gradient_alone",
                     [*given, *everyones, *numbers], [self.x.shape] * (1 + self.has_residual))
        return (found[0], dweight.sum(0), dbias.sum(0),
                found[1] if self.has_residual else None)

    def _moments(self, x: jt.Var) -> list[jt.Var]:
        found = call("moments", [x, *self.sizes], [(self.parts, self.sizes[-1])] * 2)
        mean, variance = (moment.stop_grad() for moment in found)
        if ranks.size() == 1:
            return [mean, variance]
        everyones = ranks.mean(mean)
        away = mean - everyones
        return [everyones, ranks.mean(variance + away * away)]
