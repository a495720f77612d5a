"""Numbers on a command line: each has a range, which its help and its error say.

    add_whole(parser, "--size", 8, 4096, "pixels a side", 224)
    # --size N   pixels a side (8 to 4096; default 224)
    # argument --size: must be a whole number from 8 to 4096, not '5000'
"""

from __future__ import annotations

import argparse
import re
from typing import Any, Callable

from crossmodal.runtime.brief import brief

_WHOLE = re.compile(r"[-+]?[0-9]{1,30}")
_BITS = 63  # of a seed


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`, for an option's `type`."""

    def read(text: str) -> int:
        value = int(text) if _WHOLE.fullmatch(text.strip()) else None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {low} to {high}, not {brief(text)}")
        return value

    return read


def number(low: float, high: float) -> Callable[[str], float]:
    """A number from `low` to `high`, for an option's `type`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:  # NaN is nowhere
            raise argparse.ArgumentTypeError(
                f"must be a number from {low} to {high}, not {brief(text)}")
        return value

    return read


def add_whole(parser: argparse._ActionsContainer, flag: str, low: int, high: int, meaning: str,
              default: int | None = None) -> None:
    """Add an option that takes a whole number; where it has no default, `meaning` says what is."""
    _add(parser, flag, whole(low, high), f"{low} to {high}", meaning, default)


def add_number(parser: argparse._ActionsContainer, flag: str, low: float, high: float,
               meaning: str, default: float) -> None:
    """Add an option that takes a number."""
    _add(parser, flag, number(low, high), f"{low} to {high}", meaning, default)


def add_seed(parser: argparse._ActionsContainer) -> None:
    """Add --seed."""
    _add(parser, "--seed", whole(-2**_BITS, 2**_BITS - 1), f"of up to {_BITS} bits",
         "whole number that decides every random draw", 0)


def add_workers(parser: argparse._ActionsContainer, meaning: str = "processes") -> None:
    """Add --workers."""
    add_whole(parser, "--workers", 0, 256, f"{meaning}; 0: work in this process; default: one per "
              "usable core")


def _add(parser: argparse._ActionsContainer, flag: str, read: Callable[[str], Any], limits: str,
         meaning: str, default: Any) -> None:
    known = "" if default is None else f"; default {default}"
    parser.add_argument(flag, type=read, default=default, metavar="N",
                        help=f"{meaning} ({limits}{known})")
