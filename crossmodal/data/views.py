"""The rendered views of shapes: a folder of arrays, or the authors' pickle.

``rendering_<name>/<category>/<instance>.npy`` (V, H, W) uint8, or ``rendering_<name>.pkl``,
``dict[category][instance] -> (V, H, W)``. A library of one category has one level less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.data import safe_pickle
from crossmodal.data.errors import DataError, SampleError
from crossmodal.data.records import ShapeKey
from crossmodal.runtime.brief import brief
from crossmodal.runtime.limits import TooLarge, check_claim
from crossmodal.runtime.os_errors import why
from crossmodal.runtime.safe_files import read_npy


class ViewStore:
    """Views by shape. Arrays in folders are mapped, not read; pickles are read once a process.

    store[key] : (V, H, W) uint8, 255 = white. Raises SampleError for a broken file.
    Made with `open_views`; sends cheaply to another process.
    """

    def __init__(self, entries: Mapping[ShapeKey, str | PickleEntry]) -> None:
        self._entries = dict(sorted(entries.items()))

    def keys(self) -> list[ShapeKey]:
        """Every shape, sorted by category, then instance."""
        return list(self._entries)

    def __iter__(self) -> Iterator[ShapeKey]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __getitem__(self, key: ShapeKey) -> np.ndarray:
        entry = self._entries[key]
        if isinstance(entry, str):
            return as_views(_map(entry), entry)
        return as_views(entry.read(), f"{entry.file.path}, {key}")

    def file(self, key: ShapeKey) -> Path:
        """The file that holds a shape's views, for `read_views`."""
        entry = self._entries[key]
        return Path(entry if isinstance(entry, str) else entry.file.path)

    def joined(self, other: ViewStore) -> ViewStore:
        """A store with the shapes of both; the other's win."""
        return ViewStore({**self._entries, **other._entries})

    def without(self, keys: Iterable[ShapeKey]) -> ViewStore:
        """A store that lacks `keys`."""
        left_out = set(keys)
        return ViewStore({k: v for k, v in self._entries.items() if k not in left_out})

    def broken(self, keys: Iterable[ShapeKey], views: int) -> dict[ShapeKey, str]:
        """Shape -> complaint, for every shape whose views cannot be read.

        Raises DataError when a readable one has another number of views than `views`.
        """
        found = {}
        for key in keys:
            try:
                count = len(self[key])
            except SampleError as error:
                found[key] = str(error)
                continue
            if count != views:
                raise DataError(f"{key} has {count} views, the config says {views}; set "
                                f"data.views={count}, or render the data set again")
        return found


class PickleFile:
    """A pickle that is read when first needed, and again in each process it is sent to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._contents: dict[str, Any] | None = None

    def contents(self) -> dict[str, Any]:
        if self._contents is None:
            self._contents = safe_pickle.load(self.path)
        if not isinstance(self._contents, dict) or not self._contents:
            raise DataError(f"{self.path}: expected a dict of renderings")
        return self._contents

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_contents": None}


class PickleEntry:
    """One shape of a pickle."""

    def __init__(self, file: PickleFile, names: tuple[str, ...]) -> None:
        self.file = file
        self.names = names

    def read(self) -> Any:
        value: Any = self.file.contents()
        for name in self.names:
            value = value[name]
        return value


def open_views(path: Path, category: str | None = None) -> ViewStore:
    """The renderings at `path`: a folder, or a .pkl file (which is also looked for beside it).

    category : the category of all shapes, where the folder or the pickle has no such level.
    Raises DataError when there are none; safe_pickle.UnsafePickle for a hostile pickle.
    """
    if path.is_dir():
        store = _open_folder(path, category)
    elif path.with_name(path.name + ".pkl").is_file():
        store = _open_pickle(path.with_name(path.name + ".pkl"), category)
    elif path.is_file():
        store = _open_pickle(path, category)
    else:
        raise DataError(f"no renderings: neither {path} nor {path}.pkl is there; make them with "
                        "python -m crossmodal.prepare.render_views")
    if not len(store):
        raise DataError(f"{path}: no renderings in it; make them with "
                        "python -m crossmodal.prepare.render_views")
    return store


def read_views(file: Path, key: ShapeKey) -> np.ndarray:
    """(V, H, W) uint8 views of a shape in the file that `ViewStore.file` names.

    Raises SampleError for a broken array. A pickle is kept, for the next shape of it.
    """
    if file.suffix == ".npy":
        return as_views(_map(str(file)), str(file))
    return _kept_pickle(file, key.category, file.stat().st_mtime_ns)[key]


@lru_cache(maxsize=1)
def _kept_pickle(path: Path, category: str, changed: int) -> ViewStore:
    return _open_pickle(path, category)


def _open_folder(path: Path, category: str | None) -> ViewStore:
    names = sorted(path.glob("*.npy" if category else "*/*.npy"))
    return ViewStore({ShapeKey(category or p.parent.name, p.stem): str(p) for p in names})


def _open_pickle(path: Path, category: str | None) -> ViewStore:
    file = PickleFile(str(path))
    entries = {}
    shapes = sum(len(v) if isinstance(v, dict) else 1 for v in file.contents().values())
    try:  # a dict that stands under a million names was read once
        check_claim(f"the list of its {shapes} shapes", 1000 * shapes, path.stat().st_size)
    except TooLarge as error:
        raise DataError(f"{path}: {error}") from error
    for name, value in file.contents().items():
        if isinstance(value, dict):
            for instance in value:
                key = ShapeKey(str(name), str(instance))
                entries[key] = PickleEntry(file, (name, instance))
        elif category:
            entries[ShapeKey(category, str(name))] = PickleEntry(file, (name,))
        else:
            raise DataError(f"{path}: {brief(name)} is not a dict of instances")
    return ViewStore(entries)


def _map(path: str) -> np.ndarray:
    try:
        if Path(path).stat().st_size == 0:
            raise SampleError(f"{path}: empty file; render this shape again")
        return read_npy(path, mapped=True)
    except (OSError, ValueError) as error:
        if isinstance(error, SampleError):
            raise
        raise SampleError(f"{path}: broken array ({why(error)}); render this shape "
                          "again") from error


def as_views(value: Any, where: str) -> np.ndarray:
    """(V, H, W) uint8 from the forms found in the wild: a list of views, a channel axis of 1,
    floats in [0, 1] or [0, 255]. Raises SampleError for anything else."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise SampleError(f"{where}: views of different sizes ({error})") from error
    if array.ndim == 4:
        axis = 1 if array.shape[1] == 1 else 3
        if array.shape[axis] != 1:
            raise SampleError(f"{where}: views of shape {array.shape}; expected one gray channel")
        array = array.reshape(array.shape[:1] + (array.shape[2:] if axis == 1 else
                                                 array.shape[1:3]))
    if array.ndim != 3 or array.size == 0:
        raise SampleError(f"{where}: views of shape {array.shape}; expected (V, H, W)")
    try:  # a view is made square before it is made small
        check_claim(f"views of shape {array.shape}, made square,",
                    len(array) * max(array.shape[1:]) ** 2, array.nbytes)
    except TooLarge as error:
        raise SampleError(f"{where}: {error}") from error
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise SampleError(f"{where}: views of type {array.dtype} with values that are no gray")
    scale = 255.0 if array.dtype.kind in "bf" and array.max() <= 1 else 1.0
    return np.clip(np.rint(array * scale), 0, 255).astype(np.uint8)
