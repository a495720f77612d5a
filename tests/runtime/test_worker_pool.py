"""Worker processes: shared, bounded, and gone when their parent is."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from crossmodal.runtime import limits, worker_pool
from crossmodal.runtime.worker_pool import bounded, each, keep_workers

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(),
                           reason="how much memory a process has is looked up in /proc")


def work(task: str) -> str:
    """What a file could make a library do."""
    if task == "crash":
        os.abort()
    with bounded(Path("no such file")):
        if task == "memory":
            try:
                return str(np.ones(limits.allowed(0) + 2 * worker_pool.ROOM, np.uint8).sum())
            except MemoryError:
                return "no memory"
    if task == "hang":
        worker_pool.PATIENCE = 0.2
        with bounded(Path("no such file")):
            time.sleep(600)
    if task == "afterwards":  # the bounds are those of one task
        return str(len(np.zeros(limits.allowed(0) + 2 * worker_pool.ROOM, np.uint8)) > 0)
    return task.upper()


def died(task: str) -> str:
    return f"{task} died"


@LINUX
@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_costs_only_itself(workers: int) -> None:
    tasks = ["a", "crash", "memory", "b", "hang", "afterwards", "c"]
    found = sorted(each(work, tasks, workers, died))
    assert found == sorted(["A", "crash died", "no memory", "B", "hang died", "True", "C"])


def test_in_this_process_nothing_is_bounded() -> None:
    assert list(each(work, ["a", "afterwards"], 0, died)) == ["A", "True"]
    assert list(each(work, [], None, died)) == []


def named(source: Path, task: str) -> str:
    if task == "error":
        raise OSError("no such thing")
    return work(task) if task != "allocate" else str(len(bytearray(2**50)))


@LINUX
def test_one_file_is_read_meanwhile(tmp_path: Path) -> None:
    def result(task: str) -> str:
        with worker_pool.meanwhile(named, tmp_path / "a.png", task) as read:
            return read()

    assert result("a") == "A"
    for task, error, message in (("crash", ValueError, r"a\.png: the process that worked on it"),
                                 ("allocate", ValueError, r"a\.png: it takes too much memory"),
                                 ("error", OSError, "no such thing")):
        with pytest.raises(error, match=message):
            result(task)


def test_a_program_may_be_read_from_standard_input(repo_root: Path) -> None:
    code = ("import math\nfrom crossmodal.runtime.worker_pool import each\n"
            "print(list(each(math.sqrt, [4.0], 1, float)))\n")
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(repo_root)})
    assert done.stdout == "[2.0]\n", done.stderr


def test_kept_workers_are_shared_and_survive_a_death() -> None:
    with keep_workers():
        with worker_pool.worker_pool(2) as first, worker_pool.worker_pool(3):
            assert sorted(first.map(functools.partial(pow, 2), [1, 2])) == [2, 4]
        with worker_pool.worker_pool(2) as same:
            assert same is first
        assert sorted(each(work, ["a", "crash"], 2, died)) == ["A", "crash died"]
        with worker_pool.worker_pool(2) as second:
            assert second.submit(abs, -3).result() == 3
        assert first is not second
    with pytest.raises(RuntimeError, match="shutdown"):
        second.submit(abs, -3)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, repo_root: Path) -> None:
    code = (
        "import os, time\n"
        "from crossmodal.runtime.worker_pool import worker_pool\n"
        "if __name__ == '__main__':\n"
        "    with worker_pool(1) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    (tmp_path / "parent.py").write_text(code)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")],
        env={**os.environ, "PYTHONPATH": str(repo_root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(worker)


def _alive(process: int) -> bool:
    """Is there such a process that is not merely waiting to be collected?"""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
