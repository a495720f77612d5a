"""What can be wrong with a checkpoint."""

from __future__ import annotations

AGAIN = "use the other checkpoint of the run (best or last), or train again"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and the remedy."""
