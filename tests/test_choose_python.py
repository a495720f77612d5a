"""Which Python `make venv` takes: python3 if it works, else the newest, else one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).resolve().parents[1]
MINOR = sys.version_info.minor


@pytest.fixture
def choose(tmp_path: Path):
    """choose(*candidates, NAME=value) with only the Pythons that the test put on the PATH."""

    def start(*candidates: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(REPO_ROOT / "choose_python.sh"), *candidates],
            env={"PATH": str(tmp_path), "HOME": str(tmp_path / "home"), **variables},
            capture_output=True, text=True, timeout=60)

    return start


def put(path: Path, works: bool = True) -> Path:
    """A Python: this one, or one that cannot do what is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = f'exec "{sys.executable}" "$@"' if works else "exit 1"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def test_python3_where_it_works(choose, tmp_path: Path) -> None:
    put(tmp_path / "python3")
    put(tmp_path / f"python3.{MINOR}")
    done = choose()
    assert (done.stdout, done.stderr) == ("python3\n", "")


def test_else_the_newest_that_does(choose, tmp_path: Path) -> None:
    put(tmp_path / "python3", works=False)
    put(tmp_path / "python3.13", works=False)
    put(tmp_path / "python3.12")
    put(tmp_path / "python3.10")
    done = choose()
    assert done.stdout == "python3.12\n"
    assert done.stderr == "python3 cannot be used here; using python3.12\n"


def test_one_that_pyenv_installed(choose, tmp_path: Path) -> None:
    python = put(tmp_path / "home" / ".pyenv" / "versions" / "3.11.9" / "bin" / "python3")
    assert choose().stdout == f"{python}\n"


def test_too_old_or_too_new(choose, tmp_path: Path) -> None:
    put(tmp_path / "python3")
    assert choose(OLDEST=str(MINOR)).stdout == choose(NEWEST=str(MINOR)).stdout == "python3\n"
    for narrowed in ({"OLDEST": str(MINOR + 1)}, {"NEWEST": str(MINOR - 1)}):
        assert choose(**narrowed).returncode == 1


def test_the_one_that_is_asked_for(choose, tmp_path: Path) -> None:
    put(tmp_path / "python3")
    mine = put(tmp_path / "my own" / "python3")
    assert choose(str(mine)).stdout == f"{mine}\n"
    done = choose("python3.8")
    assert done.returncode == 1 and done.stdout == ""
    assert "looked for python3.8)" in done.stderr


def test_none_is_one_line_that_says_what_to_install(choose) -> None:
    done = choose()
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "no Python 3.9 to 3.14 with its headers and venv" in done.stderr
    assert "apt install python3-dev python3-venv" in done.stderr
