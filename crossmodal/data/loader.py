"""Iterates over the batches of a source, built here or by worker processes: the same bytes.

Usage
-----
    with Loader(TrainBatches(dataset, config.data, config.seed), workers=2) as loader:
        for batch in loader.epoch(3, start=17):     # resumes in the middle of epoch 3
            ...
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

import crossmodal.data
from crossmodal.data import in_hand
from crossmodal.data.batches import Layout
from crossmodal.data.errors import DataError
from crossmodal.data.shared_slots import create_memory, map_slots
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.mpi import without_mpi

logger = get_logger(__name__)
PATIENCE = 10.0  # seconds a closed worker gets before it is killed
POLITE = (signal.SIGINT, signal.SIGTERM)  # ask the trainer to save, for which it needs batches
# How a process ends that a decoder crashes; who is killed for want of memory ends by SIGKILL.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
Made = TypeVar("Made", covariant=True)
PACKAGE_PARENT = Path(crossmodal.data.__file__).resolve().parents[2]


class LoaderError(RuntimeError):
    """A worker process failed or was killed."""


class _Gone(Exception):
    """Nobody is at the other end of the connection."""


class Source(Protocol[Made]):
    """Something that builds batches by number; see TrainBatches."""

    def steps(self) -> int: ...

    def layout(self) -> Layout: ...

    def build(self, epoch: int, step: int, out: dict[str, np.ndarray]) -> dict[str, str]: ...

    def wrap(self, arrays: dict[str, np.ndarray], epoch: int, step: int,
             bad: dict[str, str]) -> Made: ...


class Worker:
    """One process, its connection, and the memory shared with it."""

    def __init__(self, source: Source[Any], slots: int, name: str) -> None:
        self.name = name
        self.source = source
        self.memory = create_memory(source.layout(), slots)
        self.slots, self.note = map_slots(self.memory, source.layout(), slots)
        self.free = list(range(slots))
        self.dealt: deque[tuple[int, int, int]] = deque()  # what it has not answered yet
        self.deadly: list[str] = []  # files that it died of
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            self.process = _start_worker(theirs.fileno(), self.memory)
        finally:
            theirs.close()
        self.connection = Connection(ours.detach())
        self._send((self.source, len(self.slots), self.deadly))

    def deal(self, epoch: int, step: int) -> None:
        """Give it batch `step` to build in a slot that is free."""
        slot = self.free.pop()
        self.dealt.append((epoch, step, slot))
        with contextlib.suppress(_Gone):  # `receive` finds out why
            self._send((epoch, step, slot))

    def receive(self) -> tuple[int, dict[str, str]]:
        """The worker's next answer: (slot, unreadable files)."""
        while True:
            try:
                slot, bad, failure = self._receive()
                break
            except _Gone as error:
                if not self._died_of_a_file():
                    raise self._death() from error
        self.dealt.popleft()
        if isinstance(failure, DataError):
            raise failure
        if failure is not None:
            raise LoaderError(f"data worker {self.name} failed:\n{failure}")
        return slot, bad

    def _send(self, message: Any) -> None:
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionError) as error:
            raise _Gone from error

    def _receive(self) -> Any:
        try:
            return self.connection.recv()
        except (EOFError, ConnectionError) as error:
            raise _Gone from error

    def _died_of_a_file(self) -> bool:
        """Whether a file made it crash; then another process goes on, without that file."""
        code, file = self._exit_code(), in_hand.noted(self.note)
        if -code not in CRASHES or not file or file in self.deadly:
            return False
        logger.warning("data worker %s crashed (%s) as it read %s; another one goes on without it",
                       self.name, signal.Signals(-code).name, file)
        self.deadly.append(file)
        self.connection.close()
        with contextlib.suppress(_Gone):
            self._start()
            for task in self.dealt:
                self._send(task)
        return True

    def _exit_code(self) -> int:
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return 0

    def _death(self) -> LoaderError:
        code = self._exit_code()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended ({code})"
        return LoaderError(
            f"data worker {self.name} (process {self.process.pid}) {how}. If memory ran out, lower "
            "data.workers, data.cache_mib or data.batch_size; data.workers=0 loads in this process"
        )

    def close(self) -> None:
        self.connection.close()
        os.close(self.memory)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _start_worker(connection: int, memory: int) -> subprocess.Popen[bytes]:
    """A worker that ends with its socket: polite signals, also to a whole job, pass it by."""
    with _blocked(POLITE):  # a child starts with the signal mask of its parent
        return subprocess.Popen(
            [sys.executable, "-m", "crossmodal.data.worker", str(connection), str(memory)],
            pass_fds=(connection, memory),
            stdin=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )


@contextlib.contextmanager
def _blocked(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Signals that come meanwhile are delivered at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment() -> dict[str, str]:
    """The worker finds this package wherever it was imported from, and keeps to one core."""
    found = dict(without_mpi(os.environ), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1",
                 MKL_NUM_THREADS="1")
    known = [str(PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    found["PYTHONPATH"] = os.pathsep.join(known)
    return found


class Loader(Generic[Made]):
    """See the module's docstring. Workers start at the first batch and stay until `close`.

    workers : processes; 0 builds in this one.
    prefetch : batches each worker builds ahead.
    bad : unreadable file -> batches that had to do without it.
    """

    def __init__(self, source: Source[Made], workers: int = 0, prefetch: int = 2) -> None:
        self.source = source
        self.worker_count = workers
        self.prefetch = prefetch
        self.bad: Counter[str] = Counter()
        self._workers: list[Worker] = []

    def __len__(self) -> int:
        return self.source.steps()

    def __enter__(self) -> Loader[Made]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers; a later epoch starts new ones."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Made]:
        """The batches `start`, `start` + 1 ... of `epoch`, in order."""
        steps = range(start, self.source.steps())
        made = self._with_workers(epoch, steps) if self.worker_count else self._here(epoch, steps)
        for step, arrays, bad in made:
            self._report(bad)
            yield self.source.wrap(arrays, epoch, step, bad)

    def _report(self, bad: dict[str, str]) -> None:
        for name, complaint in bad.items():
            if name not in self.bad:
                logger.warning("left out: %s", complaint)
            self.bad[name] += 1

    def _here(self, epoch: int, steps: range) -> Iterator[Any]:
        layout = self.source.layout()
        for step in steps:
            out = {name: np.empty(shape, kind) for name, (shape, kind) in layout.items()}
            yield step, out, self.source.build(epoch, step, out)

    def _with_workers(self, epoch: int, steps: range) -> Iterator[Any]:
        """Deals steps to workers in turn and collects them in the same turn."""
        self._start()
        waiting: deque[tuple[int, Worker]] = deque()
        todo = iter(steps)
        try:
            for worker in self._workers * self.prefetch:
                self._deal(worker, epoch, todo, waiting)
            while waiting:
                step, worker = waiting.popleft()
                slot, bad = worker.receive()
                arrays = {name: array.copy() for name, array in worker.slots[slot].items()}
                worker.free.append(slot)
                self._deal(worker, epoch, todo, waiting)
                yield step, arrays, bad
        except GeneratorExit:
            self._drain(waiting)
            raise
        except BaseException:
            self.close()  # an answer may have been read in half
            raise

    def _start(self) -> None:
        if self._workers:
            return
        for i in range(self.worker_count):
            self._workers.append(Worker(self.source, self.prefetch, f"{i + 1}"))

    def _deal(self, worker: Worker, epoch: int, todo: Iterator[int],
              waiting: deque[tuple[int, Worker]]) -> None:
        step = next(todo, None)
        if step is not None:
            worker.deal(epoch, step)
            waiting.append((step, worker))

    def _drain(self, waiting: deque[tuple[int, Worker]]) -> None:
        """Takes the answers that nobody will ask for, so that the next epoch starts clean."""
        try:
            for _, worker in waiting:
                worker.free.append(worker.receive()[0])
        except LoaderError:
            self.close()


def one_batch(source: Source[Made], epoch: int = 0, step: int = 0) -> Made:
    """A single batch, built here."""
    if not 0 <= step < source.steps():
        raise DataError(f"batch {step} of {source.steps()}")
    arrays = {name: np.empty(shape, kind) for name, (shape, kind) in source.layout().items()}
    return source.wrap(arrays, epoch, step, source.build(epoch, step, arrays))
