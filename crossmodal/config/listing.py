"""All settings as a text: name, default, what it may be, and the comment that stands beside it."""

from __future__ import annotations

import dataclasses
import inspect
import io
import textwrap
import tokenize
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from crossmodal.config.differences import plain_text
from crossmodal.config.ranges import Inside
from crossmodal.config.typed import optional_of, section_types

_WIDTH = 96
_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def settings_text(kind: type[Any]) -> str:
    """A paragraph for each setting of a tree, below a heading for each section."""
    return "\n".join(_lines(kind(), ""))


def allowed(hint: Any) -> str:
    """``whole number between 0 and 256``: what a value of a type may be."""
    if optional_of(hint) is not None:
        return f"{allowed(optional_of(hint))}, or none"
    arguments = get_args(hint)
    if get_origin(hint) is Annotated:
        limits = ", ".join(map(str, arguments[1:]))
        return limits if isinstance(arguments[1], Inside) else f"{allowed(arguments[0])} {limits}"
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if get_origin(hint) is list:
        return f"list, each {allowed(arguments[0])}"
    if get_origin(hint) is tuple:
        return f"list of {len(arguments)}, each {allowed(arguments[0])}"
    return _WORDS[hint]


def comments(kind: type[Any]) -> dict[str, str]:
    """Field name -> the comment beside it, and the lines of comment that follow it at once."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            found.update(_comments_in(inspect.getsource(base)))
    return {item.name: found[item.name] for item in dataclasses.fields(kind) if item.name in found}


def _lines(defaults: Any, prefix: str) -> Iterator[str]:
    said = comments(type(defaults))
    for name, hint in section_types(type(defaults)).items():
        value = getattr(defaults, name)
        if dataclasses.is_dataclass(hint):
            yield f"\n{name}: {(inspect.getdoc(hint) or '').splitlines()[0]}\n"
            yield from _lines(value, f"{prefix}{name}.")
            continue
        plain = list(value) if isinstance(value, tuple) else value
        yield f"{prefix}{name} = {plain_text(plain)}   ({allowed(hint)})"
        yield from textwrap.wrap(said.get(name, ""), _WIDTH, initial_indent="    ",
                                 subsequent_indent="    ")


def _comments_in(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name, last = "", 0
    for token in tokenize.generate_tokens(io.StringIO(textwrap.dedent(source)).readline):
        row, column = token.start
        if token.type == tokenize.NAME and column == 4 and row != last:
            name, last = token.string, row
        elif token.type == tokenize.COMMENT and name and row <= last + 1:
            text = token.string.lstrip("# ")
            found[name] = f"{found[name]} {text}" if name in found else text
            last = row
    return found
