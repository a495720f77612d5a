"""A run's folder: where it is, what it holds, how it goes on after a stop."""
from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO, Union

from crossmodal import checkpoint
from crossmodal.checkpoint.state import record_of, required
from crossmodal.config import (
    CIRCUMSTANCES,
    CategoryConfig,
    Config,
    ConfigError,
    config_hash,
    noted_yaml,
    to_dict,
)
from crossmodal.config.earlier import computed_otherwise
from crossmodal.config.load import tree_from_dict
from crossmodal.models.tensors import assign, named_tensors, to_arrays
from crossmodal.runtime import jt, paths, ranks
from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.locks import try_lock
from crossmodal.runtime.log import get_logger
from crossmodal.training.optimiser import Optimiser

_LOG = get_logger(__name__)
# Keys that may differ between a run and its continuation; these say for how long.
_FREE = (*CIRCUMSTANCES, "optim.epochs", "optim.max_steps", "optim.iterations")
LOCK = "run.lock"
AnyConfig = Union[Config, CategoryConfig]


@dataclass
class Progress:
    """How far a run has come; all of it is in the checkpoint."""

    epoch: int = 0  # the epoch in hand
    step: int = 0  # steps done in this epoch
    total_steps: int = 0  # steps done in all
    seconds: float = 0.0  # training time so far, over all continuations
    best: float = -1.0  # best validation figure
    best_epoch: int = -1
    stale: int = 0  # validations since the best one
    weights: dict[str, Any] = field(default_factory=dict)  # what pretrained weights filled
    history: list[dict[str, Any]] = field(default_factory=list)  # validations


def run_folder(config: AnyConfig) -> Path:
    """``<save_root>/<run_name>``; a relative save_root lies under the repository root."""
    return save_root(config) / (config.log.run_name or config.data.name)


def save_root(config: AnyConfig) -> Path:
    """The folder of all runs, absolute."""
    return paths.REPO_ROOT / Path(config.log.save_root).expanduser()


@contextlib.contextmanager
def reserved(folder: Path, resume: bool = False, overwrite: bool = False) -> Iterator[None]:
    """Keep a run's folder for this run; of several processes the first one does.

    It is free again however the process ends, and a start that fails leaves no new folder.

    Raises ConfigError where another run is at work in it, and FileExistsError as `start_folder`.
    """
    if not ranks.is_first():
        yield
        return
    with _locked_in(folder):
        try:
            _refuse_used(folder, resume or overwrite)
            yield
        finally:
            with contextlib.suppress(OSError):
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()  # only where there is nothing in it


def _locked_in(folder: Path) -> TextIO:
    """The folder's lock file, open and locked."""
    path = folder / LOCK
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
        if not try_lock(file.fileno()):
            file.close()
            raise ConfigError(f"{folder}: another run is at work in this folder; wait for its end, "
                              "or choose another --set log.run_name=...")
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # the run before removed it between open and lock


def start_folder(folder: Path, config: AnyConfig, resume: bool, overwrite: bool = False) -> None:
    """Make a new run's folder and store the resolved configuration beside the results.

    To be called when all that a run needs is there: ``overwrite`` discards the earlier run.

    Raises FileExistsError where a new run would overwrite another run's checkpoints.
    """
    if resume:  # the folder is there, and its configuration stays the one the run began with
        return
    if overwrite:
        discard(folder)
    _refuse_used(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / "config.yaml") as file:
        file.write(noted_yaml(config).encode())


def _refuse_used(folder: Path, meant: bool = False) -> None:
    if not meant and _newest(folder) is not None:
        raise FileExistsError(f"{folder} already holds a run: go on with --resume, replace it with "
                              "--overwrite, or choose another --set log.run_name=...")


def _newest(folder: Path) -> str | None:
    """The checkpoint to go on from; ``best`` is first where the disk took it and no ``last``."""
    there = [name for name in ("last", "best") if (folder / f"{name}{checkpoint.SUFFIX}").exists()]
    return there[0] if there else None


def discard(folder: Path) -> None:
    """Remove an earlier run's checkpoints and curves: nothing old must be taken for new."""
    for name in ("last", "best"):
        (folder / f"{name}{checkpoint.SUFFIX}").unlink(missing_ok=True)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)


def save(folder: Path, config: AnyConfig, net: jt.nn.Module, optimiser: Optimiser,
         progress: Progress, best: bool = False, facts: Mapping[str, Any] | None = None) -> None:
    """Write ``last`` (and ``best``) whole or not at all; ``facts`` go into its state.

    Raises FloatingPointError where a tensor is not finite, which a loss need not show.
    """
    tensors = to_arrays(net)
    broken = checkpoint.not_finite(tensors)
    if broken:
        raise FloatingPointError(
            f"step {progress.total_steps}: {len(broken)} of {len(tensors)} tensors are not finite "
            f"(first: {broken[0]}) and are not saved. Lower optim.lr, or set optim.gradient_clip; "
            "the last checkpoint is from before")
    state = {**(facts or {}), "config": to_dict(config), "config_hash": config_hash(config),
             "progress": asdict(progress)}
    checkpoint.save(folder, checkpoint.Checkpoint(
        model=tensors, optimizer=optimiser.state(), state=state), best=best)


def restore(folder: Path, config: AnyConfig, net: jt.nn.Module, optimiser: Optimiser,
            facts: Mapping[str, Any] | None = None) -> Progress:
    """Load the newest checkpoint.

    Raises CheckpointError where it belongs to another configuration or model.

    facts : of the data, as they were given to ``save``; they must be the same
    """
    newest = _newest(folder)
    if newest is None:
        raise checkpoint.CheckpointError(f"{folder}: there is no such checkpoint to go on from; "
                                         "start the run without --resume")
    saved = checkpoint.load(folder, newest)
    settings = required(saved.state, "config", folder)
    gone = computed_otherwise(type(config), settings)
    if gone:
        raise checkpoint.CheckpointError(
            f"{folder}: the run was started with settings that this version computes otherwise "
            f"({'; '.join(gone)}); it can be tested, but not gone on with: start a new run")
    old = tree_from_dict(type(config), settings, str(folder))
    changed = _changes(to_dict(old), to_dict(config))
    if changed:
        raise checkpoint.CheckpointError(
            f"{folder}: the run was started with other settings ({'; '.join(changed[:5])}); "
            "resume with the same configuration, or start a new run")
    other = [key for key, value in (facts or {}).items() if saved.state.get(key, value) != value]
    if other:
        raise checkpoint.CheckpointError(
            f"{folder}: the run was started on other data ({', '.join(other)} changed); restore "
            "the lists as they were, or start a new run")
    tensors = named_tensors(net)
    checkpoint.check_fit(saved.model, tensors, str(folder))
    assign(tensors, saved.model)
    progress = record_of(Progress, required(saved.state, "progress", folder), folder, "progress")
    try:
        optimiser.load_state(saved.optimizer)
    except (ValueError, TypeError, OverflowError) as error:
        raise checkpoint.CheckpointError(f"{folder}: {one_line(error)}") from error
    _LOG.info("resuming after %d steps", progress.total_steps)
    return progress


def _changes(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """Settings that differ, as "key: old -> new", but for those free to differ."""
    found = []
    for key in sorted(set(old) | set(new)):
        name = prefix + key
        if name in _FREE or old.get(key) == new.get(key):
            continue
        if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
            found += _changes(old[key], new[key], name + ".")
        else:
            found.append(f"{name}: {old.get(key)} -> {new.get(key)}")
    return found
