"""How far the compilation of the first step is."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest

from crossmodal.runtime import compile_progress
from crossmodal.runtime.compile_progress import Counter, FirstSteps, describe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_QUIET_SECONDS", "_LINE_SECONDS", "_TERMINAL_SECONDS"):
        monkeypatch.setattr(compile_progress, name, 0.0)
    monkeypatch.setenv("COLUMNS", "100")


def compile_some(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name}_op.so").touch()
        (folder / f"{name}_op.so.key").touch()


def test_what_was_there_before_does_not_count(tmp_path: Path) -> None:
    compile_some(tmp_path, "old", "older")
    stream = io.StringIO()
    counter = Counter(tmp_path, 170, stream)
    counter.update()
    assert stream.getvalue() == ""  # nothing is compiled: nothing is said
    compile_some(tmp_path, "a", "b", "c")
    (tmp_path / "half_op.so").touch()
    counter.update()
    counter.close()
    assert stream.getvalue() == "compiling the first step, once: 3 of at most 170 operators, 0 s\n"


def test_on_a_terminal_one_line_is_written_over_and_given_back(tmp_path: Path) -> None:
    stream = Terminal()
    counter = Counter(tmp_path, 2, stream)
    for name in ("a", "b", "c"):
        compile_some(tmp_path, name)
        counter.update()
    counter.close()
    _, *lines, blank, end = stream.getvalue().split("\r")
    assert [len(line) for line in (*lines, blank)] == [99] * 4 and not blank.strip() and not end
    assert "once: 2 of at most 2 operators" in lines[1] and "once: 3 operators" in lines[2]


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    Counter(tmp_path / "none", 2, io.StringIO()).update()


def test_words() -> None:
    assert "57 of at most 170 operators, 40 s" in describe(57, 170, 40.4)
    assert "once: 171 operators, 90 s" in describe(171, 170, 90)
    assert len(describe(170, 170, 1000)) < 79  # a terminal's line


@pytest.mark.skipif(os.name == "nt", reason="POSIX only")
def test_the_first_steps_are_watched_while_this_process_is_busy(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "impatient.py"
    text = Path(compile_progress.__file__).read_text()
    program.write_text(text.replace("_QUIET_SECONDS = 3.0", "_QUIET_SECONDS = 0.0"))
    monkeypatch.setattr(compile_progress, "__file__", str(program))
    steps, said = FirstSteps(10**6, folder=tmp_path), ""
    with steps:
        for number in range(600):
            compile_some(tmp_path, str(number))
            time.sleep(0.1)
            said += capfd.readouterr().err
            if said:
                break
    assert "compiling the first step, once: " in said
    with steps:
        assert steps._process is not None
    with steps:
        assert steps._process is None  # all is compiled by now


def test_silent(tmp_path: Path) -> None:
    steps = FirstSteps(9, silent=True, folder=tmp_path)
    with steps:
        assert steps._process is None


@pytest.mark.skipif(os.name == "nt", reason="POSIX only")
def test_an_error_in_a_step_ends_the_watch(tmp_path: Path) -> None:
    steps = FirstSteps(9, folder=tmp_path)
    with pytest.raises(FloatingPointError), steps:
        raise FloatingPointError
    assert steps._process is None
