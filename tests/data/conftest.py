"""The tiny data sets as fixtures."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from category_data import VIEWS, Make, write_kinds
from category_data import settings as kinds_settings
from tiny_data import Tiny, settings, write_data

from crossmodal.config import DomainConfig


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


@pytest.fixture
def kinds(tmp_path: Path) -> Make:
    """Writes a category-level data set of shapes of so many views."""

    def make(*changes: str, views: int = VIEWS) -> DomainConfig:
        write_kinds(tmp_path, views)
        return kinds_settings(tmp_path, f"views={views}", *changes)

    return make
