"""A checkpoint's state is json that anybody may have written: its kinds are looked at first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable, TypeVar

from crossmodal.checkpoint.errors import AGAIN, CheckpointError
from crossmodal.runtime.brief import brief

Record = TypeVar("Record")
LARGEST = 2**53  # of a counter
Test = Callable[[Any], bool]


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_table_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_table, value))


def _is_counter(value: Any) -> bool:
    return type(value) is int and abs(value) < LARGEST


def _is_figure(value: Any) -> bool:
    return _is_counter(value) or (type(value) is float and math.isfinite(value))


# What the keys that are read hold, where they are there.
KINDS: dict[str, tuple[Test, str]] = {
    "config": (_is_table, "a table"), "progress": (_is_table, "a table"),
    "config_hash": (_is_text, "a text"), "classes": (_is_texts, "a list of names"),
    "versions": (_is_table_of_texts, "a table of texts"),
    "converted": (_is_table_of_texts, "a table of texts"),
}
FIELDS: dict[type, tuple[Test, str]] = {
    int: (_is_counter, "a whole number"), float: (_is_figure, "a finite number"),
    dict: (_is_table, "a table"), list: (_is_list_of_tables, "a list of tables"),
}


def check_state(state: Mapping[str, Any], where: str | Path) -> None:
    """Raise CheckpointError for a key of `KINDS` whose value is of another kind."""
    for key, (test, kind) in KINDS.items():
        if key in state and not test(state[key]):
            raise _wrong(where, key, state[key], kind)


def required(state: Mapping[str, Any], key: str, where: str | Path) -> Any:
    """A key that must be in the state; raises CheckpointError without it."""
    if key not in state:
        raise CheckpointError(f"{where}: its state has no '{key}', which every training writes; "
                              f"{AGAIN}")
    return state[key]


def record_of(kind: type[Record], values: Mapping[str, Any], where: str | Path,
              key: str) -> Record:
    """A dataclass whose fields all have defaults, of the table at `key` of a state.

    Raises CheckpointError for an unknown field, and for one that is of another kind than its
    default: a whole number, a finite number, a table or a list of tables.
    """
    defaults = vars(kind())
    for name, value in values.items():
        if name not in defaults:
            raise CheckpointError(f"{where}: {brief(name)} of '{key}' in its state is unknown; "
                                  f"{AGAIN}")
        test, words = FIELDS[type(defaults[name])]
        if not test(value):
            raise _wrong(where, f"{key}.{name}", value, words)
    return kind(**values)


def _wrong(where: str | Path, key: str, value: Any, kind: str) -> CheckpointError:
    return CheckpointError(f"{where}: '{key}' of its state is {brief(value)}, not {kind}; {AGAIN}")
