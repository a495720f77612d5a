"""What can be wrong with a file of weights."""

from __future__ import annotations

TENSOR = 4096  # bytes and more of work that an array takes besides its numbers


class WeightsError(ValueError):
    """A file of weights that cannot be used; the message names the file and the remedy."""
