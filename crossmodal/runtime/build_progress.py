"""Tells how far the first build of Jittor is, on standard error."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TextIO

EXPECTED_OBJECTS = 157  # 150 of the core and 7 of the oneDNN operators, Jittor 1.3.11 on a CPU
_QUIET_SECONDS = 3.0  # a check that finds nothing to build is over by then
_LINE_SECONDS = 15.0  # between lines when standard error is no terminal
_TERMINAL_SECONDS = 1.0


class BuildProgress:
    """Counts compiled files in Jittor's cache and reports them.

    Parameters
    ----------
    cache : Jittor's cache folder for this machine.
    cold : nothing is built yet, so a build is certain and what is there counts as done.
    stream : where to report, standard error by default.
    """

    def __init__(self, cache: Path, cold: bool, stream: TextIO | None = None) -> None:
        self._cache = cache
        self._cold = cold
        self._stream = stream if stream is not None else sys.stderr
        self._start = time.time()
        self._done_at_start = self._count()
        self._last_report = 0.0
        self._announced = False
        if cold:
            self._announce()

    def update(self) -> None:
        """Report if something is being built and it is time for a report."""
        now = time.time()
        if now - self._start < _QUIET_SECONDS or now - self._last_report < self._interval():
            return
        done = self._count()
        if not self._announced and done == self._done_at_start:
            return
        self._announce()
        self._last_report = now
        self._write(describe(done, self._done_at_start, now - self._start))

    def close(self, done: bool) -> None:
        """Say that it is over, if anything was said before."""
        if self._announced:
            seconds = time.time() - self._start
            self._write(f"Jittor: {'built in' if done else 'gave up after'} {seconds:.0f} s")
            if self._stream.isatty():
                self._stream.write("\n")

    def _announce(self) -> None:
        """Say once what is going on."""
        if not self._announced:
            self._announced = True
            self._stream.write(
                "Jittor: compiling its core for this machine, once, a few minutes on two cores, "
                f"into {self._cache}\n"
            )
            self._stream.flush()

    def _interval(self) -> float:
        return _TERMINAL_SECONDS if self._stream.isatty() else _LINE_SECONDS

    def _write(self, text: str) -> None:
        """One line; on a terminal it replaces the one before."""
        self._stream.write(f"\r{text:<78}" if self._stream.isatty() else text + "\n")
        self._stream.flush()

    def _count(self) -> int:
        """Compiled files: a key is written beside each one that is finished."""
        keys = (self._cache / "obj_files").glob("*.o.key")
        nested = self._cache.glob("cu*/obj_files/*.o.key")
        if self._cold:
            return sum(1 for _ in keys) + sum(1 for _ in nested)
        return sum(_modified(key) >= self._start for group in (keys, nested) for key in group)


def describe(done: int, done_at_start: int, seconds: float) -> str:
    """The state of a build in words, with a rough estimate once there is something to go by."""
    expected = max(EXPECTED_OBJECTS, done)
    text = f"Jittor: {done} of about {expected} files, {seconds:.0f} s"
    if done >= expected:
        return f"{text}, linking"
    if done - done_at_start < 5:
        return text
    left = seconds / (done - done_at_start) * (expected - done)
    return f"{text}, about {left:.0f} s left"


def _modified(path: Path) -> float:
    """Time of the last change, 0 for a file that has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
