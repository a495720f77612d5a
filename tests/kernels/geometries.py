"""Convolutions of every kind by the kernels, for the instruction set that oneDNN is told to use.

    DNNL_MAX_CPU_ISA=AVX2 python tests/kernels/geometries.py

Prints a line of json for each: its way in every direction, its error against double precision, and
its time and that of Jittor's operators. Run by test_every_processor.py.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Iterator
from itertools import product
from typing import Any, Callable, NamedTuple

import numpy as np

from crossmodal.kernels import library, ways
from crossmodal.runtime import jt, onednn

MOST = 3e7  # multiplications of a convolution that is computed here, not only asked about
TIMES = 4  # calls of which the fastest counts; the first prepares
CHANNELS = (1, 2, 3, 4, 8, 24, 64, 512, 2048)
SIDES = (1, 2, 3, 7, 14, 28, 112)


class Case(NamedTuple):
    """A square convolution with the usual padding; `plain` takes its source as a plain map."""

    n: int
    channels: int
    side: int
    out: int
    kernel: int
    stride: int
    groups: int
    plain: bool

    @property
    def after(self) -> int:
        return (self.side + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1

    @property
    def sizes(self) -> ways.Sizes:
        return (self.n, self.channels, self.side, self.side, self.out, self.kernel, self.kernel,
                self.after, self.after, self.stride, self.kernel // 2, self.groups,
                int(self.plain))

    @property
    def multiplications(self) -> int:
        return self.n * self.after ** 2 * self.out * self.channels // self.groups * self.kernel ** 2


# Tiles that fit, that stick out, that a chunk does not hold; channels that fill no block.
BY_WINOGRAD = [Case(n, channels, side, out, 3, 1, 1, False) for n, channels, side, out in (
    (8, 64, 16, 64), (5, 90, 13, 132), (16, 256, 4, 128), (1, 64, 112, 40), (6, 320, 8, 320))]


def cases() -> Iterator[Case]:
    """Every kind; square ones in channels, and some that are not."""
    for n, kernel, stride, channels, side in product((1, 16), (1, 3, 5, 7), (1, 2), CHANNELS,
                                                     SIDES):
        yield Case(n, channels, side, channels, kernel, stride, 1, False)
        if channels <= 4:
            yield Case(n, channels, side, 40, kernel, stride, 1, True)
        elif channels <= 512:
            yield Case(n, channels, side, channels, kernel, stride, channels, False)
            yield Case(n, channels, side, 2 * channels, kernel, stride, 2, False)
            if kernel <= 3:
                yield Case(n, channels, side, 24, kernel, stride, 1, False)
    for n, (channels, side) in product((128, 240), ((512, 2), (256, 4), (128, 8), (64, 16))):
        yield Case(n, channels, side, channels, 3, 1, 1, False)
    yield from BY_WINOGRAD


def computed() -> Iterator[Case]:
    """Those of `cases` that are small enough, and not more than a few of each kind."""
    seen: dict[tuple[Any, ...], int] = {}
    for case in cases():
        kind = (case.channels, case.kernel, case.stride, case.groups > 1, case.plain, case.n > 1)
        if case.multiplications <= MOST and seen.get(kind, 0) < 2:
            seen[kind] = seen.get(kind, 0) + 1
            yield case
    yield from BY_WINOGRAD


def blocked(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (N, C / block, H, W, block), zeros in the channels that fill up."""
    group, (n, c, h, w) = library.block(), x.shape
    filled = np.zeros((n, -(-c // group) * group, h, w), np.float32)
    filled[:, :c] = x
    return np.ascontiguousarray(filled.reshape(n, -1, group, h, w).transpose(0, 1, 3, 4, 2))


def plain(x: np.ndarray, channels: int) -> np.ndarray:
    n, _, h, w, _ = x.shape
    return x.transpose(0, 1, 4, 2, 3).reshape(n, -1, h, w)[:, :channels]


def in_double_precision(case: Case, x: np.ndarray, weight: np.ndarray,
                        dy: np.ndarray) -> list[np.ndarray]:
    """The convolution, and its gradients towards source and weights: by matrix products."""
    g, s, edge, k = case.groups, case.stride, case.kernel // 2, case.kernel
    padded = np.zeros((case.n, case.channels, case.side + 2 * edge, case.side + 2 * edge))
    padded[:, :, edge:edge + case.side, edge:edge + case.side] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))[:, :, ::s, ::s]
    columns = windows.transpose(1, 4, 5, 0, 2, 3).reshape(g, -1, case.n * case.after ** 2)
    kernels = weight.astype(np.float64).reshape(g, case.out // g, -1)
    slopes = dy.astype(np.float64).transpose(1, 0, 2, 3).reshape(g, case.out // g, -1)
    y = (kernels @ columns).reshape(case.out, case.n, case.after, case.after)
    dcolumns = (kernels.transpose(0, 2, 1) @ slopes).reshape(
        case.channels, k, k, case.n, case.after, case.after)
    dpadded = np.zeros_like(padded)
    for i, j in np.ndindex(k, k):
        dpadded[:, :, i:i + s * (case.after - 1) + 1:s, j:j + s * (case.after - 1) + 1:s] += \
            dcolumns[:, i, j].transpose(1, 0, 2, 3)
    return [y.transpose(1, 0, 2, 3), dpadded[:, :, edge:edge + case.side, edge:edge + case.side],
            (slopes @ columns.transpose(0, 2, 1)).reshape(weight.shape)]


def draw(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source, weights and gradient of the result."""
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(shape, dtype=np.float32) for shape in (
        (case.n, case.channels, case.side, case.side),
        (case.out, case.channels // case.groups, case.kernel, case.kernel),
        (case.n, case.out, case.after, case.after)))


def by_kernels(case: Case, x: np.ndarray, weight: np.ndarray, dy: np.ndarray,
               times: int) -> list[tuple[np.ndarray, float] | None]:
    """The same by the kernels, and least milliseconds of so many calls.

    None where they leave it to Jittor.
    """
    kernels = library.loaded()
    source, target = x if case.plain else blocked(x), blocked(dy)
    outputs = [np.full_like(target, np.nan), np.full_like(source, np.nan),
               np.full_like(weight, np.nan)]
    sizes = (ctypes.c_int64 * len(case.sizes))(*case.sizes)

    def at(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    calls: list[Callable[[], None]] = [
        lambda: kernels.crossmodal_convolution(at(source), at(weight), None, None, sizes,
                                               ctypes.c_int64(0), at(outputs[0])),
        lambda: kernels.crossmodal_convolution_data(at(target), at(weight), sizes, at(outputs[1])),
        lambda: kernels.crossmodal_convolution_weights(at(source), at(target), sizes,
                                                       at(outputs[2]))]
    usable = [way.computed for way in ways.ways(case.sizes)]
    least = [milliseconds(call, times) if use else 0.0 for call, use in zip(calls, usable)]
    results = [plain(outputs[0], case.out),
               outputs[1] if case.plain else plain(outputs[1], case.channels), outputs[2]]
    return [(result, time) if use else None for result, time, use in zip(results, least, usable)]


def by_jittor(case: Case, x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> list[float]:
    """Milliseconds of Jittor's operators."""
    arrays = [jt.array(array) for array in (x, weight, dy)]
    y = jt.nn.conv2d(arrays[0], arrays[1], None, case.stride, case.kernel // 2, 1, case.groups)
    loss = (y * arrays[2]).sum()
    inputs = [lambda: jt.nn.conv2d(arrays[0], arrays[1], None, case.stride, case.kernel // 2, 1,
                                   case.groups),
              lambda: jt.grad(loss, [arrays[0]], retain_graph=True)[0],
              lambda: jt.grad(loss, [arrays[1]], retain_graph=True)[0]]
    jt.sync([y, loss])
    return [milliseconds(lambda make=make: make().sync(), TIMES) for make in inputs]


def milliseconds(call: Callable[[], None], times: int) -> float:
    """Least processor time of so many calls: other programs take no part in it."""
    found = []
    for _ in range(times):
        start = time.process_time()
        call()
        found.append(1e3 * (time.process_time() - start))
    return min(found)


def main() -> None:
    """Ask about all, compute some."""
    library._BLOCKS.update({"AVX": 8, "SSE4.1": 8})  # they serve there, too, though not as fast
    instructions = onednn.instruction_set(library.home.jittor_home())
    asked = [[way.code for way in ways.ways(case.sizes)] for case in cases()]
    sys.stdout.write(json.dumps({"instructions": instructions, "block": library.block(),
                                 "asked": asked}) + "\n")
    for case in computed():
        arrays = draw(case)
        timed = case.multiplications > MOST / 3
        found = by_kernels(case, *arrays, TIMES if timed else 1)
        exact = in_double_precision(case, *arrays)
        errors = [None if got is None else
                  float(np.abs(got[0] - expected).max() / max(np.abs(expected).max(), 1e-9))
                  for got, expected in zip(found, exact)]
        sys.stdout.write(json.dumps({
            "case": case._asdict(), "errors": errors,
            "ours": [None if got is None else got[1] for got in found],
            "jittor": by_jittor(case, *arrays) if timed else None,
            "ways": [way.code for way in ways.ways(case.sizes)]}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
