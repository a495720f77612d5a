"""Convolution of blocked maps, with what may follow it at once: bias, shortcut, activation."""
from __future__ import annotations

from crossmodal.kernels import maps, ways
from crossmodal.kernels.operator import call
from crossmodal.runtime import jt

ACTIVATIONS = ("none", "relu", "relu6")


def convolution(x: jt.Var, weight: jt.Var, stride: int, padding: int, groups: int,
                bias: jt.Var | None = None, residual: jt.Var | None = None,
                activation: str = "none") -> jt.Var:
    """``activation(x * weight + bias + residual)``, a blocked map.

    Parameters
    ----------
    x : blocked map, or a plain (N, C, H, W) of few channels, such as a picture
    weight : (O, C / groups, K, K)
    bias : (O,)
    residual : blocked map of the result's shape
    activation : one of ACTIVATIONS
    """
    sizes = _sizes(x, weight, stride, padding, groups)
    if not ways.is_fast(sizes):
        return _by_jittor(x, weight, stride, padding, groups, bias, residual, activation)
    return _Convolution(sizes, activation)(x, weight, bias, residual)


def _sizes(x: jt.Var, weight: jt.Var, stride: int, padding: int, groups: int) -> ways.Sizes:
    """What the kernels need to know, see source/sizes.h."""
    count, height, width = x.shape[0], x.shape[2], x.shape[3]
    out, per_group, kernel = weight.shape[:3]
    sides = [(side + 2 * padding - kernel) // stride + 1 for side in (height, width)]
    return (count, per_group * groups, height, width, out, kernel, kernel, *sides, stride, padding,
            groups, int(not maps.is_blocked(x)))


def _by_jittor(x: jt.Var, weight: jt.Var, stride: int, padding: int, groups: int,
               bias: jt.Var | None, residual: jt.Var | None, activation: str) -> jt.Var:
    """The same by Jittor's operators, where oneDNN has no fast code at all."""
    plain = maps.to_plain(x, weight.shape[1] * groups) if maps.is_blocked(x) else x
    y = maps.to_blocked(jt.nn.conv2d(plain, weight, bias, stride, padding, 1, groups))
    if residual is not None:
        y = y + residual
    return {"none": lambda y: y, "relu": jt.nn.relu, "relu6": jt.nn.relu6}[activation](y)


class _Convolution(jt.Function):
    def __init__(self, sizes: ways.Sizes, activation: str) -> None:
        self.sizes, self.activation = sizes, ACTIVATIONS.index(activation)

    def execute(self, x: jt.Var, weight: jt.Var, bias: jt.Var | None,
                residual: jt.Var | None) -> jt.Var:
        self.x, self.weight, self.has = x, weight, (bias is not None, residual is not None)
        count, out, sides = self.sizes[0], self.sizes[4], self.sizes[7:9]
        shape = maps.blocked_shape(count, out, *sides)
        self.y = call("convolution", [x, weight, bias, residual, self.sizes, self.activation],
                      [shape])[0]
        return self.y

    def grad(self, dy: jt.Var) -> tuple[jt.Var | None, ...]:
        dbias = None
        has_bias, has_residual = self.has
        if self.activation or has_bias:
            count, groups, height, width, _ = self.y.shape
            channels = self.weight.shape[0]
            dy, dbias = call("pass", [self.y, dy, count, groups, height * width, channels,
                                      self.activation], [self.y.shape, (channels,)])
        dx = call("convolution_data", [dy, self.weight, self.sizes], [self.x.shape])[0]
        dweight = call("convolution_weights", [self.x, dy, self.sizes], [self.weight.shape])[0]
        return dx, dweight, dbias if has_bias else None, dy if has_residual else None
