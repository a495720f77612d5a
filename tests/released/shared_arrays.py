"""The arrays that running the released code gave, where the shared data is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

RTOL = 1e-4


class Released:
    """Arrays of a file by name; ``near`` compares in the tolerance that the file asks for."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            pytest.skip(f"no {path.name} of the released code beside the shared data")
        with np.load(path) as file:
            self._arrays = dict(file)
        self.asked: set[str] = set()

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Released:
        """The same of arrays that are at hand."""
        made = cls.__new__(cls)
        made._arrays, made.asked = dict(arrays), set()
        return made

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked.add(name)
        return self._arrays[name]

    def names(self, prefix: str) -> list[str]:
        """Names that begin so, without that beginning."""
        return [name[len(prefix):] for name in self._arrays if name.startswith(prefix)]

    def near(self, name: str, found: np.ndarray, atol: float = 1e-6, rtol: float = RTOL) -> None:
        """Fail unless `found` agrees with the array of that name."""
        expected = self[name]
        np.testing.assert_allclose(np.asarray(found).reshape(expected.shape), expected, rtol, atol,
                                   err_msg=name)
