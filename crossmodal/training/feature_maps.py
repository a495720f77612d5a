"""Feature maps kept in one file, which is read in place: larger than memory if need be."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Callable

import numpy as np
from tqdm import tqdm

from crossmodal.data.loader import Loader
from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.safe_files import read_npy

_LOG = get_logger(__name__)


def stored_maps(path: Path, count: int, rows: Callable[[], Iterator[np.ndarray]]) -> np.ndarray:
    """(count, ...) float16 maps of a file; computes and writes what is not there or broken.

    rows : yields (n, ...) maps, ``count`` in all, in their order
    """
    found = _open(path, count)
    if found is None:
        with atomic_write(path) as file:
            _write(file, count, rows())
        found = _open(path, count)
    assert found is not None, path
    return found


def map_rows(loader: Loader[Any], count: int, noun: str,
             lower: Callable[[np.ndarray], np.ndarray]) -> Iterator[np.ndarray]:
    """Maps of every row of a source with ``pixels``, ``index`` and ``valid``; NaN if unreadable."""
    with loader, tqdm(total=count, desc=f"lower half of {noun}", leave=False) as bar:
        for batch in loader.epoch():
            found = lower(batch.pixels)
            found[~batch.valid] = np.nan
            rows = found[batch.index >= 0]
            bar.update(len(rows))
            yield rows


def _open(path: Path, count: int) -> np.ndarray | None:
    """A stored array, in place; None where there is none, or none of so many maps."""
    if not path.exists():
        return None
    try:
        found = read_npy(path, mapped=True)
        if found.dtype == np.float16 and found.ndim > 1 and len(found) == count:
            return found
        reason = f"{brief(found.shape)} {found.dtype}, not {count} maps of float16"
    except (OSError, ValueError) as error:
        reason = one_line(error)
    _LOG.warning("%s cannot be read (%s): computing it again", path, reason)
    return None


def _write(file: BinaryIO, count: int, rows: Iterator[np.ndarray]) -> None:
    """One .npy array, a batch at a time."""
    started = False
    for part in rows:
        if not started:
            np.lib.format.write_array_header_1_0(file, {
                "descr": "<f2", "fortran_order": False, "shape": (count, *part.shape[1:])})
            started = True
        file.write(part.astype("<f2").tobytes())
