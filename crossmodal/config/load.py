"""Reads a yaml of differences, applies ``--set`` overrides, prints and hashes the result."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, Union

import yaml

from crossmodal.config import plain_yaml
from crossmodal.config.earlier import in_todays_keys
from crossmodal.config.instance import Config
from crossmodal.config.released import departures, notes
from crossmodal.config.typed import ConfigError, build, parse, type_of
from crossmodal.runtime import paths
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.digest import text_digest
from crossmodal.runtime.safe_files import read_text

PathLike = Union[str, Path]
Tree = TypeVar("Tree")


def load_config(path: PathLike | None = None, overrides: Iterable[str] = ()) -> Config:
    """The instance-level config; see `load_tree`."""
    return load_tree(Config, path, overrides)


def load_tree(
    kind: type[Tree], path: PathLike | None = None, overrides: Iterable[str] = ()
) -> Tree:
    """Defaults of `kind`, then the yaml at `path`, then ``section.key=value`` overrides.

    `path` is looked for as given, then under the repository root.
    Raises ConfigError, naming the key and the file, for anything the tree does not take.
    """
    values: dict[str, Any] = {}
    where = "defaults"
    if path is not None:
        try:
            found = paths.find(path)
        except FileNotFoundError as error:
            raise ConfigError(f"no such config: {error}") from error
        except (OSError, ValueError, RuntimeError) as error:  # a name that no file can have
            raise ConfigError(f"no such config: {brief(str(path))}: {one_line(error)}") from error
        values, where = read_yaml(found), str(found)
    return override(build(kind, values, where), overrides)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a yaml file; an empty file is an empty mapping."""
    try:
        values = plain_yaml.load(read_text(path, plain_yaml.LARGEST))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or one_line(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not a readable yaml file: {one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: expected `key: value` lines, found {type(values).__name__}")
    return dict(values)


def override(config: Tree, overrides: Iterable[str], where: str = "--set") -> Tree:
    """A copy of `config` with ``section.key=value`` texts applied in order, then checked."""
    kind = type(config)
    values = to_dict(config)
    for text in overrides:
        path, value = _split(kind, text, where)
        section = values
        for name in path[:-1]:
            section = section[name]
        section[path[-1]] = value
    return build(kind, values, where)


def _split(kind: type[Any], text: str, where: str) -> tuple[list[str], Any]:
    """``"data.views=4"`` -> ``(["data", "views"], 4)``."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals:
        raise ConfigError(f"{where}: expected key=value, found {brief(text)}")
    hint = type_of(kind, key, where)
    return key.split("."), parse(hint, value.strip(), key, where)


def from_dict(values: Mapping[str, Any], where: str) -> Config:
    """A config from nested mappings, for example the ones a checkpoint carries."""
    return tree_from_dict(Config, values, where)


def tree_from_dict(kind: type[Tree], values: Mapping[str, Any], where: str) -> Tree:
    """The same for any tree of dataclasses; keys of earlier versions are read, too."""
    return build(kind, in_todays_keys(kind, values), where)


def to_dict(config: Any) -> dict[str, Any]:
    """Every key, as nested plain dicts, lists and scalars (json and yaml can hold it)."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def to_yaml(config: Any) -> str:
    """Every key, resolved, in the tree's order."""
    return yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True)


def noted_yaml(config: Any) -> str:
    """The same below what a reader of the run must know, as comments."""
    return "".join(f"# {note}\n" for note in notes(departures(config))) + to_yaml(config)


# Keys that say where and how loudly a run works, not what it computes.
CIRCUMSTANCES = ("device", "log", "data.workers", "data.prefetch", "data.cache_mib", "data.root")


def without(values: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Nested `values` less some ``section.key`` or whole sections."""
    keys = set(keys)
    ends = {key: {rest[len(key) + 1:] for rest in keys if rest.startswith(f"{key}.")}
            for key in values}
    return {key: without(value, ends[key]) if ends[key] and isinstance(value, Mapping) else value
            for key, value in values.items() if key not in keys}


def config_hash(config: Any) -> str:
    """12 hex digits of the SHA-256 of what the resolved config computes: not where, nor how loudly.

    Key order does not matter, nor do `CIRCUMSTANCES`: run name, workers, device, folders.
    """
    text = json.dumps(without(to_dict(config), CIRCUMSTANCES), sort_keys=True)
    return text_digest(text)[:12]
