"""HAU of two sets of 5,000 points, against the brute-force form that holds all differences."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Measurement, seconds
from crossmodal.geometry.hausdorff import averaged_hausdorff

POINTS = 5_000
LEAST = 20.0


def main(quick: bool = False) -> list[Measurement]:
    """Seconds of both forms; checks that they agree."""
    rng = np.random.default_rng(0)
    sphere = rng.standard_normal((POINTS, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    box = rng.uniform(-0.6, 0.6, (POINTS, 3))
    box[np.arange(POINTS), rng.integers(0, 3, POINTS)] = 0.6
    first, second = sphere.astype(np.float32), box.astype(np.float32)
    np.testing.assert_allclose(averaged_hausdorff(first, second), brute_force(first, second),
                               rtol=1e-4)
    ours = seconds(lambda: averaged_hausdorff(first, second))
    theirs = seconds(lambda: brute_force(first, second), 1 if quick else 3, warm_up=0)
    return [Measurement(f"HAU, {POINTS:,} x {POINTS:,} points", ours, theirs, LEAST)]


def brute_force(first: np.ndarray, second: np.ndarray) -> float:
    """The definition, through all (N, M, 3) differences."""
    differences = 0.5 * first[:, None] - 0.5 * second[None]
    distance = np.sqrt((differences**2).sum(2))
    total = distance.min(1).sum() + distance.min(0).sum()
    return float(total / (len(first) + len(second)))
