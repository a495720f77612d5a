"""What a category-level test keeps of its two domains, as MATLAB and as NumPy files.

``source.mat`` and ``target.mat`` have the field names of the released test.py: `source_feature`,
`source_label`, `source_outputs`, `source_predict_label`, and the same with `target_`. As there,
labels start at 0 and are rows, (1, n) in MATLAB. ``features.npz`` holds the fields of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.paths import PathLike


@dataclass(frozen=True)
class DomainFeatures:
    """A domain's n items: photos (source) or shapes (target).

    feature : (n, D) real, as the network gives it, not normalised
    label : (n,) int; -1: no class
    outputs : (n, C) real, the classifier's logits, if there are any
    predict_label : (n,) int; None: the largest output's class, if there are outputs

    Raises ValueError where these do not fit together.
    """

    feature: np.ndarray
    label: np.ndarray
    outputs: np.ndarray | None = None
    predict_label: np.ndarray | None = None

    def __post_init__(self) -> None:
        count = len(self.feature)
        if np.ndim(self.feature) != 2 or np.shape(self.label) != (count,):
            raise ValueError(f"features {np.shape(self.feature)} and labels {np.shape(self.label)} "
                             "must be (n, D) and (n,)")
        if self.outputs is not None and (np.ndim(self.outputs), len(self.outputs)) != (2, count):
            raise ValueError(f"outputs {np.shape(self.outputs)} must be (n, C), n = {count}")
        if self.predict_label is not None and np.shape(self.predict_label) != (count,):
            raise ValueError(f"predictions {np.shape(self.predict_label)} must be ({count},)")

    def fields(self, domain: str) -> dict[str, np.ndarray]:
        """Field name -> array, as the released test.py names them; without what there is not."""
        predicted = self.predict_label
        if predicted is None and self.outputs is not None and self.outputs.shape[1]:
            predicted = np.argmax(self.outputs, axis=1)
        found = {"feature": _real(self.feature), "label": np.asarray(self.label, np.int64)}
        if self.outputs is not None:
            found["outputs"] = _real(self.outputs)
        if predicted is not None:
            found["predict_label"] = np.asarray(predicted, np.int64)
        return {f"{domain}_{name}": array for name, array in found.items()}


def _real(array: np.ndarray) -> np.ndarray:
    """float64 as it is, anything else as float32: MATLAB knows no float16."""
    return np.asarray(array, np.float64 if array.dtype == np.float64 else np.float32)


def save_features(folder: PathLike, source: DomainFeatures, target: DomainFeatures) -> list[Path]:
    """Write source.mat, target.mat and features.npz, each whole or not at all; their paths."""
    from scipy.io import savemat  # slow to import

    folder = Path(folder)
    paths = [folder / "source.mat", folder / "target.mat", folder / "features.npz"]
    domains = [source.fields("source"), target.fields("target")]
    for path, fields in zip(paths, domains):
        with atomic_write_in(folder, path.name) as file:
            savemat(file, fields)
    with atomic_write_in(folder, paths[2].name) as file:
        np.savez_compressed(file, **domains[0], **domains[1])
    return paths
