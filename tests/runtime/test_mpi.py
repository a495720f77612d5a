"""Started by mpirun: what must be there, and what is said where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.runtime import mpi
from crossmodal.runtime.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]


def give_mpicc(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An mpicc of that content, the only one there is."""
    path = folder / "mpicc"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.delenv("mpicc_path", raising=False)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return path


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("mpicc_path", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert mpi.obstacle() == "there is no mpicc"


def test_a_compiler_without_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian's openmpi-bin has it, which other packages bring along."""
    path = give_mpicc(tmp_path, 'exec g++ -nostdinc "$@"', monkeypatch)
    assert mpi.obstacle() == f"{path} finds no mpi.h"


def test_a_compiler_with_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mpi.h").write_text("")
    give_mpicc(tmp_path, f'exec g++ -I"{tmp_path}" "$@"', monkeypatch)
    assert mpi.obstacle() == ""


def test_a_compiler_that_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("mpicc_path", "/nowhere/mpicc")
    assert mpi.obstacle() == "/nowhere/mpicc does not run (No such file or directory)"


def test_alone_mpi_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMPI_COMM_WORLD_SIZE", raising=False)
    monkeypatch.setenv("mpicc_path", "/nowhere/mpicc")
    monkeypatch.setenv("use_mpi", "0")
    mpi.prepare()


def test_started_by_mpirun_the_reason_is_told(tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    give_mpicc(tmp_path, "exit 1", monkeypatch)
    with pytest.raises(SetupError, match=r"finds no mpi\.h.*apt install .*libopenmpi-dev"):
        mpi.prepare()


def test_a_script_says_it_in_one_line_and_once(tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    give_mpicc(tmp_path, "exit 1", monkeypatch)
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    said = []
    for rank in ("0", "1"):
        monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_RANK", rank)
        done = subprocess.run([sys.executable, "RetrievalNet_sag_con.py"], cwd=ROOT /
                              "Instance-level", capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        said.append(done.stderr)
    assert said[0].count("\n") == 1 and "finds no mpi.h" in said[0]
    assert said[1] == ""
