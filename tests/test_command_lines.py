"""Every command answers --help, and a wrong flag, at once: without loading or building Jittor."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("Instance-level", "Category-level", "crossmodal", "benchmarks")
# Started by other programs, which hand them what they need.
INTERNAL = {"crossmodal.data.worker", "crossmodal.runtime.compile_progress",
            "crossmodal.geometry.formats.step",
            "benchmarks.network_torch", "benchmarks.network_jittor",
            "benchmarks.torch_step", "benchmarks.jittor_step"}
LEAST = 20  # so many there are at least, or the search below has missed them
# What takes longest to import; without these, half a second is enough to answer on an idle machine.
SLOW = ("jittor", "matplotlib", "scipy.sparse", "scipy.spatial", "skimage", "sklearn", "torch",
        "trimesh")


def command(path: Path) -> list[str]:
    """How a program is started: as a script, or with -m as a part of a package."""
    if path.parent.name.endswith("-level"):
        return [str(path)]
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ["-m", ".".join(parts[:-1] if parts[-1] == "__main__" else parts)]


def commands() -> list[list[str]]:
    """All programs of the checkout that have a command line."""
    programs = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))
                if re.search(r'^if __name__ == "__main__":', path.read_text(), re.MULTILINE)]
    return [words for words in map(command, programs) if words[-1] not in INTERNAL]


def ask(words: list[str], *options: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """What a program answers, and which of the slow libraries it imports."""
    done = subprocess.run([sys.executable, "-X", "importtime", *words, *options], cwd=ROOT,
                          capture_output=True, text=True, timeout=120,
                          env={**os.environ, "COLUMNS": "80"})
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))
    assert "argparse" in imported  # or the list is read wrongly
    return done, imported & set(SLOW)


def test_the_programs_are_found() -> None:
    assert len(commands()) >= LEAST


@pytest.mark.parametrize("words", commands(), ids=lambda words: Path(words[-1]).name)
def test_help_is_answered_at_once(words: list[str]) -> None:
    done, slow = ask(words, "--help")
    assert done.returncode == 0 and "usage: " in done.stdout, done.stderr[-2000:]
    assert not slow


@pytest.mark.parametrize("words", [w for w in commands() if w[-1].endswith(".py")],
                         ids=lambda words: Path(words[-1]).name)
def test_a_wrong_flag_is_refused_at_once(words: list[str]) -> None:
    done, slow = ask(words, "--no-such-flag")
    assert done.returncode == 2 and "--no-such-flag" in done.stderr
    assert not slow
