"""Protocols on a furniture library: which pictures train, which pictures test.

T, unseen shapes : train on icons and photo renders of the training shapes; test on the test shapes'
icons. S, own library   : train on photo renders of all shapes, never on an icon; test on the same
icons. The gallery is all shapes in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.data.groups import is_groups
from crossmodal.prepare.annotation_files import read_json
from crossmodal.prepare.render_photos import photo_record
from crossmodal.runtime.brief import brief
from crossmodal.runtime.seeds import generator

PROTOCOLS = ("T", "S")
TEST_SHARE = 0.25
BESIDE_ICONS = 4  # photo renders of a shape in T, at most: more would drown its one icon


@dataclass(frozen=True)
class Split:
    """Ids of training and test shapes, and groups of shapes that cannot be told apart."""

    train: list[str]
    test: list[str]
    duplicates: list[list[str]]


def read_split(path: Path) -> Split:
    """A split from a JSON file with ``train``, ``test`` and, optionally, ``duplicates``."""
    remedy = "give another with --split, or remove it"
    content = read_json(path, remedy)
    for name in ("train", "test"):
        ids = content.get(name) if isinstance(content, dict) else None
        if not is_groups([ids]):
            raise DataError(f"{path}: not a split: {name} is no list of ids, but {brief(ids)}; "
                            f"{remedy}")
    duplicates = content.get("duplicates", [])
    if not is_groups(duplicates):
        raise DataError(f"{path}: duplicates are no groups of ids, but {brief(duplicates)}; "
                        f"{remedy}")
    split = Split(content["train"], content["test"], duplicates)
    both = sorted(set(split.train) & set(split.test))
    if both:
        raise DataError(f"{path}: {len(both)} ids are in train and test (first: {brief(both[0])}); "
                        f"{remedy}")
    return split


def random_split(ids: Iterable[str], seed: int) -> Split:
    """A quarter of the ids, drawn at random, for the test."""
    order = sorted(ids)
    generator(seed, "furniture split").shuffle(order)
    count = round(len(order) * TEST_SHARE)
    return Split(sorted(order[count:]), sorted(order[:count]), [])


def photos_needed(
    protocol: str, split: Split, keys: Mapping[str, str], count: int
) -> dict[str, int]:
    """{shape key: photo renders} that a protocol trains on; `keys` maps an id to its key."""
    ids = split.train if protocol == "T" else sorted(keys)
    count = min(count, BESIDE_ICONS) if protocol == "T" else count
    return {keys[name]: count for name in ids if name in keys}


def train_list(
    protocol: str, shapes: Mapping[str, int], icons: set[str], photos: set[str]
) -> list[dict[str, Any]]:
    """Training records of {shape key: photo renders}.

    icons : keys of shapes with an icon; photos : keys ``<shape>/<index>`` of renders that exist
    """
    records = []
    for key, count in sorted(shapes.items()):
        if protocol == "T" and key in icons:
            records.append(picture_record(key, "icon"))
        for index in range(count):
            if f"{key}/{index:02d}" in photos:
                record = photo_record(key, index, "photo", "model.npz")
                records.append({**record, "instance": Path(key).name})
    return records


def test_list(ids: Sequence[str], keys: Mapping[str, str], icons: set[str]) -> list[dict[str, Any]]:
    """Test records: the icons of the test shapes, in the order of the split."""
    return [picture_record(keys[name], "icon") for name in ids if keys.get(name) in icons]


def picture_record(key: str, kind: str) -> dict[str, Any]:
    """The record of a shape's own picture (kind: icon or drawing)."""
    category, instance = key.split("/")
    return {
        "img": f"{kind}/img/{key}.jpg",
        "mask": f"{kind}/mask/{key}.png",
        "category": category,
        "model": f"model/{key}/model.npz",
        "instance": instance,
    }
