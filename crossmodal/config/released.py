"""Which settings of a run bring back what the released code did, and what its reports must say.

Every config class names those keys once, in its ``RELEASED``: key -> the released code's value. The
default of such a key is the paper's. A report that lists the departures cannot be mistaken for one
of the paper's method.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

TARGET_LABELS = "target labels were used in training: not unsupervised"
SENTENCES = {"data.target_labels": TARGET_LABELS}  # what a key's name alone does not say


def departures(config: Any, only: Collection[str] | None = None) -> list[str]:
    """``key=value`` of every setting of ``RELEASED`` that is not the paper's, in its order.

    config : of any class; without a ``RELEASED`` it has no such settings
    only : leave out other keys; None: all count
    """
    return [f"{key}={_text(found)}" for key, found, paper in _released_settings(config)
            if found != paper and (only is None or key in only)]


def notes(config: Any, only: Collection[str] | None = None) -> list[str]:
    """What every log and report of a run has to say; empty where all is the paper's."""
    found = departures(config, only)
    said = [sentence for key, sentence in SENTENCES.items()
            if any(text.startswith(f"{key}=") for text in found)]
    return said + ([f"released behaviour, not the paper's: {', '.join(found)}"] if found else [])


def value_of(config: Any, key: str) -> Any:
    """The value of ``section.key``."""
    for name in key.split("."):
        config = getattr(config, name)
    return config


def _released_settings(config: Any) -> Iterable[tuple[str, Any, Any]]:
    """(key, value here, the paper's value)"""
    paper = type(config)()
    for key in getattr(type(config), "RELEASED", {}):
        yield key, value_of(config, key), value_of(paper, key)


def _text(value: Any) -> str:
    """As ``--set`` takes it."""
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
