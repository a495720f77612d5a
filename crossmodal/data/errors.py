"""What can be wrong with a data set."""

from __future__ import annotations

from collections.abc import Sequence

from crossmodal.runtime.brief import one_line


class DataError(ValueError):
    """A data set that cannot be used; the message names the file and the remedy."""


class SampleError(DataError):
    """One picture or shape that cannot be read; it costs that sample, not the run."""


def some(bad: Sequence[object], total: int, what: str) -> str:
    """``3 of 783 shapes (first: chair/chair_012)``, on a line."""
    return f"{len(bad)} of {total} {what} (first: {one_line(str(bad[0]), 300)})"
