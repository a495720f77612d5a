"""A polite signal is noted, a second one goes through; real signals, real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.training.interrupt import StopRequest

# A loop that says "ready", works until asked to stop, and then takes its time to save.
PROGRAM = """
import sys, time
from crossmodal.training.interrupt import StopRequest
with StopRequest() as stop:
    print("ready", flush=True)
    while not stop.requested:
        time.sleep(0.01)
    print("saving", flush=True)
    time.sleep(float(sys.argv[1]))
print("saved", flush=True)
"""


def start(seconds: float, repo_root: Path, before: str = "") -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, str(seconds)], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(repo_root)})
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_lets_the_loop_finish(number: signal.Signals, repo_root: Path) -> None:
    process = start(0.0, repo_root)
    process.send_signal(number)
    out, complaint = process.communicate(timeout=60)
    assert out.split() == ["saving", "saved"] and process.returncode == 0
    assert number.name in complaint and "saving" in complaint


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_its_processes_lets_it_end(number: signal.Signals, repo_root: Path) -> None:
    """A terminal's Ctrl-C, and what job managers send, also reaches what Jittor has started."""
    process = start(0.0, repo_root, "from crossmodal.runtime import jt; jt.zeros(1).sync()\n")
    os.killpg(process.pid, number)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out.split() == ["saving", "saved"] and process.returncode == 0


def test_the_second_signal_ends_it_at_once(repo_root: Path) -> None:
    process = start(60.0, repo_root)
    process.terminate()
    assert process.stdout is not None and process.stdout.readline() == "saving\n"
    process.terminate()
    out, _ = process.communicate(timeout=30)
    assert out == "" and process.returncode == -signal.SIGTERM


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest() as stop:
        assert signal.getsignal(signal.SIGINT) != before[0]
        assert not stop.requested
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
