"""What all tests share: few threads, repeatable examples, and the optional shared data."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tiny_project import Project, make_project

REPO_ROOT = Path(__file__).resolve().parents[1]
SHARED_VARIABLE = "CROSSMODAL_SHARED"

settings.register_profile("default", deadline=None, max_examples=30, derandomize=True)
settings.load_profile("default")


def pytest_configure() -> None:
    """Keep figures off any display and Jittor's own chatter out of the report; hear Ctrl-C.

    What a shell starts in the background is told to ignore Ctrl-C, and so would be the programs
    that the tests start and interrupt.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ.setdefault("log_silent", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several test processes, the whole runs come first: they take longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.path.parent != REPO_ROOT / "tests")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Spell out file names that are no UTF-8: a test process could not hand them on."""
    outcome = yield
    report = outcome.get_result()
    report.sections = [(title, text.encode("utf-8", "backslashreplace").decode())
                       for title, text in report.sections]


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Folder of the checkout."""
    return REPO_ROOT


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny generated data set with a network trained on it."""
    return make_project(tmp_path_factory.mktemp("project"), REPO_ROOT)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the data the tests share, CROSSMODAL_SHARED or ../shared; skips without it."""
    folder = Path(os.environ.get(SHARED_VARIABLE) or REPO_ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data in {folder}: set {SHARED_VARIABLE} to its folder")
    return folder
