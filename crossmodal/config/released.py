"""Which settings of a run bring back what the released code did, and what its reports must say.

Every config class names those keys once, in its ``RELEASED``: key -> the released code's value. The
default of such a key is the paper's. A report that lists the departures cannot be mistaken for one
of the paper's method; docs/fidelity.md says what each does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

TARGET_LABELS = "target labels were used in training: not unsupervised"
TEST_EPOCH = "the test queries chose the epoch: every number on them is too good"
TEST_WATCHED = "the accuracy on the test shapes was logged in training; it chose nothing"
# What a key's name alone does not say.
SENTENCES = {"data.target_labels": TARGET_LABELS, "data.validation_from": TEST_EPOCH,
             "data.validation_on": TEST_WATCHED}


@dataclass(frozen=True)
class Exactly:
    """The released value of a number that anybody may tune: only this value is the departure."""

    value: Any


def released_values(kind: type[Any]) -> dict[str, Any]:
    """key -> the released code's value, in the order of the class; empty where it names none."""
    return {key: value.value if isinstance(value, Exactly) else value
            for key, value in _released(kind).items()}


def departures(config: Any, only: Collection[str] | None = None) -> list[str]:
    """``key=value`` of every setting of ``RELEASED`` that is not the paper's, in its order.

    config : of any class; without a ``RELEASED`` it has no such settings
    only : leave out other keys; None: all count
    """
    kind = type(config)
    paper = kind()
    found = [(key, value_of(config, key), value_of(paper, key), released)
             for key, released in _released(kind).items() if only is None or key in only]
    return [f"{key}={_text(value)}" for key, value, usual, released in found
            if (value == released.value if isinstance(released, Exactly) else value != usual)]


def notes(departed: Sequence[str]) -> list[str]:
    """What every log and report of a run with these `departures` has to say; empty without any."""
    keys = {text.partition("=")[0] for text in departed}
    said = [sentence for key, sentence in SENTENCES.items() if key in keys]
    return said + ([f"released behaviour, not the paper's: {', '.join(departed)}"]
                   if departed else [])


def value_of(config: Any, key: str) -> Any:
    """The value of ``section.key``."""
    for name in key.split("."):
        config = getattr(config, name)
    return config


def _released(kind: type[Any]) -> dict[str, Any]:
    return getattr(kind, "RELEASED", {})


def _text(value: Any) -> str:
    """As ``--set`` takes it."""
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
