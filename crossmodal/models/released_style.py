"""Style statistics as the released code takes them, for runs that measure what that costs.

Two departures from the paper, each with its own setting: the spread of a channel is the fourth root
of its variance (``model.style_spread``), and a shape's style comes from the query tower's stem, cut
into as many pieces as the features at the split have channels (``model.style_statistics``).
"""
from __future__ import annotations

from crossmodal.config import ConfigError
from crossmodal.models.style_transition import Style, channel_statistics
from crossmodal.runtime import jt


def style_statistics(features: jt.Var, spread: str = "std") -> Style:
    """(B, C) statistics of (B, C, H, W) or (B, V, C, H, W) features: "std" or "root-std" spread."""
    return channel_statistics(features) if spread == "std" else root_statistics(features)


def root_statistics(features: jt.Var, eps: float = 1e-5) -> Style:
    """Mean and ``sqrt(sqrt(E[x^2] - mean^2))``, the released code's "variance" and its root.

    Where rounding makes the difference negative the released code's statistics are not a number,
    and a channel that is constant is divided by zero; here the difference counts as at least
    ``eps ** 2``, which gives a constant channel the spread it has in the paper's formula,
    ``sqrt(eps)``, and no gradient through it.

    features : (B, C, H, W) or (B, V, C, H, W)
    """
    axes = [2, 3] if features.ndim == 4 else [1, 3, 4]
    mean = features.mean(axes)
    variance = (features * features).mean(axes) - mean * mean
    return Style(mean, jt.sqrt(jt.sqrt(jt.maximum(variance, eps * eps))))


def recut_statistics(stem: jt.Var, shapes: int, channels: int, spread: str = "std") -> Style:
    """(S, C) statistics of a shape's stem maps after ``view(S, C, -1)``.

    The numbers of all a shape's maps, in the order (stack, map, row, column), are cut into C pieces
    of equal length, whatever map or stack they come from: with 3 stacks of 64 maps of 56 x 56 and
    C = 512, a piece is 1176 numbers, three eighths of a map.

    Parameters
    ----------
    stem : (S * T, C0, H, W), the T stacks of a shape one after the other
    shapes : S
    channels : C, of the image features that take the style
    spread : "std" or "root-std"

    Raises ConfigError where the numbers cannot be cut into C pieces.
    """
    count = stem.numel() // shapes
    if count % channels:
        raise ConfigError(
            f"model.style_statistics=stem-released: {stem.shape[0] // shapes} x {stem.shape[1]} x "
            f"{stem.shape[2]} x {stem.shape[3]} numbers of a shape cannot be cut into {channels} "
            "equal pieces; choose another data.views_per_step, data.view_size or model.split")
    return style_statistics(stem.reshape(shapes, channels, 1, count // channels), spread)
