"""The bytes of a pickle: no length in it is believed, and what it makes is counted."""

from __future__ import annotations

import os
from typing import BinaryIO

from crossmodal.runtime.limits import allowed, check_claim, in_words

# Bytes that a value may take with its copies, on the safe side: they bound the time, too.
COST = 175  # of any opcode
HOLDER = 250  # more, of a list, a tuple, a dict or one of its keys
CALL = 1000  # more, of what a call makes
SHORT = 256  # bytes that are read without asking whether they are there
LONGEST_NUMBER = 4400  # letters of a number that is written as text


class UnsafePickle(ValueError):
    """The pickle asks for something that is not on the allow-list; nothing of it was run."""


class BadPickle(ValueError):
    """The file is not a complete pickle of what was expected."""


class Stream:
    """A binary file from where it stands to its end, and the memory that its values may take.

    file_size : of the file that it is a part of, as of an archive; by default its own
    """

    def __init__(self, file: BinaryIO, file_size: int | None = None) -> None:
        self.file = file
        here = file.tell()
        self.size = file.seek(0, os.SEEK_END)
        file.seek(here)
        self.file_size = self.size if file_size is None else file_size
        self.memory = allowed(self.file_size)  # bytes that are left

    def take(self, count: int) -> bytes:
        """The next `count` bytes; raises BadPickle where there are fewer."""
        if count > SHORT and count > self.size - self.file.tell():
            raise BadPickle(f"it claims {in_words(count)} and has "
                            f"{in_words(self.size - self.file.tell())} left")
        data = self.file.read(count)
        if len(data) != count:
            raise BadPickle("it ends in the middle")
        return data

    def line(self, longest: int = -1) -> bytes:
        """The bytes up to the next line feed, which is left out."""
        line = self.file.readline(longest)
        if not line.endswith(b"\n"):
            full = len(line) == longest
            raise BadPickle(f"a number of more than {longest} letters" if full else
                            "it ends in the middle")
        return line[:-1]

    def spend(self, count: int) -> None:
        """Take `count` bytes of the memory; raises TooLarge where no more is left."""
        self.memory -= count
        if self.memory < 0:
            check_claim("what it holds", allowed(self.file_size) - self.memory, self.file_size)
