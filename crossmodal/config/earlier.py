"""Settings as earlier versions wrote them into checkpoints, in today's keys.

A checkpoint holds every key of its time. A key that came later had the value given here, or its
default; one that is gone says nothing where it was as by default, and else what is nearest today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossmodal.config.category import CategoryConfig
from crossmodal.config.instance import Config
from crossmodal.runtime.brief import brief

Values = Mapping[str, Any]
_GROUPS = {"data.share_view_crop": {False: ["augmentation"]}}
# A key that is gone -> its value -> keys of the same section that are "released" then.
_GONE: dict[type[Any], dict[str, dict[Any, list[str]]]] = {
    CategoryConfig: {
        **_GROUPS,
        "data.target_order": {"listed": ["passes"]},
        "data.last_test_batch": {},  # a test keeps its last batch
        "loss.mixed_classification": {},
        "loss.adversarial_sigmoid": {"twice": ["adversarial_form"]},
        "loss.centroid_memory": {"none": ["centroid_form"]},
        "loss.centroid_classes": {},
        "loss.contrast_without_pair": {"previous": ["contrast_form"]}},
    Config: {
        **_GROUPS,
        "model.style_statistics": {"stem-released": ["style_form"]},
        "model.style_spread": {"root-std": ["style_form"]},
        "loss.bridge_gradient": {False: ["consistency_form", "contrast_form"]},
        "loss.consistency_axis": {},
        "loss.contrast_pairs": {"slot": ["contrast_form"]}}}
# What a key was before it came, where that is not its default.
_BEFORE: dict[type[Any], dict[str, Any]] = {
    CategoryConfig: {"loss.pictures": "plain", "model.dropout": 0.0}}


def in_todays_keys(kind: type[Any], values: Values) -> dict[str, Any]:
    """Nested ``values`` of a checkpoint with the keys that `kind` has today; others stay."""
    if not isinstance(values, Mapping):
        return values  # for `build` to refuse
    found = {name: dict(part) if isinstance(part, Mapping) else part
             for name, part in values.items()}
    for key, value in _BEFORE.get(kind, {}).items():
        section, name = key.split(".")
        if isinstance(found.get(section), dict):
            found[section].setdefault(name, value)
    for key, instead in _GONE.get(kind, {}).items():
        section, name = key.split(".")
        if isinstance(found.get(section), dict) and name in found[section]:
            found[section].update(dict.fromkeys(
                _released(instead, found[section].pop(name)), "released"))
    return found


def computed_otherwise(kind: type[Any], values: Values) -> list[str]:
    """``key=value`` of settings that are gone and asked for what nothing computes today."""
    found = []
    for key, instead in _GONE.get(kind, {}).items():
        section, name = key.split(".")
        part = values.get(section)
        value = part.get(name) if isinstance(part, Mapping) else None
        number = type(value) in (int, float) and value != 0
        if number or _released(instead, value):
            found.append(f"{key}={brief(value)}")
    return found


def _released(instead: dict[Any, list[str]], value: Any) -> list[str]:
    return instead.get(value, []) if isinstance(value, (bool, str)) else []
