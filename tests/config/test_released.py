"""Which settings are the released code's, and that nothing hides that they are on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from crossmodal.config import (
    CategoryConfig,
    Config,
    ConfigError,
    load_config,
    load_tree,
    noted_yaml,
    override,
    to_dict,
    to_yaml,
)
from crossmodal.config.released import (
    TARGET_LABELS,
    TEST_EPOCH,
    TEST_WATCHED,
    Exactly,
    departures,
    notes,
    released_values,
    value_of,
)
from crossmodal.config.typed import dotted_keys

LEVELS = pytest.mark.parametrize("kind", [Config, CategoryConfig])
# What else a released config may change of the paper's; constants that are right or cannot be.
OFTEN = {"log.validate_every": 100, "log.checkpoint_every": 100}
ALSO = {"mi3dor1": OFTEN, "mi3dor2": OFTEN, "office31": {**OFTEN, "data.views": 4},
        "kinds": {"data.validation_on": None}}
# What a released key needs beside it.
NEEDS = {"loss.target_classification": ["data.target_labels=used"],
         "data.validation_from": ["data.validation_fraction=0"]}


def as_settings(values: dict[str, Any]) -> list[str]:
    return [f"{key}={str(value).lower() if isinstance(value, bool) else value}"
            for key, value in values.items()]


def listed(config: Any) -> str:
    return f"released behaviour, not the paper's: {', '.join(departures(config))}"


@LEVELS
def test_the_defaults_are_the_papers(kind: type) -> None:
    assert departures(kind()) == [] == notes([])
    for key, value in released_values(kind).items():
        assert value_of(kind(), key) != value


@LEVELS
def test_every_released_key_is_a_key_and_is_listed(kind: type) -> None:
    released = released_values(kind)
    assert list(released) == list(kind.RELEASED) and set(released) <= set(dotted_keys(kind))
    config = override(kind(), [*NEEDS["data.validation_from"], *as_settings(released)])
    assert departures(config) == as_settings(released)
    first = [TARGET_LABELS, TEST_WATCHED] if kind is CategoryConfig else [TEST_EPOCH]
    assert notes(departures(config)) == [*first, listed(config)]
    head = "".join(f"# {text}\n" for text in [*first, listed(config)])
    assert noted_yaml(config) == f"{head}{to_yaml(config)}"
    for text in as_settings(released):
        needs = NEEDS.get(text.partition("=")[0], [])
        assert text in departures(override(kind(), [*needs, text]))


@LEVELS
def test_keys_of_a_test_are_released_keys(kind: type) -> None:
    assert set(kind.UNTRAINED) | set(getattr(kind, "AT_TEST", ())) <= set(kind.RELEASED)


def test_what_is_listed_can_be_restricted() -> None:
    config = override(CategoryConfig(), ["data.target_labels=used", "data.view_grouping=lines"])
    assert departures(config, ["data.view_grouping"]) == ["data.view_grouping=lines"]
    assert TARGET_LABELS in notes(departures(config))
    assert notes(departures(config, ["data.view_grouping"])) == [
        "released behaviour, not the paper's: data.view_grouping=lines"]


@pytest.mark.parametrize(("setting", "departs"), [
    ("loss.plain_query=0", True), ("loss.plain_query=0.5", False),
    ("loss.consistency_temperature=1", False),
    ("model.view_channels=2", True), ("loss.contrast_form=released", True)])
def test_a_number_that_anybody_may_tune_departs_at_the_released_value_only(
        setting: str, departs: bool) -> None:
    assert bool(departures(override(Config(), [setting]))) == departs


@pytest.mark.parametrize("name", ["pix3d", "stanfordcars", "compcars", "furniture_T"])
def test_an_instance_level_released_config_differs_in_nothing_else(name: str) -> None:
    own = load_config(f"configs/{name}.yaml")
    released = load_config(f"configs/{name}_released.yaml")
    needs = {"data.validation_fraction", "data.views_per_step", "log.run_name"}
    different = {key for key in dotted_keys(Config)
                 if value_of(own, key) != value_of(released, key)}
    found = {text.split("=")[0] for text in departures(released)}
    assert found <= different <= found | needs and departures(own) == []
    left_out = {"data.mask_dir_lists", "data.validation_from", "data.augmentation",
                "model.stem_start"}
    assert found == set(Config.RELEASED) - (left_out if name == "furniture_T" else set())


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
    assert departures(paper) == [] and TARGET_LABELS in notes(departures(found))


def test_the_shapes_labels_are_not_classified_by_accident() -> None:
    with pytest.raises(ConfigError, match="needs the shapes' labels: set data.target_labels=used"):
        override(CategoryConfig(), ["loss.target_classification=1"])


def test_any_config_may_have_released_keys() -> None:
    @dataclass(frozen=True)
    class Section:
        square: bool = False
        weight: float = 1.0
        name: str = "a"

    @dataclass(frozen=True)
    class Other:
        part: Section = field(default_factory=Section)
        RELEASED: ClassVar[dict[str, object]] = {"part.square": True, "part.weight": Exactly(0)}

    assert departures(Other(Section(square=True, weight=2.0, name="b"))) == ["part.square=true"]
    assert departures(Other(Section(weight=0.0))) == ["part.weight=0.0"]
    assert departures(Section(square=True)) == [] and released_values(Section) == {}  # names none
