"""Which gallery items are right for which query: by id, with groups that cannot be told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from typing import Union

import numpy as np

from crossmodal.data.groups import join_groups
from crossmodal.data.records import ShapeKey

Targets = Union[Hashable, Collection[Hashable]]


def relevance_by_id(
    targets: Sequence[Targets],
    gallery_ids: Sequence[Hashable],
    duplicates: Sequence[Collection[Hashable]] = (),
) -> np.ndarray:
    """(Q, S) bool: is gallery item s right for query q?

    Parameters
    ----------
    targets : the id that each query shows, or a set or list of ids; a tuple is one id
    gallery_ids : S ids, all different
    duplicates : groups of ids that count as one: a hit on any of the group is right. Groups that
        share an id are joined.

    Raises
    ------
    ValueError : an id is twice in the gallery.
    """
    place = {name: i for i, name in enumerate(gallery_ids)}
    if len(place) != len(gallery_ids):
        twice = next(name for i, name in enumerate(gallery_ids) if place[name] != i)
        raise ValueError(f"the gallery holds {twice!r} twice: ids must be different")
    group = join_groups(duplicates)
    relevance = np.zeros((len(targets), len(gallery_ids)), bool)
    for i, target in enumerate(targets):
        several = isinstance(target, (list, set, frozenset))
        names: Collection[Hashable] = target if several else (target,)  # type: ignore[assignment]
        for name in names:
            right = [place[twin] for twin in group.get(name, (name,)) if twin in place]
            relevance[i, right] = True
    return relevance


def relevance_of_shapes(
    shown: Sequence[ShapeKey],
    gallery: Sequence[ShapeKey],
    duplicates: Sequence[Collection[str]] = (),
) -> np.ndarray:
    """(Q, S) bool: is gallery shape s the one that query q shows, or one that looks just like it?

    duplicates : groups of shapes that cannot be told apart, by ``category/instance``, or by
        instance. Where several categories have an instance of that name, a group of instances
        stands for one group in each category.
    """
    instances = Counter(key.instance for key in gallery)
    places: dict[str, list[int]] = {}
    for place, key in enumerate(gallery):
        for name in {str(key), key.instance}:
            places.setdefault(name, []).append(place)
    groups: list[list[str]] = []
    for group in map(set, duplicates):
        found = {place for name in group for place in places.get(name, ())}
        meant = [gallery[place] for place in sorted(found)]
        if all(instances[key.instance] == 1 or str(key) in group for key in meant):
            groups.append([str(key) for key in meant])
            continue
        for category in sorted({key.category for key in meant}):
            groups.append([str(key) for key in meant if key.category == category])
    return relevance_by_id([str(key) for key in shown], [str(key) for key in gallery], groups)


def relevance_by_category(
    query_categories: Sequence[str], gallery_categories: Sequence[str]
) -> np.ndarray:
    """(Q, S) bool: does gallery item s have the category of query q?"""
    return np.asarray(query_categories)[:, None] == np.asarray(gallery_categories)[None, :]
