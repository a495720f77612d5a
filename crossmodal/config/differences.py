"""Which settings are not as by default: what a run says of itself in a few lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from crossmodal.config.load import to_dict

_WIDTH = 96


def differences(config: Any) -> dict[str, Any]:
    """``section.key`` -> value of every setting that is not its default, in the tree's order."""
    return dict(_different(to_dict(type(config)()), to_dict(config)))


def in_short(config: Any, file: Path) -> str:
    """The settings for a log: the file that holds them all, and those that are not by default."""
    changed = [f"{key}={plain_text(value)}" for key, value in differences(config).items()]
    if not changed:
        return f"settings: {file}; all of them as by default"
    rows = textwrap.wrap(" ".join(text.replace(" ", "\0") for text in changed), _WIDTH,
                         break_long_words=False, break_on_hyphens=False)
    lines = "".join(f"\n    {row}" for row in rows).replace("\0", " ")
    return f"settings: {file}; not as by default:{lines}"


def _different(defaults: Mapping[str, Any], values: Mapping[str, Any], prefix: str = ""
               ) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _different(defaults[key], value, f"{prefix}{key}.")
        elif value != defaults[key]:
            yield prefix + key, value


def plain_text(value: Any) -> str:
    """A value as --set takes it."""
    if isinstance(value, str):
        return value
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).partition("\n")[0]
