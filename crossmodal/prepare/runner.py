"""One way to run every prepare program: a parallel, restartable map over items, keyed by name.

Each item is worked on by `work(task)`, which writes its files atomically and returns a record. What
is done is noted in the folder's manifest; a second run skips it. A broken item costs that item: its
error is noted, named and counted at the end. Even a worker process that dies costs only the item it
died on.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable

from tqdm import tqdm

from crossmodal.geometry.formats.companions import companions
from crossmodal.prepare.manifest import Manifest
from crossmodal.runtime.digest import file_digest, text_digest
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.worker_pool import DIED, TOO_MUCH, bounded, each

logger = get_logger(__name__)

FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # the next item would fail alike
SAVE_EVERY = 3.0  # seconds between two writes of the manifest


class AllFailed(RuntimeError):
    """Not one item could be made; the message has the first one's error."""


@dataclass(frozen=True)
class Item:
    """What an item is made from: an input file (or None) and facts (plain JSON values)."""

    source: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One item to work on: its key, its source and facts, the folder to write in, the settings."""

    key: str
    source: Path
    facts: dict[str, Any]
    out: Path
    settings: dict[str, Any]


Work = Callable[[Task], dict[str, Any]]
Outcome = tuple[str, dict[str, Any]]


def run(
    program: str,
    items: Mapping[str, Item],
    work: Work,
    out: Path,
    settings: dict[str, Any],
    workers: int | None = None,
    redo: bool = False,
) -> Manifest:
    """Work on every item that is not done yet; returns the manifest, which is saved in `out`.

    items    : key -> what it is made from
    work     : top-level function (it travels to other processes) returning {"files": [...], ...}
    settings : everything that changes the result; plain JSON values
    workers  : processes; None = one per usable core; 0 = in this one, where a file that crashes a
        library ends the run
    Raises AllFailed when every single item failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    manifest = Manifest.open(out, program, settings, redo=redo)
    manifest.save()
    digests = _digests(items)
    waiting = [
        Task(key, item.source or out, item.facts, out, settings)
        for key, item in items.items()
        if not manifest.is_done(key, digests[key])
    ]
    try:
        _work_through(manifest, waiting, work, workers, digests)
    finally:
        manifest.save()
    _report(manifest, list(items), skipped=len(items) - len(waiting))
    return manifest


def from_files(paths: Mapping[str, Path]) -> dict[str, Item]:
    """Items that are one file each."""
    return {key: Item(path) for key, path in paths.items()}


def _digests(items: Mapping[str, Item]) -> dict[str, str]:
    """{key: sha256 of its source and facts}; a file that several items share is read once."""
    paths = {item.source for item in items.values() if item.source and item.source.is_file()}
    files = {path: _source_digest(path) for path in paths}
    found = {}
    for key, item in items.items():
        of_file = files.get(item.source, "absent") if item.source else "none"
        text = of_file + json.dumps(item.facts, sort_keys=True)
        found[key] = text_digest(text)
    return found


def _source_digest(path: Path) -> str:
    """sha256 of a source; of a model with buffers or materials in files beside it, of those too."""
    beside = companions(path)
    digests = [file_digest(path), *map(_beside_digest, beside)]
    return text_digest(" ".join(digests)) if beside else digests[0]


def _beside_digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:  # whoever needs it will say so
        return "unreadable"


def _work_through(
    manifest: Manifest, tasks: list[Task], work: Work, workers: int | None, digests: dict[str, str]
) -> None:
    saved = time.monotonic()
    outcomes = each(partial(_attempt, work), tasks, workers, _died)
    for key, record in tqdm(
        outcomes, total=len(tasks), desc=manifest.program, disable=None if tasks else True
    ):
        manifest.items[key] = {**record, "source": digests[key]}
        if time.monotonic() - saved > SAVE_EVERY:
            started = time.monotonic()
            manifest.save()
            saved = time.monotonic() + 20 * (time.monotonic() - started)


def _attempt(work: Work, task: Task) -> Outcome:
    try:
        with bounded(task.source):
            return task.key, {"status": "done", **work(task)}
    except MemoryError:
        return task.key, _failure(TOO_MUCH)
    except Exception as error:  # noqa: BLE001 - must cost only this item
        if isinstance(error, OSError) and error.errno in FATAL:
            raise
        return task.key, _failure(f"{type(error).__name__}: {error}")


def _died(task: Task) -> Outcome:
    return task.key, _failure(DIED)


def _failure(message: str) -> dict[str, Any]:
    return {"status": "failed", "files": [], "error": message}


def _report(manifest: Manifest, keys: list[str], skipped: int) -> None:
    failed = sorted(set(manifest.failed) & set(keys))
    logger.info(
        "%s: %d items, %d already there, %d failed -> %s",
        manifest.program,
        len(keys),
        skipped,
        len(failed),
        manifest.folder,
    )
    if not failed:
        return
    first = f"{failed[0]}: {manifest.items[failed[0]]['error']}"
    if len(failed) == len(keys):
        raise AllFailed(f"{manifest.program}: all {len(keys)} items failed; the first, {first}")
    logger.warning("%d of %d items failed; the first, %s", len(failed), len(keys), first)
