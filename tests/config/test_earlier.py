"""Checkpoints of earlier versions are read: keys that are gone, keys that came later."""

from __future__ import annotations

from typing import Any

import pytest

from crossmodal.config import CategoryConfig, Config, ConfigError, to_dict
from crossmodal.config.earlier import computed_otherwise, in_todays_keys
from crossmodal.config.load import tree_from_dict
from crossmodal.config.released import value_of

# As every category-level checkpoint had them before, at their defaults.
BEFORE = {"data": {"share_view_crop": True, "target_order": "shuffled", "last_test_batch": "keep"},
          "loss": {"mixed_classification": 0.0, "adversarial_sigmoid": "once",
                   "centroid_memory": "moving", "centroid_classes": 0,
                   "contrast_without_pair": "skip", "orthogonal_start": 1200},
          "model": {"bottleneck": 64}, "optim": {"weight_decay": 5e-4}}


def changed(section: str, key: str, value: Any) -> dict[str, dict[str, Any]]:
    return {name: {**part, key: value} if name == section else part
            for name, part in BEFORE.items()}


def test_a_checkpoint_of_before_says_what_was_done_then() -> None:
    found = tree_from_dict(CategoryConfig, BEFORE, "old")
    assert (found.loss.pictures, found.model.dropout) == ("plain", 0.0)
    assert (found.loss.orthogonal_start, found.optim.weight_decay) == (1200, 5e-4)
    assert found.model.bottleneck == 64 and computed_otherwise(CategoryConfig, BEFORE) == []
    assert CategoryConfig().loss.pictures == "mixed" and CategoryConfig().model.dropout == 0.5


@pytest.mark.parametrize("kind", [Config, CategoryConfig])
def test_todays_checkpoint_is_read_as_it_is(kind: type) -> None:
    assert tree_from_dict(kind, to_dict(kind()), "new") == kind()


@pytest.mark.parametrize(("section", "key", "value", "now"), [
    ("data", "share_view_crop", False, "data.augmentation"),
    ("data", "target_order", "listed", "data.passes"),
    ("loss", "adversarial_sigmoid", "twice", "loss.adversarial_form"),
    ("loss", "centroid_memory", "none", "loss.centroid_form"),
    ("loss", "contrast_without_pair", "previous", "loss.contrast_form")])
def test_what_was_asked_for_is_what_is_nearest_and_no_run_goes_on_with_it(
        section: str, key: str, value: Any, now: str) -> None:
    values = changed(section, key, value)
    assert value_of(tree_from_dict(CategoryConfig, values, "old"), now) == "released"
    assert computed_otherwise(CategoryConfig, values) == [
        f"{section}.{key}={value!r}" if isinstance(value, str) else f"{section}.{key}={value}"]


def test_numbers_that_are_gone() -> None:
    values = changed("loss", "centroid_classes", 31)
    tree_from_dict(CategoryConfig, values, "old")
    assert computed_otherwise(CategoryConfig, values) == ["loss.centroid_classes=31"]


def test_the_instance_level() -> None:
    values = {"model": {"style_statistics": "split", "style_spread": "root-std"},
              "loss": {"bridge_gradient": False, "contrast_pairs": "shape", "instance": 1.0}}
    found = tree_from_dict(Config, values, "old")
    assert found.model.style_form == found.loss.contrast_form == "released"
    assert len(computed_otherwise(Config, values)) == 2


@pytest.mark.parametrize("values", [
    {"loss": 3}, {"loss": {"target_order": "listed"}}, {"data": {"target_order": ["listed"],
                                                                 "nothing": 1}}])
def test_other_keys_are_still_refused(values: dict[str, Any]) -> None:
    assert isinstance(computed_otherwise(CategoryConfig, values), list)
    with pytest.raises(ConfigError):
        tree_from_dict(CategoryConfig, values, "old")


def test_nothing_is_changed_in_place() -> None:
    in_todays_keys(CategoryConfig, BEFORE)
    assert "pictures" not in BEFORE["loss"] and "target_order" in BEFORE["data"]
