"""Several processes that train one network: ``mpirun -np N python RetrievalNet_sag_con.py ...``.

Each process ("rank") computes a part of every batch. What the losses must see whole is gathered,
what batch normalisation averages is averaged over all, and so are the gradients: N ranks compute
what one does, up to rounding. All ranks compute the same loss of the gathered batch, so a gradient
that comes back through :func:`gather` is N times the part's own, and the mean over ranks is right.

In a process that was not started by ``mpirun``, every function here does nothing, at once.
"""
from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Callable, TypeVar

import numpy as np

from crossmodal.runtime import jt
from crossmodal.runtime.log import ROOT

Result = TypeVar("Result")
_ALONE = False


def size() -> int:
    """How many processes train together."""
    return 1 if _ALONE or not jt.in_mpi else int(jt.world_size)


def rank() -> int:
    """This process among them, from 0."""
    return 0 if size() == 1 else int(jt.rank)


def is_first() -> bool:
    """Whether this is the process that logs and saves."""
    return not jt.in_mpi or int(jt.rank) == 0


def quiet_others() -> None:
    """Let one process speak: the others say only what is wrong."""
    if not is_first():
        logging.getLogger(ROOT).setLevel(logging.WARNING)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Inside, this process computes by itself."""
    global _ALONE
    before, _ALONE = _ALONE, True
    try:
        yield
    finally:
        _ALONE = before


@contextlib.contextmanager
def ended_together() -> Iterator[None]:
    """Around a whole program: where one process fails, ``mpirun`` ends all of them.

    An ordinary exit waits for the others, and they wait for the failed one's part of a sum.
    """
    try:
        yield
    except BaseException as error:
        if size() == 1 or (isinstance(error, SystemExit) and not error.code):
            raise
        if not isinstance(error, SystemExit):
            sys.excepthook(type(error), error, error.__traceback__)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def in_turn(action: Callable[[], Result]) -> Result:
    """The action's result, each process by itself; the others find the first one's files."""
    if size() == 1:
        return action()
    first = is_first()
    with alone():
        result = [action()] if first else []
    _wait()
    with alone():
        return result[0] if first else action()


def part(count: int) -> slice:
    """This process's rows of ``count``; raises ValueError where they cannot be dealt evenly."""
    if count % size():
        raise ValueError(f"{count} cannot be dealt to {size()} processes evenly")
    each = count // size()
    return slice(rank() * each, (rank() + 1) * each)


def gather(x: jt.Var) -> jt.Var:
    """(n, ...) of every process -> (N * n, ...), in the order of the ranks; differentiable."""
    return x if size() == 1 else _Gather()(x)


def mean(x: jt.Var) -> jt.Var:
    """The mean of ``x`` over all processes; differentiable."""
    return x if size() == 1 else x.mpi_all_reduce("mean")


def mean_of_all(tensors: Sequence[jt.Var]) -> list[jt.Var]:
    """Each tensor's mean over all processes, exchanged in one piece."""
    if size() == 1:
        return list(tensors)
    joined = jt.concat([tensor.reshape(-1) for tensor in tensors], dim=0).mpi_all_reduce("mean")
    found, start = [], 0
    for tensor in tensors:
        end = start + tensor.numel()
        found.append(joined[start:end].reshape(tensor.shape))
        start = end
    return found


def any_of(*flags: bool) -> list[bool]:
    """Of each flag, whether it is set in any process."""
    if size() == 1:
        return list(flags)
    found = jt.array(np.array(flags, np.float32)).mpi_all_reduce("add").numpy()
    return [bool(count > 0) for count in found]


def from_first(values: Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    """The first process's values, by name, in all of them."""
    row = np.array([0.0 if values is None else values[name] for name in names], np.float64)
    if size() > 1:
        row = jt.array(row.view(np.int32)).mpi_broadcast(0).numpy().view(np.float64)
    return dict(zip(names, row.tolist()))


def start_alike(tensors: Mapping[str, jt.Var]) -> None:
    """Give every process the first one's tensors."""
    if size() > 1:
        for tensor in tensors.values():
            tensor.update(tensor.mpi_broadcast(0))
        jt.sync_all(True)


def _wait() -> None:
    """Until every process is here."""
    any_of(False)


class _Gather(jt.Function):
    """Rows put at their place among zeros, and added up. The graph is the same in every process:
    they must exchange in the same order.
    """

    def execute(self, x: jt.Var) -> jt.Var:
        own = np.zeros(size(), np.float32)
        own[rank()] = 1.0
        self.rows = part(size() * x.shape[0])
        places = jt.array(own).reshape([-1] + [1] * x.ndim)
        spread = (places * x.unsqueeze(0)).reshape([-1, *x.shape[1:]])
        return spread.mpi_all_reduce("add")

    def grad(self, gradient: jt.Var) -> jt.Var:
        return gradient.mpi_all_reduce("add")[self.rows]
