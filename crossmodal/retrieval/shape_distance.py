"""How far a retrieved shape is from the right one: HAU of points and IoU of voxels, from files."""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from crossmodal.data.records import ShapeKey
from crossmodal.geometry.binvox import BinvoxError, read_binvox
from crossmodal.geometry.hausdorff import averaged_hausdorff
from crossmodal.geometry.iou import iou_packed, pack
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.inside import OutsideError, inside
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.os_errors import told
from crossmodal.runtime.safe_files import read_npy

POINTS = "model_std_ptc10k_npy"
VOXELS = "model_std_bin128"
_LOG = get_logger(__name__)


class ShapeFiles:
    """Points and voxels of the shapes of one data set or library folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.points = lru_cache(maxsize=512)(self._points)
        self.voxels = lru_cache(maxsize=2048)(self._voxels)

    def _points(self, key: ShapeKey) -> np.ndarray | None:
        try:
            points = read_npy(self._path(POINTS, key, ".npy"))
        except (OSError, ValueError) as error:
            _LOG.warning("no points of %s: %s", key, _said(error))
            return None
        return points if points.ndim == 2 and points.shape[1] == 3 and len(points) else None

    def _voxels(self, key: ShapeKey) -> np.ndarray | None:
        try:
            return pack(read_binvox(self._path(VOXELS, key, ".binvox")).grid)
        except (OSError, BinvoxError, OutsideError) as error:
            _LOG.warning("no voxels of %s: %s", key, _said(error))
            return None

    def _path(self, kind: str, key: ShapeKey, suffix: str) -> Path:
        return inside(self.folder, f"{kind}/{key.category}/{key.instance}{suffix}", links=True)


def _said(error: Exception) -> str:
    return told(error) if isinstance(error, OSError) else one_line(error)


def compare_shapes(right: Sequence[ShapeKey], right_files: ShapeFiles, found: Sequence[ShapeKey],
                   found_files: ShapeFiles) -> tuple[np.ndarray, np.ndarray]:
    """HAU and IoU of each pair of shapes, (Q,) float64 each; NaN where a file is missing or broken.

    A pair that occurs again is measured once.
    """
    known: dict[tuple[ShapeKey, ShapeKey], tuple[float, float]] = {}
    for pair in tqdm(list(zip(right, found)), desc="HAU and IoU", leave=False):
        if pair not in known:
            known[pair] = (_hau(right_files.points(pair[0]), found_files.points(pair[1])),
                           _iou(right_files.voxels(pair[0]), found_files.voxels(pair[1])))
    rows = np.array([known[pair] for pair in zip(right, found)], np.float64).reshape(-1, 2)
    missing = int(np.isnan(rows).any(1).sum())
    if missing:
        _LOG.warning("%d of %d queries lack points or voxels and are left out of HAU or IoU: make "
                     "them with crossmodal.prepare.sample_points and .voxelize", missing, len(rows))
    return rows[:, 0], rows[:, 1]


def _hau(first: np.ndarray | None, second: np.ndarray | None) -> float:
    if first is None or second is None:
        return float("nan")
    try:
        return averaged_hausdorff(first, second)
    except ValueError as error:
        _LOG.warning("HAU: %s", error)
        return float("nan")


def _iou(first: np.ndarray | None, second: np.ndarray | None) -> float:
    if first is None or second is None or first.shape != second.shape:
        return float("nan")
    return iou_packed(first, second)
