"""Several gray views as the channels of one picture: fewer tokens a shape, as released."""
from __future__ import annotations

from typing import TypeVar

from crossmodal.config import ConfigError

Array = TypeVar("Array")  # a NumPy array or a Jittor variable


def stack_views(views: Array, channels: int) -> Array:
    """(S, V, 1, H, W) -> (S, V / channels, channels, H, W): neighbouring views make one token.

    With 12 views and 4 channels, views 0-3, 4-7 and 8-11. One channel: as they are. Raises
    ConfigError where the views do not fill the last stack.
    """
    shapes, count, gray, *size = views.shape  # type: ignore[attr-defined]
    if count * gray % channels:
        raise ConfigError(f"{count} views cannot be stacked {channels} at a time: data.views and "
                          "data.views_per_step must be multiples of that")
    return views.reshape(  # type: ignore[attr-defined]
        (shapes, count * gray // channels, channels, *size))
