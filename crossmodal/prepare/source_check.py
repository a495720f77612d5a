"""Before a long conversion: is all of the source there, is there room for the result, how long?

    refuse_missing([*lacking(source, [Needed("pix3d.json", "the annotations", FROM)]),
                    *absent(photos, 400, "photos", "unpack pix3d.zip again")])
    check_room(folder, [Load("shapes' views", 322, view_cost(12, 224))], workers)

What is missing is said all at once, with where to get it. Seconds are of one core of an AMD EPYC,
measured on meshes of 1,000 to 80,000 faces; the time they add up to is a rough one.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crossmodal.data.errors import DataError
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.worker_pool import usable_cores

logger = get_logger(__name__)

NAMED = 3  # of many missing files of a kind, so many are named
SPARE = 256 << 20  # bytes that are left free, for manifests and whatever else is running


class MissingSource(DataError):
    """A source that lacks something; the message says what, all of it, and where to get it."""


class NoRoom(DataError):
    """The disk is too small for what would be written."""


@dataclass(frozen=True)
class Needed:
    """A file, a folder, or a pattern that something must fit (``cars_train/*.jpg``)."""

    name: str  # relative to the source folder
    what: str
    where: str  # how to get it


@dataclass(frozen=True)
class Cost:
    """What one item takes."""

    seconds: float  # of one core
    bytes: float  # on disk


@dataclass(frozen=True)
class Load:
    """Items of one kind that a program makes; those already there are not counted again."""

    what: str
    count: int
    cost: Cost
    made: Path | None = None  # the folder of their files
    pattern: str = "*.npy"  # that these files fit, at any depth; one an item

    def waiting(self) -> int:
        """Items that are not there yet."""
        there = sum(1 for _ in self.made.rglob(self.pattern)) if self.made else 0
        return max(self.count - there, 0)


POINTS = Cost(0.01, 120_128)  # 10,000 points of a shape
VOXELS = Cost(0.5, 60_000)  # 128^3 of a shape


def view_cost(views: int, size: int) -> Cost:
    """The array of `views` renders of `size` pixels a side."""
    return Cost(views * (0.02 + 0.03 * (size / 224) ** 2), views * size * size + 128)


def mesh_cost(total_bytes: float, count: int) -> Cost:
    """Reading one of `count` .obj files, of `total_bytes` together, and storing it as .npz."""
    mean = total_bytes / max(count, 1)
    return Cost(0.01 + 1e-7 * mean, 0.25 * mean)


def lacking(folder: Path, needs: Sequence[Needed]) -> list[str]:
    """A complaint for everything of `needs` that `folder` has not."""
    gone = "" if folder.is_dir() else " (no such folder)"
    return [
        f"{folder / need.name}{gone}: {need.what}; {need.where}"
        for need in needs
        if gone or not _is_there(folder, need.name)
    ]


def absent(paths: Sequence[Path], total: int, what: str, where: str) -> list[str]:
    """No complaint, or one: ``12 of 400 photos (a.jpg, b.jpg, c.jpg, ...); where to get them``.

    paths : those of `total` files that are not there
    """
    if not paths:
        return []
    names = ", ".join(map(str, paths[:NAMED])) + (", ..." if len(paths) > NAMED else "")
    return [f"{len(paths)} of {total} {what} ({names}); {where}"]


def refuse_missing(complaints: Sequence[str], hint: str = "") -> None:
    """Raises MissingSource with all complaints, if there are any; `hint` ends its message."""
    if complaints:
        lines = ["the source is not complete. Missing:", *(f"  - {line}" for line in complaints)]
        raise MissingSource("\n".join([*lines, hint]).rstrip())


def require(folder: Path, needs: Sequence[Needed], hint: str = "") -> None:
    """Raises MissingSource, naming everything of `needs` that `folder` has not."""
    refuse_missing(lacking(folder, needs), hint)


def check_room(folder: Path, loads: Sequence[Load], workers: int | None = None) -> float:
    """Log disk and time of what is to be made in `folder`; returns the hours.

    Raises NoRoom when the disk is too small for it.
    """
    waiting = [(load, load.waiting()) for load in loads]
    needed = sum(count * load.cost.bytes for load, count in waiting)
    seconds = sum(count * load.cost.seconds for load, count in waiting)
    hours = seconds / 3600 / (usable_cores() if workers is None else max(workers, 1))
    free = shutil.disk_usage(_existing(folder)).free
    parts = ", ".join(f"{count} {load.what}" for load, count in waiting if count) or "nothing new"
    logger.info("%s: to make: %s; about %s on disk (%s free) and %s of time", folder, parts,
                amount(needed), amount(free), duration(hours))
    if needed + SPARE > free:
        raise NoRoom(f"{folder}: the result needs about {amount(needed + SPARE)}, the disk has "
                     f"{amount(free)} free; free some space, or write to another disk with --root")
    return hours


def amount(size: float) -> str:
    """``3.4 GiB``, or MiB below a GiB."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def duration(hours: float) -> str:
    """``2.5 h``, or minutes below an hour."""
    return f"{hours:.1f} h" if hours >= 1 else f"{max(60 * hours, 1):.0f} min"


def _is_there(folder: Path, name: str) -> bool:
    if "*" in name:
        return next(folder.glob(name), None) is not None
    return (folder / name).exists()


def _existing(folder: Path) -> Path:
    """The folder or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())
