"""Tells how far the first steps of a training are, in which Jittor compiles its operators.

Usage
-----
    compiling = FirstSteps(about=170)
    for batch in batches:
        with compiling:
            step(batch)

Jittor compiles all that a step needs before it returns, and no other thread of Python runs
meanwhile. So a process of its own looks at the folder of compiled operators: this file, run as a
program, until its standard input ends. Where nothing is compiled nothing is said.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

_STEPS = 2  # so many compile what they need; a later one may need a few more
_QUIET_SECONDS = 3.0
_LINE_SECONDS = 15.0  # between lines when standard error is no terminal
_TERMINAL_SECONDS = 0.5


class FirstSteps:
    """A context for every step, in which the first ones are watched.

    about : operators that a training step needs where none is compiled yet
    silent : say nothing
    folder : where operators are put when they are compiled; Jittor's by default
    """

    def __init__(self, about: int, silent: bool = False, folder: Path | None = None) -> None:
        folder = folder or operator_folder()
        self._command = [sys.executable, "-I", __file__, str(folder), str(about)]
        self._left = 0 if silent or os.name == "nt" else _STEPS
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> None:
        if self._left:
            self._left -= 1
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE,
                                             stdout=subprocess.DEVNULL)

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None


def operator_folder() -> Path:
    """Where Jittor puts compiled operators."""
    from crossmodal.runtime import jt

    return Path(jt.flags.cache_path) / "jit"


class Counter:
    """Counts the compiled operators in a folder that were not there before, and reports them."""

    def __init__(self, folder: Path, about: int, stream: TextIO) -> None:
        self._folder, self._about, self._stream = folder, about, stream
        self._start = self._last_report = time.monotonic()
        self._before = self._count()
        self._width = 0

    def update(self) -> None:
        """Report, if something was compiled and it is time for a report."""
        now = time.monotonic()
        done = self._count() - self._before
        if not done or now - self._start < _QUIET_SECONDS or now - self._last_report < (
                _TERMINAL_SECONDS if self._stream.isatty() else self._pause()):
            return
        self._last_report = now
        self._write(describe(done, self._about, now - self._start))

    def close(self) -> None:
        """Leave the line of a terminal to the progress bar of the training."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()

    def _pause(self) -> float:
        return _LINE_SECONDS if self._last_report > self._start else _QUIET_SECONDS

    def _count(self) -> int:
        """Finished operators: Jittor writes a key beside each of them."""
        try:
            return sum(entry.name.endswith(".so.key") for entry in os.scandir(self._folder))
        except OSError:
            return 0

    def _write(self, text: str) -> None:
        if self._stream.isatty():
            self._width = shutil.get_terminal_size().columns - 1
            text = f"\r{text[:self._width]:<{self._width}}"
        else:
            text += "\n"
        self._stream.write(text)
        self._stream.flush()


def describe(done: int, about: int, seconds: float) -> str:
    """The state in words; of what is compiled already, from other runs, nobody knows the number."""
    total = f" of at most {about}" if done <= about else ""
    return f"compiling the first step, once: {done}{total} operators, {seconds:.0f} s"


def main(folder: str, about: str) -> None:
    """Report until standard input ends: the training has done its step, or is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training
    counter = Counter(Path(folder), int(about), sys.stderr)
    while not select.select([sys.stdin], [], [], 0.25)[0]:
        counter.update()
    counter.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
