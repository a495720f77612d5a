"""Text of mesh files: in any encoding, as bytes, and as rows of numbers that know their lines."""

from __future__ import annotations

import codecs
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.runtime.safe_files import open_regular

MARKS = {  # UTF-32 first: its mark begins with that of UTF-16
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DIGITS = 30  # of an integer: to read one takes a time that grows with their square
AGAIN = "export the mesh again"  # the remedy for most files


@dataclass(frozen=True)
class Numbers:
    """Rows of numbers, laid end to end.

    values : (V,) float64, exactly as Python's float() reads them
    starts : (R,) int64 where each row begins in `values`; ends : (R,) where it ends
    lines  : the number of each row's line in the file
    """

    path: Path
    values: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    lines: Sequence[int]

    def refuse(self, wrong: np.ndarray, reason: str) -> None:
        """Raise MeshError naming the line of the first row that is `wrong`, (R,) bool, if any."""
        if wrong.any():
            line = self.lines[int(wrong.argmax())]
            raise MeshError(f"{self.path}: line {line}: {reason}; {AGAIN}")


@dataclass(frozen=True)
class Rows:
    """The lines of a text that hold more than blanks and comments.

    texts : what they hold
    lines : the number of each line in the file
    """

    path: Path
    texts: list[bytes]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.texts)

    def numbers(self, first: int, count: int, what: str) -> Numbers:
        """The rows from `first` on as numbers; `what` names such a row, as in "a vertex"."""
        texts, lines = self.texts[first:first + count], self.lines[first:first + count]
        ends = np.cumsum(np.fromiter(map(len, map(bytes.split, texts)), np.int64, len(texts)))
        try:
            # Words are split once more, all at once: keeping a list for each row takes longer.
            values = np.fromiter(map(float, b" ".join(texts).split()), np.float64)
        except ValueError as error:
            row = next(row for row, text in enumerate(texts) if not are_numbers(text.split()))
            raise MeshError(f"{self.path}: line {lines[row]}: {what} with {shown(texts[row])}, "
                            f"which is not all numbers; {AGAIN}") from error
        return Numbers(self.path, values, np.concatenate([[0], ends[:-1]])[:len(ends)], ends, lines)

    def refuse_more(self, used: int, declared: str) -> None:
        """Raise MeshError where a row of numbers follows the `used` ones, which were `declared`."""
        if len(self) > used and are_numbers(self.texts[used].split()):
            raise MeshError(f"{self.path}: line {self.lines[used]}: {shown(self.texts[used])} "
                            f"follows the {declared} that the file declares; {AGAIN}")


def read_bytes(path: Path) -> bytes:
    """All bytes of a file. Raises MeshError naming it where it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        raise MeshError(f"{path}: cannot be read ({error.strerror or error}); "
                        "check the file and who may read it") from error


def without_mark(data: bytes) -> bytes:
    """The bytes, as UTF-8 without byte order mark where such a mark names their encoding."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            text = data[len(mark):] if encoding == "utf-8" else data
            return text if encoding == "utf-8" else text.decode(encoding, "replace").encode()
    return data


def plain_text(data: bytes) -> bytes:
    """A text in an encoding that has ASCII in it, without what pads its end.

    Which encoding, nobody needs to know: only names and comments are more than ASCII.
    """
    return without_mark(data).rstrip(b"\0\x1a")


def rows_of(path: Path, data: bytes, first_line: int = 1) -> Rows:
    """The rows of a text, whose line ends may be of any system; ``#`` begins a comment."""
    lines = data.splitlines()
    if b"#" in data:
        lines = [line.partition(b"#")[0] for line in lines]
    lines = list(map(bytes.strip, lines))
    numbers = array("q", (number for number, line in enumerate(lines, first_line) if line))
    return Rows(path, list(filter(None, lines)), numbers)


def are_numbers(words: Sequence[bytes]) -> bool:
    """Whether float() reads every word."""
    try:
        for word in words:
            float(word)
    except ValueError:
        return False
    return True


def shown(text: bytes) -> str:
    """The first words of a text, quoted for a message."""
    plain = text[:200].decode("utf-8", "replace").strip()
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
                        for letter in plain)
    return f'"{printable[:40]}..."' if len(printable) > 40 else f'"{printable}"'
