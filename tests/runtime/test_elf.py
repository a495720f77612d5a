"""Recognising compiled files that are not whole."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.runtime import elf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ELF is Linux's format")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small shared library."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    folder = tmp_path_factory.mktemp("elf")
    (folder / "one.cc").write_text("int one() { return 1; }\n")
    command = [compiler, "-shared", "-fPIC", "one.cc", "-o", "one.so"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "one.so"


def test_a_whole_library(library: Path) -> None:
    assert elf.is_intact(library)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_cut_library(library: Path, tmp_path: Path, part: float) -> None:
    content = library.read_bytes()
    cut = tmp_path / "cut.so"
    cut.write_bytes(content[: min(int(len(content) * part), len(content) - 1)])
    assert not elf.is_intact(cut)


def test_other_content_and_no_file(tmp_path: Path) -> None:
    other = tmp_path / "page.so"
    other.write_text("<html>not found</html>" * 10)
    assert not elf.is_intact(other)
    assert not elf.is_intact(tmp_path / "nothing.so")
