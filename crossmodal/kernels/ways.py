"""Which code computes a convolution here: oneDNN's on the maps as they lie, or rearranged, or none.

oneDNN has fast code for most convolutions only, which depends on the processor, and for the rest
its reference code, thousands of times slower. source/convolution.cpp never takes that; this says
what it takes instead.
"""
from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

from crossmodal.kernels import library
from crossmodal.runtime.log import get_logger

_LOG = get_logger(__name__)
# n, c, h, w, out channels, kernel h, kernel w, out h, out w, stride, padding, groups, plain
Sizes = tuple[int, ...]
DIRECTIONS = ("result", "gradient of the source", "gradient of the weights")
_NAME = 128


class Way(NamedTuple):
    """How one of a convolution's DIRECTIONS is computed."""

    direction: str
    code: str  # "winograd", or oneDNN's name such as "jit:avx2"
    computed: bool  # False where only oneDNN's reference code could
    rearranged: bool  # maps take another layout for it


@cache
def ways(sizes: Sizes) -> tuple[Way, ...]:
    """The way of each direction, for a convolution of these sizes."""
    kernels = library.loaded()
    if kernels is None:
        raise RuntimeError("the kernels cannot be used here: ask library.load() first")
    numbers, found = (ctypes.c_int64 * len(sizes))(*sizes), []
    for number, direction in enumerate(DIRECTIONS):
        name = ctypes.create_string_buffer(_NAME)
        state = kernels.crossmodal_convolution_way(ctypes.c_int64(number), numbers, name,
                                                   ctypes.c_int64(_NAME))
        found.append(Way(direction, name.value.decode(), state > 0, state == 2))
    return tuple(found)


@cache
def is_fast(sizes: Sizes) -> bool:
    """Whether the kernels compute it in all directions; says once for each where they make do."""
    found = ways(sizes)
    for way in found:
        if _is_detour(sizes, way):
            _LOG.info("%s", describe(sizes, way))
    return all(way.computed for way in found)


def describe(sizes: Sizes, way: Way) -> str:
    """A line about a way that is not the usual one."""
    n, c, h, w, out, kernel, _, _, _, stride, _, groups, _ = sizes
    what = (f"convolution of {n} x {c} x {h} x {w} to {out} channels, kernel {kernel}, stride "
            f"{stride}, groups {groups}: {way.direction}")
    return f"{what} on rearranged maps, by {way.code}" if way.computed \
        else f"{what} by Jittor's operators: oneDNN has no fast code"


def detours(batch: int = 16) -> list[str]:
    """Lines about the usual convolutions (`usual`) that take another way than most."""
    return [describe(sizes, way) for sizes in usual(batch) for way in ways(sizes)
            if _is_detour(sizes, way)]


def _is_detour(sizes: Sizes, way: Way) -> bool:
    """Whether a way is not the usual one; nobody asks for the gradient of a picture."""
    of_picture = sizes[-1] and way.direction == DIRECTIONS[1]
    return (way.rearranged or not way.computed) and not of_picture


def usual(batch: int) -> Iterator[Sizes]:
    """Convolutions of the ResNets and of MobileNetV2, for pictures of 224, 112 and 64 px."""
    for side, channels in product((224, 112, 64), (1, 3, 4)):
        yield _square(batch, channels, side, 64, 7, 2, plain=True)
        yield _square(batch, channels, side, 32, 3, 2, plain=True)
    for side, (level, width) in product((224, 112, 64), enumerate((64, 128, 256, 512))):
        here = max(1, side >> level + 2)
        for kernel, stride, given, out in ((3, 1, 1, 1), (3, 2, 1, 1), (1, 1, 1, 4), (1, 1, 4, 1),
                                           (1, 2, 4, 8)):
            yield _square(batch, width * given, here, width * out, kernel, stride)
        for stride in (1, 2):
            yield _square(batch, width * 3 // 2, here, width * 3 // 2, 3, stride, depthwise=True)


def _square(n: int, c: int, side: int, out: int, kernel: int, stride: int, plain: bool = False,
            depthwise: bool = False) -> Sizes:
    after = (side + 2 * (kernel // 2) - kernel) // stride + 1
    return (n, c, side, side, out, kernel, kernel, after, after, stride, kernel // 2,
            c if depthwise else 1, int(plain))
