"""Groups are joined as by going over all of them until nothing changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.groups import is_groups, join_groups


def slowly(groups: list[list[str]]) -> dict[str, set[str]]:
    joined = {name: {name} for group in groups for name in group}
    for _ in range(len(joined) + 1):
        for group in groups:
            whole = set().union(*(joined[name] for name in group))
            for name in group:
                joined[name] = whole
    return joined


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=8))
def test_groups_that_share_a_member_are_one(groups: list[list[str]]) -> None:
    assert join_groups(groups) == slowly(groups)


def test_a_chain_of_many_is_joined_in_one_pass() -> None:
    class Counted(str):
        looked_up = 0

        def __hash__(self) -> int:
            Counted.looked_up += 1
            return super().__hash__()

    names = [Counted(i) for i in range(5000)]
    joined = join_groups(list(zip(names, names[1:])))
    assert len(joined[names[0]]) == 5000 and Counted.looked_up < 40 * 5000


@pytest.mark.parametrize(("value", "right"), [
    ([], True), ([[]], True), ([["a", "b"], ["c"]], True), (None, False), ("ab", False),
    ([["a", 1]], False), (["ab"], False), ({"a": []}, False), ([None], False)])
def test_is_groups(value: Any, right: bool) -> None:
    assert is_groups(value) is right
