"""Worker processes: started once for several runs, ended with their parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

_kept: dict[int, ProcessPoolExecutor] | None = None


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


def _new_pool(workers: int) -> ProcessPoolExecutor:
    # spawn, not fork: ray casting starts threads, and a forked copy of them can hang
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """End this worker when its parent is gone, however it went; else it would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent,), daemon=True).start()


def _wait_and_exit(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
