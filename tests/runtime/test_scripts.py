"""The scripts between Jittor and Python."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from crossmodal.runtime import elf, scripts

pytestmark = pytest.mark.skipif(os.name == "nt", reason="shell scripts")


def stand_in(folder: Path, check: str = "exit 0") -> Path:
    """A compiler that passes a check or fails, prints its command up to the last two words, and
    writes what the last one names."""
    path = folder / "compiler"
    path.write_text('#!/bin/sh\nfor last; do :; done\necho half > "$last"\n'
                    f'({check}) || {{ echo no >&2; exit 1; }}\n'
                    'echo "${*% -o *}"\nprintf compiled > "$last"\n')
    path.chmod(0o755)
    return path


def ask(script: Path, *arguments: str | Path) -> str:
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
    compiler = stand_in(tmp_path)
    output = tmp_path / "an op.so"
    command = [path, "/some where/asm_tuner.py", f"--cc_path={compiler}", "an op.cc", "-o", output]
    assert ask(*command) == f"an op.cc -o {output}"
    assert output.read_text() == "compiled"
    assert sorted(tmp_path.glob("an op*")) == [output]


def test_an_operator_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """Also where another program compiled it before: what that one has loaded stays as it is."""
    output = tmp_path / "op.so"
    output.write_text("another's")
    before = output.stat().st_ino
    path = scripts.write_python(tmp_path)
    for fails, content in ((True, "another's"), (False, "compiled")):
        compiler = stand_in(tmp_path, "exit 1" if fails else "exit 0")
        done = subprocess.run([path, "/j/asm_tuner.py", f"--cc_path={compiler}", "-o", output])
        assert (done.returncode != 0) == fails and output.read_text() == content
        assert list(tmp_path.glob("op*")) == [output]
    assert output.stat().st_ino != before


def test_a_real_compiler_takes_such_a_command(tmp_path: Path) -> None:
    (tmp_path / "op.cc").write_text("int answer() { return 42; }")
    path = scripts.write_python(tmp_path)
    ask(path, "/j/asm_tuner.py", "--cc_path=g++", str(tmp_path / "op.cc"), "-shared", "-fPIC",
        "-o", str(tmp_path / "op.so"))
    assert elf.is_intact(tmp_path / "op.so")


def test_an_operator_that_a_header_breaks_is_compiled_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts.shutil, "which", lambda name: None)
    compiler = stand_in(tmp_path, '[ "$1" != -include ]')
    header, output = tmp_path / "the header.h", tmp_path / "op.so"
    path = scripts.write_python(tmp_path, header)
    command = [path, "/j/asm_tuner.py", f"--cc_path={compiler}", "an op.cc", "-o", output]
    assert ask(*command) == f"an op.cc -o {output}"
    stand_in(tmp_path)
    assert ask(*command) == f"-include {header} an op.cc -o {output}"


def test_the_quick_linker_is_taken_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts.shutil, "which", {"ld.gold": "/usr/bin/ld.gold"}.get)
    compiler, header, output = stand_in(tmp_path), tmp_path / "a.h", tmp_path / "op.so"
    path = scripts.write_python(tmp_path, header)
    said = ask(path, "/j/asm_tuner.py", f"--cc_path={compiler}", "op.cc", "-o", output)
    assert said == f"-include {header} -fuse-ld=gold op.cc -o {output}"


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
