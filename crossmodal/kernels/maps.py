"""To blocked maps and back, and pooling of blocked maps."""
from __future__ import annotations

from crossmodal.kernels import library
from crossmodal.kernels.operator import call
from crossmodal.runtime import jt

Blocked = tuple[int, int, int, int, int]


def is_blocked(x: jt.Var) -> bool:
    """Whether a map lies in channel groups: five axes instead of four."""
    return x.ndim == 5


def blocked_shape(count: int, channels: int, height: int, width: int) -> Blocked:
    """Shape of a blocked map of so many pictures and channels."""
    group = library.block()
    return count, -(-channels // group), height, width, group


def to_blocked(x: jt.Var) -> jt.Var:
    """(N, C, H, W) -> (N, ceil(C / group), H, W, group), zeros in the channels that fill up."""
    return _Rearrange(x.shape[1], True)(x)


def to_plain(x: jt.Var, channels: int) -> jt.Var:
    """A blocked map of so many channels -> (N, C, H, W)."""
    return _Rearrange(channels, False)(x)


def mean(x: jt.Var, channels: int) -> jt.Var:
    """A blocked map -> (N, C), the means over space."""
    return _Mean(channels)(x)


def max_pool(x: jt.Var, kernel: int, stride: int, padding: int) -> jt.Var:
    """The largest value of every window of a blocked map; outside the picture nothing counts."""
    return _MaxPool(kernel, stride, padding)(x)


def _rearranged(x: jt.Var, channels: int, blocked: bool) -> jt.Var:
    count, height, width = x.shape[0], x.shape[2], x.shape[3]
    shape = blocked_shape(count, channels, height, width) if blocked \
        else (count, channels, height, width)
    return call("rearrange", [x, count, channels, height, width, int(blocked)], [shape])[0]


class _Rearrange(jt.Function):
    def __init__(self, channels: int, blocked: bool) -> None:
        self.channels, self.blocked = channels, blocked

    def execute(self, x: jt.Var) -> jt.Var:
        return _rearranged(x, self.channels, self.blocked)

    def grad(self, gradient: jt.Var) -> jt.Var:
        return _rearranged(gradient, self.channels, not self.blocked)


class _Mean(jt.Function):
    def __init__(self, channels: int) -> None:
        self.channels = channels

    def execute(self, x: jt.Var) -> jt.Var:
        self.shape = x.shape
        return call("mean", [x, *self._sizes()], [(x.shape[0], self.channels)])[0]

    def grad(self, gradient: jt.Var) -> jt.Var:
        return call("mean_gradient", [gradient, *self._sizes()], [self.shape])[0]

    def _sizes(self) -> list[int]:
        count, groups, height, width, _ = self.shape
        return [count, groups, height * width, self.channels]


class _MaxPool(jt.Function):
    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        self.window = [kernel, stride, padding]

    def execute(self, x: jt.Var) -> jt.Var:
        kernel, stride, padding = self.window
        self.shape = count, groups, height, width, group = x.shape
        out = [(side + 2 * padding - kernel) // stride + 1 for side in (height, width)]
        self.sizes = [height, width, *out, *self.window]
        shape = (count, groups, *out, group)
        found, self.place = call("max_pool", [x, count * groups, self.sizes], [shape, shape],
                                 ["float32", "uint8"])
        return found

    def grad(self, gradient: jt.Var) -> jt.Var:
        maps = self.shape[0] * self.shape[1]
        return call("max_pool_gradient", [gradient, self.place, maps, self.sizes], [self.shape])[0]
