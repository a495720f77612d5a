"""Which settings are the released code's, and that nothing hides that they are on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from crossmodal.config import CategoryConfig, ConfigError, load_tree, override, to_dict
from crossmodal.config.released import TARGET_LABELS, departures, notes, value_of
from crossmodal.config.typed import dotted_keys

# What else a released config may change of the paper's; constants that are right or cannot be.
ALSO = {"mi3dor1": {}, "mi3dor2": {"loss.centroid_classes": None},
        "kinds": {}, "office31": {"data.views": 4, "loss.label_smoothing_classes": None,
                                  "loss.centroid_classes": None}}


def as_settings(values: dict[str, object]) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


def test_the_defaults_are_the_papers() -> None:
    assert departures(CategoryConfig()) == [] == notes(CategoryConfig())
    for key, value in CategoryConfig.RELEASED.items():
        assert value_of(CategoryConfig(), key) != value


def test_every_released_key_is_a_key_and_is_listed() -> None:
    released = CategoryConfig.RELEASED
    assert set(released) <= set(dotted_keys(CategoryConfig))
    config = override(CategoryConfig(), as_settings(released))
    assert departures(config) == as_settings(released)
    assert notes(config) == [TARGET_LABELS, "released behaviour, not the paper's: "
                             + ", ".join(as_settings(released))]
    for text in as_settings(released):
        if not text.startswith("loss.target"):  # which needs another key
            assert departures(override(CategoryConfig(), [text])) == [text]


def test_what_is_listed_can_be_restricted() -> None:
    config = override(CategoryConfig(), ["data.target_labels=used", "data.last_test_batch=drop"])
    assert departures(config, ["data.last_test_batch"]) == ["data.last_test_batch=drop"]
    assert TARGET_LABELS in notes(config)
    assert notes(config, ["data.last_test_batch"]) == [
        "released behaviour, not the paper's: data.last_test_batch=drop"]


@pytest.mark.parametrize("name", ALSO)
def test_a_released_config_is_the_papers_and_the_released_keys(name: str, repo_root: Path) -> None:
    """Same data, network, budget; nothing else differs, and the run has a name of its own."""
    paper, found = (load_tree(CategoryConfig, repo_root / "configs" / f"{name}{end}.yaml")
                    for end in ("", "_released"))
    wanted = {**CategoryConfig.RELEASED, **ALSO[name], "log.run_name": f"{name}_released"}
    if name != "office31":
        wanted.pop("data.view_grouping")
    wanted = {key: value for key, value in wanted.items() if value is not None}
    assert to_dict(found) == to_dict(override(paper, as_settings(wanted)))
    assert departures(paper) == [] and TARGET_LABELS in notes(found)


def test_the_shapes_labels_are_not_classified_by_accident() -> None:
    with pytest.raises(ConfigError, match="needs the shapes' labels: set data.target_labels=used"):
        override(CategoryConfig(), ["loss.target_classification=1"])


def test_any_config_may_have_released_keys() -> None:
    @dataclass(frozen=True)
    class Section:
        square: bool = False
        name: str = "a"

    @dataclass(frozen=True)
    class Other:
        part: Section = field(default_factory=Section)
        RELEASED: ClassVar[dict[str, object]] = {"part.square": True}

    assert departures(Other(Section(square=True, name="b"))) == ["part.square=true"]
    assert departures(Section(square=True)) == []  # it names none
