"""Checks plain values (from yaml, json or a command line) against the types of a dataclass tree.

A value may be anything at all: messages show of it what `brief` does.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from crossmodal.config import plain_yaml
from crossmodal.config.ranges import Between, Inside
from crossmodal.runtime.brief import brief

LONGEST_TEXT = 4096  # letters of a name or path, as file systems have it
_NOTHING = ("", "none", "null", "~")  # the same in a file and on a command line
_NO_NAME = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # in no name or path


class ConfigError(ValueError):
    """A setting that cannot be used; the message names the key, where it stands and a remedy."""


def section_types(kind: Any) -> dict[str, Any]:
    """Field name -> type of a dataclass, annotations resolved; ``Annotated`` stays."""
    hints = get_type_hints(kind, include_extras=True)
    return {item.name: hints[item.name] for item in dataclasses.fields(kind)}


def dotted_keys(kind: Any, prefix: str = "") -> Iterator[str]:
    """Every leaf of the tree as ``section.key``."""
    for name, hint in section_types(kind).items():
        if dataclasses.is_dataclass(hint):
            yield from dotted_keys(hint, f"{prefix}{name}.")
        else:
            yield prefix + name


def type_of(kind: type[Any], key: str, where: str) -> Any:
    """The type of ``section.key``. Raises ConfigError where the tree has no such key."""
    hint: Any = kind
    for name in key.split("."):
        if not dataclasses.is_dataclass(hint) or name not in section_types(hint):
            raise unknown_key(kind, key, where)
        hint = section_types(hint)[name]
    if dataclasses.is_dataclass(hint):
        raise ConfigError(f"{where}: '{key}' is a section; set one of its keys, as in {key}.key=1")
    return hint


def unknown_key(kind: type[Any], key: str, where: str) -> ConfigError:
    """The error for a key that is not in the tree, naming the nearest one that is."""
    keys = list(dotted_keys(kind))
    if len(key) > 2 * max(map(len, keys)):
        return ConfigError(f"{where}: unknown key {brief(key)}")
    last = key.rsplit(".", 1)[-1]
    near = [k for k in keys if k.rsplit(".", 1)[-1] == last]  # only its section is wrong
    near = near or difflib.get_close_matches(key, keys, n=1, cutoff=0.75)
    if not near:
        ends = difflib.get_close_matches(last, [k.rsplit(".", 1)[-1] for k in keys], n=1)
        near = [k for k in keys if ends and k.rsplit(".", 1)[-1] == ends[0]]
    hint = f"did you mean '{near[0]}'?" if near else "a script's --settings lists those there are"
    return ConfigError(f"{where}: unknown key {brief(key)}; {hint}")


def build(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """A `kind` with `values` (nested mappings) over its defaults, checked."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected settings by their keys, found {brief(values)}")
    return _build(kind, kind, values, where, "")


def _build(
    root: type[Any], kind: type[Any], values: Mapping[str, Any], where: str, prefix: str
) -> Any:
    types = section_types(kind)
    given = {}
    for name, value in values.items():
        if name not in types:
            shown = name if isinstance(name, str) else brief(name)
            raise unknown_key(root, f"{prefix}{shown}", where)
        key = f"{prefix}{name}"
        if dataclasses.is_dataclass(types[name]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{where}: '{key}' is a section; put its keys under it")
            given[name] = _build(root, types[name], value, where, f"{key}.")
        else:
            given[name] = coerce(types[name], value, key, where)
    section = kind(**given)
    for problem in section.problems() if hasattr(section, "problems") else ():
        raise ConfigError(f"{where}: {prefix}{problem}")
    return section


def parse(hint: Any, text: str, key: str, where: str) -> Any:
    """The value that `text` of a command line means for type `hint`."""
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if plain is str or (get_origin(hint) is Literal and text in get_args(hint)):
        return coerce(hint, text, key, where)
    inner = optional_of(hint)
    if inner is not None:
        if text.lower() in _NOTHING:
            return None
        return parse(inner, text, key, where)
    try:
        value = plain_yaml.load(text)
    except plain_yaml.BadYaml as error:
        raise ConfigError(f"{where}: cannot read the value of '{key}': {error}") from error
    return coerce(hint, value, key, where)


def optional_of(hint: Any) -> Any:
    """``T`` of ``Optional[T]``, else None."""
    arguments = get_args(hint)
    if get_origin(hint) is Union and type(None) in arguments:
        return next(item for item in arguments if item is not type(None))
    return None


def coerce(hint: Any, value: Any, key: str, where: str) -> Any:
    """`value` as type `hint`: exact, but an int is a float and a list is a tuple."""
    inner = optional_of(hint)
    if inner is not None:
        nothing = value is None or (isinstance(value, str) and value.lower() in _NOTHING)
        return None if nothing else coerce(inner, value, key, where)
    if get_origin(hint) is Annotated:
        return _within(hint, value, key, where)
    if get_origin(hint) is Literal:
        return _choice(get_args(hint), value, key, where)
    if get_origin(hint) in (list, tuple):
        return _sequence(hint, value, key, where)
    if hint is float:
        value = _number(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{where}: '{key}' must be a finite number, not {value}")
    if hint is int and isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)  # 010, which yaml leaves a text, for it may be a name
    if type(value) is not hint:
        raise _wrong_type(hint.__name__, value, key, where)
    if hint is str:
        _check_text(value, key, where)
    return value


def _number(value: Any) -> Any:
    """A float from an int, or from ``5e-5``, which yaml 1.1 takes for a string."""
    if type(value) in (int, str):
        try:
            return float(value)
        except ValueError:
            return value
        except OverflowError:  # of more than 308 digits
            return math.inf
    return value


def _within(hint: Any, value: Any, key: str, where: str) -> Any:
    inner, *limits = get_args(hint)
    value = coerce(inner, value, key, where)
    for limit in limits:
        if isinstance(limit, (Between, Inside)) and not limit.holds(value):
            raise ConfigError(f"{where}: '{key}' must be {limit}, not {brief(value)}")
    return value


def _check_text(text: str, key: str, where: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise ConfigError(f"{where}: '{key}' must have at most {LONGEST_TEXT} letters, not "
                          f"{len(text)}")
    if _NO_NAME.search(text):
        raise ConfigError(f"{where}: '{key}' has a letter that no name can have: {brief(text)}")


def _choice(choices: tuple[Any, ...], value: Any, key: str, where: str) -> Any:
    if any(type(value) is type(item) and value == item for item in choices):
        return value
    # Unquoted `none` and `no` never reach here as a word: yaml turns some words into values.
    if value is None and "none" in choices:
        return "none"
    listed = ", ".join(str(item) for item in choices)
    raise ConfigError(f"{where}: '{key}' must be one of {listed}; found {brief(value)}")


def _sequence(hint: Any, value: Any, key: str, where: str) -> Any:
    if not isinstance(value, (list, tuple)):
        raise _wrong_type("list", value, key, where)
    types = get_args(hint)
    if get_origin(hint) is list:
        return [coerce(types[0], item, key, where) for item in value]
    if len(value) != len(types):
        raise ConfigError(f"{where}: '{key}' needs {len(types)} values, found {len(value)}")
    return tuple(coerce(one, item, key, where) for one, item in zip(types, value))


def _wrong_type(expected: str, value: Any, key: str, where: str) -> ConfigError:
    found = type(value).__name__
    return ConfigError(f"{where}: '{key}' must be a {expected}, found {found} {brief(value)}")
