"""A way to run a piece of Python in a fresh process, and a Jittor that is built before that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def clean_environment() -> dict[str, str]:
    """The environment of this process before any preparation for Jittor changed it."""
    prepared = ("nvcc_path", "cache_name", "python_config_path", "FIX_TORCH_ERROR", "log_silent",
                "cc_flags", "cc_path")  # the last is Jittor's own doing, as it is imported
    return {name: value for name, value in os.environ.items() if name not in prepared}


@pytest.fixture
def run(clean_environment: dict[str, str], tmp_path: Path) -> Run:
    """run(code, NAME=value) executes Python code in a fresh process, away from the checkout."""

    def start(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**clean_environment, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=900,
        )

    return start


@pytest.fixture(scope="session")
def built() -> None:
    """Jittor is built for this machine, so that fresh processes start quickly."""
    from crossmodal.runtime.jittor_setup import load_jittor

    load_jittor()
