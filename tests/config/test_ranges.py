"""Every number has a range, and what lies outside is told it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Optional, get_args, get_origin

import pytest

from crossmodal.config import CategoryConfig, Config, ConfigError, from_dict, load_tree, override
from crossmodal.config.load import tree_from_dict
from crossmodal.config.ranges import Between, FolderName
from crossmodal.config.typed import dotted_keys, section_types, type_of

LEVELS = pytest.mark.parametrize("kind", [Config, CategoryConfig])


@dataclass(frozen=True)
class Part:
    some: Annotated[int, Between(0, 8)] = 1
    none: Optional[Annotated[float, Between(0, 1, below=True)]] = None  # noqa: UP045
    pair: tuple[Annotated[float, Between(0, 1, above=True)], int] = (1.0, 1)
    several: list[Annotated[int, Between(1, 3)]] = field(default_factory=list)
    name: FolderName = "a"


@dataclass(frozen=True)
class Whole:
    part: Part = field(default_factory=Part)


def numbers(hint: Any, ranges: int = 0) -> Iterator[int]:
    """How many ranges stand around each int and float of a type."""
    if hint in (int, float):
        yield ranges
    here = sum(isinstance(item, Between) for item in get_args(hint)) \
        if get_origin(hint) is Annotated else 0
    for inner in get_args(hint):
        yield from numbers(inner, ranges + here)


@LEVELS
def test_every_number_of_a_tree_has_a_range(kind: type) -> None:
    without = [key for key in dotted_keys(kind) if 0 in numbers(type_of(kind, key, "test"))]
    assert not without
    assert sum(1 for key in dotted_keys(kind) for _ in numbers(type_of(kind, key, "test"))) > 40


def test_a_number_without_a_range_would_be_found() -> None:
    assert list(numbers(section_types(Part)["pair"])) == [1, 0]


@LEVELS
def test_the_defaults_are_in_their_ranges(kind: type) -> None:
    config = kind()
    assert tree_from_dict(kind, dataclasses.asdict(config), "defaults") == config


@pytest.mark.parametrize(("text", "words"), [
    ("part.some=9", "'part.some' must be between 0 and 8, not 9"),
    ("part.some=-1", "'part.some' must be between 0 and 8, not -1"),
    ("part.none=1", "'part.none' must be at least 0 and below 1, not 1.0"),
    ("part.pair=[0, 1]", "'part.pair' must be above 0 and at most 1, not 0.0"),
    ("part.several=[1, 4]", "'part.several' must be between 1 and 3, not 4"),
    ("part.name=../b", "'part.name' must be the name of a folder, inside the one it lies in, not "
                       "'../b'"),
    ("part.name=/b", "not '/b'"), ("part.name=", "not ''"), ("part.name=C:/b", "not 'C:/b'")])
def test_what_lies_outside_is_told_the_range(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        override(Whole(), [text])
    assert str(error.value).startswith("--set: 'part.") and words in str(error.value)


@pytest.mark.parametrize("text", ["part.some=0", "part.some=8", "part.none=none", "part.none=0",
                                  "part.none=0.5", "part.pair=[1, 1]", "part.several=[]",
                                  "part.several=[1, 3]", "part.name=b/c", "part.name=..."])
def test_what_lies_inside_is_taken(text: str) -> None:
    override(Whole(), [text])


@LEVELS
@pytest.mark.parametrize("text", [
    "data.workers=-1", "data.workers=100000", "data.batch_size=1", "data.batch_size=100000000",
    "data.views=0", "data.views=100000", "data.image_size=7", "data.image_size=1000000",
    "data.prefetch=0", "data.cache_mib=-1", "data.crop_margin=1000", "data.grayscale=1.5",
    "data.validation_fraction=1", "data.image_crop=[0, 1]", "data.crop_ratio=[-1, 1]", "optim.lr=0",
    "optim.lr=1e9", "log.log_every=0", "log.max_minutes=-1", "seed=9223372036854775808",
    "log.run_name=../../elsewhere", "log.run_name=/tmp/run", "data.name=../data"])
def test_settings_out_of_range(kind: type, text: str) -> None:
    key, _, value = text.partition("=")
    with pytest.raises(ConfigError, match=f"--set: '{key}' must be .*, not .+"):
        load_tree(kind, None, [text])


def test_the_range_holds_for_what_a_checkpoint_says() -> None:
    with pytest.raises(ConfigError, match="old: 'model.z_dim' must be between 1 and 8192, not 65"):
        from_dict({"model": {"z_dim": 65536}}, "old")


@pytest.mark.parametrize("values", [
    5, None, [], "x", {"data": 5}, {"data": []}, {"data": {"name": {}}}, {"seed": 10**400},
    {"seed": float("nan")}, {"optim": {"lr": 10**400}}, {"optim": {"lr": float("inf")}},
    {"optim": {"betas": {}}}, {"data": {"categories": [[]]}}, {"data": {"flip": "x" * 10**6}},
    {"x" * 10**6: 1}, {"data": {"name": "x" * 10**6}}, {"data": {"root": "\ud800"}}])
def test_whatever_a_checkpoint_says_is_refused_in_a_line(values: Any) -> None:
    with pytest.raises(ConfigError, match="^old: ") as error:
        from_dict(values, "old")
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_a_range_says_itself() -> None:
    assert str(Between(0, 256)) == "between 0 and 256"
    assert str(Between(0, 1, above=True)) == "above 0 and at most 1"
    assert str(Between(0, 1, below=True)) == "at least 0 and below 1"
    assert not Between(0, 1).holds(float("nan"))
