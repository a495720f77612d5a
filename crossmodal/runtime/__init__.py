"""Makes Jittor run here; use it as ``from crossmodal.runtime import jt``.

Nothing is imported before ``jt`` is first asked for.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Prepare and import Jittor on first use of ``jt`` (and only then)."""
    if name != "jt":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import jittor

    globals()["jt"] = jittor
    return jittor
