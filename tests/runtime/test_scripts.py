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


def test_the_way_python_is_called_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scripts.write_python(tmp_path)
    executable = Path(sys.executable)
    detour = executable.parent / ".." / executable.parent.name / executable.name
    monkeypatch.setattr(sys, "executable", str(detour))
    assert scripts.write_python(tmp_path) == path


def test_jittor_uses_it(built: None) -> None:
    from crossmodal.runtime import home, jt

    if sys.platform == "linux":
        folder = home.cache_root(home.jittor_home()) / "crossmodal"
        assert jt.flags.python_path == str(scripts.write_python(folder))
