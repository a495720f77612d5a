"""What a file's bytes, or a text, are: as a short text."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


def text_digest(text: str) -> str:
    """sha256 of a text, as hexadecimal text."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_digest(*rooms: str) -> str:
    """sha256 of the source files of rooms of this package, ``models`` and so on.

    It is a part of a cache's name: what other code has computed is computed again.
    """
    package = Path(__file__).resolve().parents[1]
    files = sorted(path for room in rooms for path in (package / room).rglob("*")
                   if path.suffix in (".py", ".cpp", ".h"))
    return text_digest(" ".join(f"{path.relative_to(package)} {file_digest(path)}"
                                for path in files))


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
