"""Groups of things that count as one: those that share a member are joined."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Any, TypeVar

Name = TypeVar("Name", bound=Hashable)


def join_groups(groups: Iterable[Collection[Name]]) -> dict[Name, set[Name]]:
    """id -> all ids it is grouped with, directly or through others, itself included."""
    joined: dict[Name, set[Name]] = {}
    for members in groups:
        touched = {id(joined[name]): joined[name] for name in members if name in joined}
        whole = max(touched.values(), key=len, default=set())
        for part in touched.values():  # the smaller ones move: each id only a few times
            if part is not whole:
                whole |= part
                joined.update(dict.fromkeys(part, whole))
        whole.update(members)
        joined.update(dict.fromkeys(members, whole))
    return joined


def is_groups(value: Any) -> bool:
    """Whether a value from a file is a list of lists of texts."""
    return isinstance(value, list) and all(
        isinstance(group, list) and set(map(type, group)) <= {str} for group in value)
