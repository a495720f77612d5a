"""Worker processes for files that nobody can vouch for: bounded, and ended with their parent.

What such a file does to a library that reads it (a crash, a hang, memory without end) it does in a
worker, and costs that piece of work only. Workers are started once for several runs.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, TypeVar

from crossmodal.runtime.limits import allowed

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

ROOM = 2**30  # bytes for the work itself, besides what the file may take
ROOM_PER_CORE = 16 * 2**20  # for the stacks of its threads
PATIENCE = 300.0  # seconds for a piece of work; two more for each MiB of its file
DIED = ("the process that worked on it died: it took too much memory or time, or made a library "
        "crash that reads such files; replace the file")
TOO_MUCH = "it takes too much memory; if it is sound, give it more with --max-memory"
Task = TypeVar("Task")
Result = TypeVar("Result")
_kept: dict[int, ProcessPoolExecutor] | None = None
_is_worker = False


@contextmanager
def keep_workers() -> Iterator[None]:
    """Inside, runs with equally many workers share them (starting one takes a second)."""
    global _kept
    if _kept is not None:
        yield
        return
    _kept = {}
    try:
        yield
    finally:
        pools, _kept = _kept, None
        for pool in pools.values():
            pool.shutdown()


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes: a kept one inside `keep_workers`, else one of its own."""
    if _kept is None:
        with _new_pool(workers) as pool:
            yield pool
        return
    pool = _kept.pop(workers) if workers in _kept else _new_pool(workers)
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)  # it may be broken: not kept
        raise
    _kept[workers] = pool


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(call: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None,
         died: Callable[[Task], Result]) -> Iterator[Result]:
    """``call(task)`` of every task, as they come; ``died(task)`` of one that kills its worker.

    workers : processes; None: one per usable core; 0: in this one, without bounds
    What is in flight when a worker dies is tried again, each task alone.
    """
    workers = min(usable_cores() if workers is None else workers, len(tasks))
    if not workers:
        yield from map(call, tasks)
        return
    queue = list(reversed(tasks))
    while queue:
        flying: dict[Future[Result], Task] = {}
        try:
            with worker_pool(workers) as pool:
                while queue or flying:
                    while queue and len(flying) < 2 * workers:
                        flying[pool.submit(call, queue[-1])] = queue[-1]
                        queue.pop()
                    for future in wait(flying, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        del flying[future]
                        yield result
        except BrokenProcessPool:
            for task in list(flying.values()):
                yield _alone(call, task, died)


def _alone(call: Callable[[Task], Result], task: Task, died: Callable[[Task], Result]) -> Result:
    try:
        with worker_pool(1) as pool:
            return pool.submit(call, task).result()
    except BrokenProcessPool:
        return died(task)


@contextmanager
def meanwhile(work: Callable[..., Result], source: Path,
              *arguments: Any) -> Iterator[Callable[[], Result]]:
    """Start ``work(source, *arguments)`` in a bounded worker; what is given waits for its result.

    Raises ValueError, then, naming the source, where it takes too much, or the worker dies.
    """
    with worker_pool(1) as pool:
        future = pool.submit(_bounded_call, work, source, arguments)

        def result() -> Result:
            try:
                return future.result()
            except BrokenProcessPool as error:
                raise ValueError(f"{source}: {DIED}") from error

        yield result


def _bounded_call(work: Callable[..., Result], source: Path, arguments: tuple[Any, ...]) -> Result:
    try:
        with bounded(source):
            return work(source, *arguments)
    except MemoryError as error:
        raise ValueError(f"{source}: {TOO_MUCH}") from error


def in_worker() -> bool:
    """Whether this process is such a worker, which `bounded` bounds."""
    return _is_worker


@contextmanager
def bounded(source: Path) -> Iterator[None]:
    """In a worker: what the block allocates is limited (MemoryError), and how long it takes.

    Past its time, the worker ends: not even a library that hangs outlives it. Elsewhere it does
    nothing: a limit would hold for the whole program.
    """
    if not _is_worker:
        yield
        return
    try:
        size = source.stat().st_size if source.is_file() else 0
    except (OSError, ValueError):
        size = 0
    before = limit_memory(allowed(size) + ROOM + ROOM_PER_CORE * (os.cpu_count() or 1))
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        faulthandler.dump_traceback_later(PATIENCE + 2 * size / 2**20, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            if before is not None:
                resource.setrlimit(resource.RLIMIT_DATA, before)


def limit_memory(more: int) -> tuple[int, int] | None:
    """Let this process have so many bytes more than it has; returns the limits of before.

    The limit is that of data, not of addresses: threads reserve many of these, and use few.
    """
    used = _data_size()
    if resource is None or used is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    least = [limit for limit in (used + more, soft) if limit != resource.RLIM_INFINITY]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (min(least), hard))
        return soft, hard
    return None


def _data_size() -> int | None:
    """Bytes of data that this process has; None where the system does not say."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    line = next((line for line in text.splitlines() if line.startswith("VmData:")), None)
    return 1024 * int(line.split()[1]) if line else None


def _forget_main_without_file() -> None:
    """A program that is read from standard input says that it is a file, which no worker finds."""
    main = sys.modules["__main__"]
    if not os.path.exists(getattr(main, "__file__", None) or os.curdir):  # noqa: PTH110
        del main.__file__


def _new_pool(workers: int) -> ProcessPoolExecutor:
    _forget_main_without_file()
    # spawn, not fork: ray casting starts threads, and a forked copy of them can hang
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_become_worker)


def _become_worker() -> None:
    """End this worker when its parent is gone, however it went; else it would wait for ever."""
    global _is_worker
    _is_worker = True
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent,), daemon=True).start()


def _wait_and_exit(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
