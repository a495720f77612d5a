"""Which networks may be tested on the same items, read once."""

from __future__ import annotations

import pytest

from crossmodal.config import CategoryConfig, override
from crossmodal.models.category_encode import CategoryEncoder
from crossmodal.models.category_group import alike


def encoder(*settings: str) -> CategoryEncoder:
    """One without a network."""
    found = CategoryEncoder.__new__(CategoryEncoder)
    found.config, found.classes = override(CategoryConfig(), settings), ["a", "b"]
    return found


@pytest.mark.parametrize("setting", [
    "data.view_grouping=lines", "data.views=3",
    "data.test_crop=0.5"])
def test_networks_that_are_tested_on_other_items_are_apart(setting: str) -> None:
    assert alike([encoder(), encoder(setting), encoder()]) == [[0, 2], [1]]


def test_what_a_network_learnt_by_does_not_part_them() -> None:
    assert alike([encoder(), encoder("seed=5", "optim.lr=0.5", "data.workers=0")]) == [[0, 1]]
