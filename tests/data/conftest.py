"""The tiny data set as fixtures."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from tiny_data import Tiny, settings, write_data


@pytest.fixture
def make_tiny(tmp_path: Path) -> Callable[..., Tiny]:
    """Writes a tiny data set that the test may damage."""

    def make(as_pickle: bool = False) -> Tiny:
        return Tiny(write_data(tmp_path, as_pickle), settings(tmp_path))

    return make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny data set shared by the tests that only read it."""
    root = tmp_path_factory.mktemp("data")
    return Tiny(write_data(root), settings(root))
