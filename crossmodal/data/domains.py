"""Category-level data: labelled source pictures and target items whose labels stay unread."""
from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crossmodal.config import DomainConfig
from crossmodal.data.errors import DataError, some
from crossmodal.data.image_lists import (
    Item,
    class_names,
    folder_classes,
    read_items,
    read_names,
)
from crossmodal.data.makers import how_to_make
from crossmodal.runtime import paths, seeds

MOST_CLASSES = 50_000


@dataclass(frozen=True)
class Domains:
    """What training sees.

    source : pictures with their label
    validation : pictures held out of the source
    target : items of ``views`` pictures; ``label`` is None unless ``data.target_labels`` is "used"
    classes : names; a label is a place here
    """

    source: list[Item]
    validation: list[Item]
    target: list[Item]
    classes: list[str]

    @classmethod
    def load(cls, data: DomainConfig, seed: int) -> Domains:
        """Read both lists; raises DataError where training makes no sense on them."""
        where = find(data, data.source_list)
        source = read_items(where, class_names=read_names(class_file(data, where)) or [],
                            roots=roots(data))
        names = classes_of(data, source, where)
        target = _target(data, names)
        training, validation = held_out(source, data.validation_fraction, seed)
        return cls(training, validation, target, names)


def _target(data: DomainConfig, names: Sequence[str]) -> list[Item]:
    """Training shapes, without labels; with them where they are to be used, as released."""
    used = data.target_labels == "used"
    items = read_items(find(data, data.target_list), data.views, used, names, data.view_grouping,
                       roots(data))
    if used:
        _check_labels(items, len(names), data.target_list)
        nameless = [item.id for item in items if item.label == -1]
        if nameless:
            raise DataError(f"{data.target_list}: {nameless[0]} has label -1; where the shapes' "
                            "labels are used (data.target_labels) each needs its class")
    return items


def load_test(data: DomainConfig, classes: Sequence[str]) -> tuple[list[Item], list[Item]]:
    """(queries, gallery) of a test, labelled; a label of -1 in the gallery: none of the classes.

    Raises DataError for a label beyond the classes that the network was trained on, and for a query
    that lies in the gallery: it would find itself.
    """
    asking, answering = data.query_list or data.source_list, data.gallery_list or data.target_list
    queries = read_items(find(data, asking), class_names=classes, roots=roots(data))
    gallery = read_items(find(data, answering), data.views, class_names=classes,
                         grouping=data.view_grouping, roots=roots(data))
    for items, name in ((queries, asking), (gallery, answering)):
        _check_labels(items, len(classes), name)
    shown = {path for item in gallery for path in item.files}
    both = [item.id for item in queries if item.files[0] in shown]
    if both:
        raise DataError(f"{asking} and {answering} share {some(both, len(queries), 'queries')}, "
                        "which would find themselves: name the other domain's list in "
                        "data.gallery_list (--test_dset_path)")
    unlabelled = [item.id for item in queries if item.label == -1]
    if unlabelled:
        raise DataError(f"{asking}: query {unlabelled[0]} has label -1; a query needs its "
                        "class: remove it from the list")
    return queries, gallery


def watched_test_items(data: DomainConfig, classes: Sequence[str]) -> list[Item]:
    """The test shapes whose accuracy the released training logs: as many as fill batches.

    Raises DataError where they do not fill one.
    """
    gallery = load_test(data, classes)[1]
    if len(gallery) < data.batch_size:
        raise DataError(f"{data.gallery_list or data.target_list}: {len(gallery)} items do not "
                        f"fill a batch of {data.batch_size}, and data.validation_on=test leaves "
                        "the last one out: lower data.batch_size, or set it to source")
    return gallery[:len(gallery) // data.batch_size * data.batch_size]


def classes_of(data: DomainConfig, source: Sequence[Item], where: Path) -> list[str]:
    """Class names; their number is what the source's labels need.

    where : the source's list or folder; beside it lies the file of class names, if there is one
    Raises DataError for fewer than two classes, and for negative labels.
    """
    file = class_file(data, where)
    labels = {item.label for item in source if item.label is not None}
    if min(labels) < 0:
        raise DataError(f"{where}: label -1 in the source: every training picture needs its class")
    if len(labels) > MOST_CLASSES:
        raise DataError(f"{where}: {len(labels)} labels; a network has at most {MOST_CLASSES} "
                        "classes: does the list number its pictures?")
    if len(labels) < 2:
        raise DataError(f"{where}: all {len(source)} pictures have label {labels.pop()}; there is "
                        "nothing to tell apart with one class")
    names = read_names(file) or (folder_classes(where) if where.is_dir() else [])
    if not names and max(labels) >= len(source):
        raise DataError(f"{where}: label {max(labels)}, but only {len(source)} pictures: there are "
                        f"not that many classes; correct the list, or name all classes in {file}")
    return names if names and max(labels) < len(names) else class_names(file, max(labels) + 1)


def held_out(source: Sequence[Item], fraction: float, seed: int) -> tuple[list[Item], list[Item]]:
    """(training, validation): a part of every class with at least two pictures, by seed and id."""
    if fraction <= 0:
        return list(source), []
    of_label: dict[int, set[str]] = {}
    for item in source:
        if item.label is not None:
            of_label.setdefault(item.label, set()).add(item.id)
    held: set[str] = set()
    for label in sorted(of_label):
        ids = sorted(of_label[label])
        count = min(max(round(fraction * len(ids)), 1), len(ids) - 1)
        order = seeds.generator(seed, "validation", label).permutation(len(ids))
        held.update(ids[i] for i in order[:count])
    return ([item for item in source if item.id not in held],
            [item for item in source if item.id in held])


def folder(data: DomainConfig) -> Path:
    """``<root>/<name>``, which need not exist where the lists are named in full."""
    return roots(data)[0] / data.name


def roots(data: DomainConfig) -> list[Path]:
    """The folder of data sets, absolute: pictures of a list may lie anywhere below it."""
    root = Path(data.root).expanduser()
    try:
        return [paths.find(root)]
    except FileNotFoundError:
        return [paths.REPO_ROOT / root]


def find(data: DomainConfig, name: str) -> Path:
    """A list or folder: in the data set's folder, or as given; raises DataError."""
    inside = folder(data) / name
    if inside.exists():
        return inside
    try:
        return paths.find(name)
    except FileNotFoundError as error:
        raise DataError(f"no list or folder {name}: neither {inside} nor as given; "
                        f"{how_to_make(data.name, data.root)}") from error


def class_file(data: DomainConfig, where: Path) -> Path:
    """The file of class names of the source at ``where``; it need not exist.

    Looked for in the list's folder (of a folder: in it, then beside it), and in ``<root>/<name>``
    only if the source lies in there: other data sets number their classes differently.
    """
    whole = Path(os.path.abspath(folder(data)))
    places = [where, where.parent] if where.is_dir() else [where.parent]
    if whole in Path(os.path.abspath(where)).parents:
        places.append(whole)
    files = [place / data.class_names for place in places]
    return next((file for file in files if file.is_file()), files[-1])


def _check_labels(items: Sequence[Item], classes: int, name: str) -> None:
    wrong = [item for item in items if item.label is not None and item.label >= classes]
    if wrong:
        raise DataError(f"{name}: {wrong[0].id} has label {wrong[0].label}, but the network knows "
                        f"{classes} classes (0 to {classes - 1}); label it -1 or correct the list")
