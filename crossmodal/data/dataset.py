"""An instance-level data set, checked as a whole before anything is trained on it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal.config import DataConfig
from crossmodal.data.errors import DataError, some
from crossmodal.data.makers import how_to_make
from crossmodal.data.records import (
    QueryRecord,
    ShapeKey,
    check_categories,
    check_files,
    read_list,
)
from crossmodal.data.validation_split import split
from crossmodal.data.views import ViewStore, open_views
from crossmodal.runtime import paths
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.inside import OutsideError, inside
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.safe_files import read_json

logger = get_logger(__name__)


@dataclass(frozen=True)
class InstanceDataset:
    """Queries, shapes, and which shows which.

    categories : names; a category's index is its place here.
    train_shapes : the shapes of the training queries; only these are ever trained on.
    gallery : every shape of `views` in these categories, sorted; what test queries search.
    """

    name: str
    folder: Path
    train: list[QueryRecord]
    validation: list[QueryRecord]
    test: list[QueryRecord]
    categories: list[str]
    train_shapes: list[ShapeKey]
    gallery: list[ShapeKey]
    views: ViewStore
    duplicates: list[list[str]] = field(default_factory=list)  # groups that cannot be told apart

    @classmethod
    def load(cls, data: DataConfig, seed: int = 3104) -> InstanceDataset:
        """Reads and checks the lists and the renderings.

        Missing lists, pictures, masks, renderings, and a wrong number of views are errors
        (DataError, naming how many and the first). Unreadable renderings cost their shapes: these
        leave training and gallery, and are logged.
        """
        folder = data_folder(data)
        train = _read(_list(folder, data.train_list or f"{data.name}_train.json"), data)
        test = _read(_list(folder, data.test_list or f"{data.name}_test.json"), data,
                     data.mask_dir_lists == "both")
        both = train + test
        views = open_views(folder / (data.views_dir or f"rendering_{data.name}"))
        categories = list(data.categories) or sorted(
            {r.category for r in both} | {key.category for key in views})
        gallery = _gallery(views, both, categories, data.views)
        kept = set(gallery)
        train = [r for r in train if r.shape in kept]
        training, validation = _hold_out(train, test, data, seed)
        if not training:
            raise DataError(f"{folder}: no training query is left with a readable shape")
        _warn_leak(train, test)
        return cls(data.name, folder, training, validation, test, categories,
                   sorted({r.shape for r in training}), gallery, views,
                   read_duplicates(folder / "duplicates.json"))


def data_folder(data: DataConfig) -> Path:
    """``<root>/<name>``, as given or under the repository root."""
    try:
        return Path(paths.find(Path(data.root) / data.name))
    except FileNotFoundError as error:
        raise DataError(f"no data set '{data.name}' in {data.root}, neither here nor under "
                        f"{paths.REPO_ROOT}: {how_to_make(data.name, data.root)}") from error


def open_library(data: DataConfig, categories: Sequence[str]) -> ViewStore:
    """The second library's renderings of `categories` (test mode "shapenet"), the sound ones."""
    store = find_library(data, categories)
    bad = store.broken(store.keys(), data.views)
    if bad:
        logger.warning("%s: unreadable renderings, left out: %s", data.library,
                       some(list(bad.values()), len(store), "shapes"))
    return store.without(bad)


def find_library(data: DataConfig, categories: Sequence[str]) -> ViewStore:
    """The second library's renderings of `categories`, not yet read."""
    folder = library_folder(data)
    store = ViewStore({})
    for category in categories:
        name = data.library_views.replace("{category}", category)
        try:
            path = inside(folder, name, links=True)
        except OutsideError as error:
            raise DataError(f"{folder}, category {brief(category)}: {error} "
                            "(data.library_views)") from error
        store = store.joined(open_views(path, category))
    return store


def library_folder(data: DataConfig) -> Path:
    """``<root>/<library>``; or, as the authors have it, a folder named after what is rendered:
    ``shapenetcars/`` for ``rendering_shapenetcars``. Raises DataError where neither is there.
    """
    there = []
    for name in (data.library, data.library_views.replace("rendering_", "", 1)):
        with contextlib.suppress(FileNotFoundError):
            there.append(Path(paths.find(Path(data.root) / name)))
    if not there:
        raise DataError(f"no second library '{data.library}' in {data.root}: "
                        f"{how_to_make(data.library, data.root)} (data.library)")
    rendered = [folder for folder in there for suffix in ("", ".pkl")
                if (folder / f"{data.library_views}{suffix}").exists()]
    return [*rendered, *there][0]


def read_duplicates(path: Path) -> list[list[str]]:
    """Groups of shapes that cannot be told apart, by name; none where there is no such file.

    Raises DataError where it is no list of lists of names.
    """
    if not path.exists():
        return []
    try:
        groups = read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {one_line(error)}; mend it, or move it away") from error
    if not isinstance(groups, list) or not all(
            isinstance(group, list) and all(isinstance(name, str) for name in group)
            for group in groups):
        raise DataError(f"{path}: expected a list of lists of names; mend it, or move it away")
    return groups


def _list(folder: Path, name: str) -> Path:
    """A list in `folder`; the authors write ``StanfordCars_train.json`` in ``stanfordcars/``."""
    if not (folder / name).exists():
        for path in sorted(folder.glob("*.json")):
            if path.name.lower() == name.lower():
                return path
    return folder / name


def _hold_out(train: list[QueryRecord], test: list[QueryRecord], data: DataConfig,
              seed: int) -> tuple[list[QueryRecord], list[QueryRecord]]:
    """Training and validation records, as ``data.validation_from`` says."""
    if data.validation_from == "test":
        return train, list(test)
    return split(train, data.validation_fraction, data.validation_by, seed)


def _read(path: Path, data: DataConfig, in_mask_dir: bool = True) -> list[QueryRecord]:
    records = read_list(path, data.mask_dir if in_mask_dir else None)
    check_categories(records, data.categories, path)
    check_files(records, path)
    return records


def _gallery(
    views: ViewStore, records: Sequence[QueryRecord], categories: Sequence[str], count: int
) -> list[ShapeKey]:
    wanted = sorted({r.shape for r in records})
    missing = [key for key in wanted if key not in views]
    if missing:
        raise DataError(f"no renders for {some(missing, len(wanted), 'shapes')}; make them with "
                        "python -m crossmodal.prepare.render_views")
    keys = [key for key in views if key.category in categories]
    bad = views.broken(keys, count)
    if bad:
        logger.warning("unreadable renders cost %s: they are neither trained on nor found",
                       some(list(bad.values()), len(keys), "shapes"))
    if len(bad) == len(keys):
        raise DataError(f"every render is unreadable, {some(list(bad.values()), len(keys), '')}")
    return [key for key in keys if key not in bad]


def _warn_leak(train: Sequence[QueryRecord], test: Sequence[QueryRecord]) -> None:
    ids = {r.id for r in train}
    shared = [r.id for r in test if r.id in ids]
    if shared:
        logger.warning("%s are also trained on: the test numbers mean little",
                       some(shared, len(test), "test pictures"))
