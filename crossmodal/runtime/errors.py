"""The one error the runtime raises when Jittor cannot run here."""

from __future__ import annotations


class SetupError(RuntimeError):
    """Jittor cannot run on this machine as it is; the message says why and what to do."""
