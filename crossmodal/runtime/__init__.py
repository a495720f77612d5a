"""Makes Jittor run here; use it as ``from crossmodal.runtime import jt``.

Nothing heavy is imported before ``jt`` is first asked for.
"""

from __future__ import annotations

from typing import Any

from crossmodal.runtime.errors import SetupError

__all__ = ["SetupError", "jt"]


def __getattr__(name: str) -> Any:
    """Prepare and import Jittor on first use of ``jt`` (and only then)."""
    if name != "jt":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from crossmodal.runtime.jittor_setup import load_jittor

    jt = load_jittor()
    globals()["jt"] = jt
    return jt
