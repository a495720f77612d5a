"""Which settings of an instance-level run are the released code's and not the paper's.

Reports list them, so that no number of such a run is taken for the method's; docs/fidelity.md says
what each does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from crossmodal.config.instance import Config

# Key -> whether a value of it is the released behaviour.
_RELEASED: dict[str, Callable[[Any], bool]] = {
    "data.mask_dir_lists": lambda value: value == "train",
    "data.train_masks": lambda value: value == "raw",
    "data.validation_from": lambda value: value == "test",
    "model.view_channels": lambda value: value != 1,
    "model.style_statistics": lambda value: value == "stem-released",
    "model.style_spread": lambda value: value == "root-std",
    "model.stem_start": lambda value: value == "random",
    "loss.plain_query": lambda value: value == 0,
    "loss.bridge_gradient": lambda value: not value,
    "loss.consistency_temperature": lambda value: value == 1,
    "loss.consistency_axis": lambda value: value == "columns",
    "loss.contrast_pairs": lambda value: value == "slot",
}
RELEASED_KEYS = tuple(_RELEASED)
AT_TEST = ("data.mask_dir_lists",)  # what a test takes from its own configuration


def released_behaviour(config: Config, keys: Iterable[str] = RELEASED_KEYS) -> list[str]:
    """``section.key=value`` of every key that is set as the released code behaves."""
    found = []
    for key in keys:
        section, name = key.split(".")
        value = getattr(getattr(config, section), name)
        if _RELEASED[key](value):
            found.append(f"{key}={str(value).lower() if isinstance(value, bool) else value}")
    return found
