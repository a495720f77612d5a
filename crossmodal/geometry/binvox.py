"""Binvox files: voxel grids, run-length coded (format of P. Min's binvox).

A text header (``dim``, ``translate``, ``scale``), then pairs of bytes (value, count). In the file y
runs fastest, then z, then x; in memory a grid is indexed [x, y, z].
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge, check_claim
from crossmodal.runtime.safe_files import open_regular

_LINE = 4096  # bytes of a line of the header
_HEADER_LIMIT = 64  # lines before "data" in any sane file


@dataclass(frozen=True)
class Voxels:
    """A voxel grid and where it is.

    grid      : (X, Y, Z) bool, True = occupied
    translate : (3,) position of the corner of voxel (0, 0, 0)
    scale     : side of the whole grid along x; voxel i spans translate + i / X * scale
    """

    grid: np.ndarray
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0


class BinvoxError(ValueError):
    """A file that is not a binvox grid; the message names the file and the reason."""


def read_binvox(path: Path) -> Voxels:
    """The grid in a file. Raises BinvoxError when it is no binvox file, or cut short."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        dim, translate, scale = _read_header(file, path)
        runs = np.frombuffer(file.read(), np.uint8)
    if len(runs) % 2:
        raise BinvoxError(f"{path}: the last run is cut off; make the file again")
    total = int(runs[1::2].sum(dtype=np.int64))
    if total != dim[0] * dim[1] * dim[2]:
        raise BinvoxError(
            f"{path}: {total} voxels in the data, "
            f"{brief(dim[0] * dim[1] * dim[2])} in the header"
        )
    try:
        check_claim(f"{total} voxels", 2 * total, size)  # with their copy in another order
    except TooLarge as error:
        raise BinvoxError(f"{path}: {error}") from error
    values = np.repeat(runs[::2] != 0, runs[1::2])
    depth, height, width = dim  # sizes along x, z and y
    grid = values.reshape(depth, height, width).transpose(0, 2, 1)
    return Voxels(np.ascontiguousarray(grid), translate, scale)


def write_binvox(file: BinaryIO, voxels: Voxels) -> None:
    """Write a grid to an open binary file."""
    size_x, size_y, size_z = voxels.grid.shape
    move = " ".join(f"{value:.9g}" for value in voxels.translate)
    header = f"#binvox 1\ndim {size_x} {size_z} {size_y}\ntranslate {move}\n"
    file.write(f"{header}scale {voxels.scale:.9g}\ndata\n".encode("ascii"))
    file.write(_run_lengths(voxels.grid.transpose(0, 2, 1).reshape(-1)).tobytes())


def _run_lengths(values: np.ndarray) -> np.ndarray:
    """(2R,) uint8 value, count, value, count ... with counts up to 255."""
    change = np.flatnonzero(np.diff(values.astype(np.int8))) + 1
    start = np.concatenate([[0], change])
    length = np.diff(np.concatenate([start, [len(values)]]))
    pieces = -(-length // 255)
    value = np.repeat(values[start], pieces)
    count = np.full(int(pieces.sum()), 255, np.int64)
    count[np.cumsum(pieces) - 1] = length - 255 * (pieces - 1)
    return np.stack([value.astype(np.uint8), count.astype(np.uint8)], axis=1).reshape(-1)


def _read_header(
    file: BinaryIO, path: Path
) -> tuple[tuple[int, int, int], tuple[float, float, float], float]:
    if not file.readline(_LINE).startswith(b"#binvox"):
        raise BinvoxError(f"{path}: not a binvox file (it does not start with #binvox)")
    fields: dict[str, list[str]] = {}
    for _ in range(_HEADER_LIMIT):
        words = file.readline(_LINE).decode("ascii", "replace").split()
        if words[:1] == ["data"]:
            break
        if words:
            fields[words[0]] = words[1:]
    else:
        raise BinvoxError(f"{path}: the header has no line 'data'; the file is damaged")
    try:
        depth, height, width = (int(word) for word in fields["dim"])
        x, y, z = (float(word) for word in fields.get("translate", ["0", "0", "0"]))
        (scale,) = (float(word) for word in fields.get("scale", ["1"]))
    except (KeyError, ValueError) as error:
        raise BinvoxError(f"{path}: unreadable header ({one_line(error)})") from error
    if min(depth, height, width) < 1:
        raise BinvoxError(f"{path}: the header has an empty dimension ({brief(fields['dim'])})")
    return (depth, height, width), (x, y, z), scale
