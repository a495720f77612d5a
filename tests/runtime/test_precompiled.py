"""Headers are compiled once, taken by the compiler, and never stand in the way."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crossmodal.runtime import home, jt, precompiled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="g++ on Linux")
COMPILER = shutil.which("g++") or "g++"


def headers_taken(command: list[str]) -> str:
    """What the compiler says about the headers that it reads, without compiling anything."""
    done = subprocess.run([*command, "-H", "-fsyntax-only"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def commands(folder: Path, suffix: str) -> list[list[str]]:
    """The commands by which Jittor compiled files, from the notes beside them."""
    return [shlex.split(note.read_text().splitlines()[0])
            for note in sorted(folder.glob(f"*{suffix}.key"))]


def only_headers(command: list[str]) -> list[str]:
    return [part for part in command if not part.startswith(("-l", "-L", "-Wl", "-shared"))]


@pytest.mark.skipif("-include" not in os.environ.get("cc_flags", ""), reason="cc_flags was set")
def test_the_core_is_compiled_with_the_standard_headers() -> None:
    core = [command for command in commands(Path(jt.flags.cache_path) / "obj_files", ".o")
            if command[1].endswith("/var.cc")]
    assert core
    said = headers_taken(only_headers(core[-1][:core[-1].index("-o")]))
    assert f"! {core[-1][core[-1].index('-include') + 1]}.gch" in said


def test_operators_are_compiled_with_the_headers_they_share(tmp_path: Path) -> None:
    header = precompiled.for_operators(jt, home.jittor_home())
    assert header is not None
    source = tmp_path / "op.cc"
    source.write_text('#define JIT 1\n#define JIT_cpu 1\n#include <cmath>\n#include "var.h"\n'
                      '#include "ops/op_register.h"\nint x;\n')
    flags = only_headers(shlex.split(jt.flags.cc_flags))
    said = headers_taken([jt.flags.cc_path, "-include", str(header), str(source), *flags])
    assert f"! {header}.gch" in said


def fake(tmp_path: Path, text: str, **flags: str) -> Any:
    """A Jittor with one header, and the flags that decide."""
    source = tmp_path / "jittor" / "src"
    (source / "ops").mkdir(parents=True, exist_ok=True)
    (source / "misc").mkdir(exist_ok=True)
    for name in precompiled._SHARED:
        (source / name).write_text("#pragma once\n")
    (source / "var.h").write_text(text)
    return SimpleNamespace(flags=SimpleNamespace(**{
        "cc_path": COMPILER, "cc_flags": f"-std=c++14 -I{source} -lwhatever",
        "jittor_path": str(source.parent), "cache_path": "cache", **flags}))


def test_a_changed_header_is_compiled_again(tmp_path: Path) -> None:
    jittor = fake(tmp_path, "int a;\n")
    first = precompiled.for_operators(jittor, tmp_path)
    assert first is not None
    binary = Path(f"{first}.gch")
    before = binary.stat()
    assert precompiled.for_operators(jittor, tmp_path) == first
    assert binary.stat().st_ino == before.st_ino
    again = precompiled.for_operators(fake(tmp_path, "int a, b;\n"), tmp_path)
    assert again == first
    assert binary.stat().st_ino != before.st_ino


def test_headers_that_do_not_compile_are_left_out(tmp_path: Path) -> None:
    good, broken = fake(tmp_path, "int a;\n"), "this is no C++\n"
    assert precompiled.for_operators(good, tmp_path) is not None
    assert precompiled.for_operators(fake(tmp_path, broken), tmp_path) is None
    assert not list(home.own_folder(tmp_path).glob("*.gch*"))


def test_what_was_made_for_a_jittor_that_is_gone_goes_too(tmp_path: Path) -> None:
    first = precompiled.for_operators(fake(tmp_path, "int a;\n"), tmp_path)
    (tmp_path / "jittor").rename(tmp_path / "moved")
    other = fake(tmp_path / "new", "int a;\n")
    second = precompiled.for_operators(other, tmp_path)
    assert first != second
    assert {path.name for path in home.own_folder(tmp_path).glob("operator-*")} == {
        f"{second.name}{end}" for end in ("", ".gch", ".stamp")}


def test_another_compiler_and_flags_of_ones_own_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    utils = SimpleNamespace(cache_path="cache")
    other = fake(tmp_path, "", cc_path="/usr/bin/clang++")
    assert precompiled.for_operators(other, tmp_path) is None
    monkeypatch.setenv("cc_flags", "-g")
    precompiled.add_to_core(utils, tmp_path, COMPILER)
    assert os.environ["cc_flags"] == "-g"
    monkeypatch.delenv("cc_flags")
    precompiled.add_to_core(utils, tmp_path, "/usr/bin/clang++")
    monkeypatch.setenv("nvcc_path", "/usr/bin/nvcc")
    precompiled.add_to_core(utils, tmp_path, COMPILER)
    assert "cc_flags" not in os.environ
    monkeypatch.setenv("nvcc_path", "")
    precompiled.add_to_core(utils, tmp_path, COMPILER)
    header = shlex.split(os.environ["cc_flags"])[1]
    assert Path(header).is_file() and Path(f"{header}.gch").is_file()
