"""Java .properties files (ISO-8859-1 text, backslash escapes, continued lines)."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 1_000_000  # letters of a line with those that continue it
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NAMED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_PAIR = re.compile(r"((?:[^\\=:\s]+|\\.)*)(?:\s*[=:]\s*|\s+)?(.*)", re.DOTALL)


def parse_properties(content: bytes) -> dict[str, str]:
    """{key: value}; as in Java, the last of several equal keys wins.

    Raises ValueError for a line of more than LONGEST letters.
    """
    found = {}
    for line in _logical_lines(content.decode("iso-8859-1")):
        if len(line) > LONGEST:
            raise ValueError(f"a line of {len(line)} letters; at most {LONGEST} are read")
        match = _PAIR.match(line)
        if match:
            found[_unescape(match.group(1))] = _unescape(match.group(2))
    return found


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments and blanks, continued ones joined."""
    pending: list[str] = []
    for raw in re.split(r"\r\n|\n|\r", text):
        line = raw.lstrip(" \t\f")
        if not pending and (not line or line[0] in "#!"):
            continue
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            pending += [line[:-1]] if len(line) > 1 else []
            continue
        yield "".join([*pending, line])
        pending.clear()
    if pending:
        yield "".join(pending)


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] == "u" and len(code) == 5:
            return chr(int(code[1:], 16))
        return _NAMED.get(code, code)

    return _ESCAPE.sub(replace, text)
