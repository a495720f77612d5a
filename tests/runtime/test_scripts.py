"""The scripts between Jittor and Python."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from crossmodal.runtime import scripts

pytestmark = pytest.mark.skipif(os.name == "nt", reason="shell scripts")


def ask(script: Path, *arguments: str) -> str:
    command = [script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_python_config_answers_for_this_interpreter(tmp_path: Path) -> None:
    path = scripts.write_python_config(tmp_path / "new")
    assert ask(path, "--extension-suffix") == sysconfig.get_config_var("EXT_SUFFIX")
    folders = [Path(word[2:]) for word in ask(path, "--includes").split()]
    assert any((folder / "Python.h").is_file() for folder in folders)


def test_a_damaged_script_is_written_again(tmp_path: Path) -> None:
    path = scripts.write_python_config(tmp_path)
    path.write_text("cut")
    assert scripts.write_python_config(tmp_path) == path
    assert ask(path, "--extension-suffix") == sysconfig.get_config_var("EXT_SUFFIX")
    assert list(tmp_path.iterdir()) == [path]


def test_python_is_this_python(tmp_path: Path) -> None:
    path = scripts.write_python(tmp_path)
    assert ask(path, "-c", "import sys; print(sys.prefix)") == sys.prefix


def test_operators_are_compiled_directly(tmp_path: Path) -> None:
    path = scripts.write_python(tmp_path)
    answer = ask(path, "/some where/asm_tuner.py", "--cc_path=/bin/echo", "an op.cc", "-o", "op.so")
    assert answer == "an op.cc -o op.so"


def test_an_operator_that_a_header_breaks_is_compiled_without_it(tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"  # one that takes no -include
    compiler.write_text('#!/bin/sh\n[ "$1" = -include ] && { echo no >&2; exit 1; }\necho "$@"\n')
    compiler.chmod(0o755)
    header = tmp_path / "the header.h"
    path = scripts.write_python(tmp_path, header)
    assert ask(path, "/j/asm_tuner.py", f"--cc_path={compiler}", "an op.cc") == "an op.cc"
    compiler.write_text('#!/bin/sh\necho "$@"\n')
    assert ask(path, "/j/asm_tuner.py", f"--cc_path={compiler}", "an op.cc") == \
        f"-include {header} an op.cc"


def test_the_way_python_is_called_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scripts.write_python(tmp_path)
    executable = Path(sys.executable)
    detour = executable.parent / ".." / executable.parent.name / executable.name
    monkeypatch.setattr(sys, "executable", str(detour))
    assert scripts.write_python(tmp_path) == path


def test_jittor_uses_it(built: None) -> None:
    from crossmodal.runtime import home, jt, precompiled

    if sys.platform == "linux":
        place = home.jittor_home()
        script = scripts.write_python(home.own_folder(place), precompiled.for_operators(jt, place))
        assert jt.flags.python_path == str(script)
