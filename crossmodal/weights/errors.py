"""What can be wrong with a file of weights."""

from __future__ import annotations

TENSOR = 1024  # bytes that an array takes besides its numbers: a million empty ones are too many


class WeightsError(ValueError):
    """A file of weights that cannot be used; the message names the file and the remedy."""
