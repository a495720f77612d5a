"""Values from files in messages: a line of them, however large they are."""

from __future__ import annotations

from typing import Any

LONGEST = 60  # letters of a value that are shown


def brief(value: Any) -> str:
    """What a value is, in at most some 80 letters and without going through all of it.

    A list that holds itself, a number of a million digits and a text of a gigabyte cost nothing.
    """
    if isinstance(value, (str, bytes)):
        more = "..." if len(value) > LONGEST else ""
        return f"{value[:LONGEST]!r}{more}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float, complex)):
        return repr(value)
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return _container(value)
    return f"a {type(value).__name__}"


def one_line(error: BaseException | str, longest: int = 200) -> str:
    """An error's message on one line; that of a parser may have a line a place."""
    text = str(error) if not isinstance(error, UnicodeDecodeError) else error.reason
    if isinstance(error, BaseException) and (not text or isinstance(error, KeyError)):
        text = f"{type(error).__name__} {text}".strip()
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest else f"{line[:longest]}..."


def _container(value: Any) -> str:
    """A short flat list, tuple or dict as it is; of others, how long they are."""
    if len(value) <= 8 and not isinstance(value, (set, frozenset)):
        parts = [*value, *(value.values() if isinstance(value, dict) else ())]
        if all(map(_is_short, parts)):
            return repr(value)
    return f"a {type(value).__name__} of {len(value)}"


def _is_short(part: Any) -> bool:
    if isinstance(part, (str, bytes)):
        return len(part) <= 20
    return part is None or isinstance(part, (bool, float)) or (
        isinstance(part, int) and part.bit_length() <= 64)
