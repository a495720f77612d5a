"""Convolution of blocked maps, with what may follow it at once: bias, shortcut, activation."""
from __future__ import annotations

from crossmodal.kernels.maps import blocked_shape, is_blocked
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
    return _Convolution(stride, padding, groups, activation)(x, weight, bias, residual)


class _Convolution(jt.Function):
    def __init__(self, stride: int, padding: int, groups: int, activation: str) -> None:
        self.stride, self.padding, self.groups = stride, padding, groups
        self.activation = ACTIVATIONS.index(activation)

    def execute(self, x: jt.Var, weight: jt.Var, bias: jt.Var | None,
                residual: jt.Var | None) -> jt.Var:
        self.x, self.weight, self.has = x, weight, (bias is not None, residual is not None)
        self.sizes, shape = self._geometry()
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

    def _geometry(self) -> tuple[list[int], tuple[int, ...]]:
        """The kernels' sizes (see source/convolution.cpp), and the result's shape."""
        plain = not is_blocked(self.x)
        count, height, width = self.x.shape[0], self.x.shape[2], self.x.shape[3]
        out, per_group, kernel = self.weight.shape[:3]
        sides = [(side + 2 * self.padding - kernel) // self.stride + 1 for side in (height, width)]
        sizes = [count, per_group * self.groups, height, width, out, kernel, kernel, *sides,
                 self.stride, self.padding, self.groups, int(plain)]
        return sizes, blocked_shape(count, out, *sides)
