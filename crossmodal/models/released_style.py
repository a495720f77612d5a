"""Style mixing as the released instance-level code has it, for runs that measure what that costs.

A shape's style comes from the query tower's stem: the numbers of its stem maps are cut into as many
pieces as the pictures' features at the split have channels, whatever map or view a number is of.
Deviations take the place of variances, and their roots that of deviations.
"""
from __future__ import annotations

from crossmodal.config import ConfigError
from crossmodal.models.style_transition import Style
from crossmodal.runtime import jt

LEAST = 1e-12  # of a variance; where rounding makes it negative, the released code has no number


def deviations(features: jt.Var) -> Style:
    """Mean and ``d = sqrt(mean(x (x - mean)))`` of each channel: biased, nothing added.

    features : (B, C, H, W) or (B, V, C, H, W)
    """
    axes = [2, 3] if features.ndim == 4 else [1, 3, 4]
    mean = features.mean(axes)
    apart = features - mean.broadcast(features, axes)
    return Style(mean, jt.sqrt(jt.maximum((features * apart).mean(axes), LEAST)))


def recut_deviations(stem: jt.Var, shapes: int, channels: int) -> Style:
    """(S, C) statistics of a shape's stem maps after ``view(S, C, -1)``.

    The numbers of all a shape's maps, in the order (stack, map, row, column), are cut into C pieces
    of equal length, whatever map or stack they come from: with 3 stacks of 64 maps of 56 x 56 and
    C = 512, a piece is 1176 numbers, three eighths of a map.

    Parameters
    ----------
    stem : (S * T, C0, H, W), the T stacks of a shape one after the other
    shapes : S
    channels : C, of the image features that take the style

    Raises ConfigError where the numbers cannot be cut into C pieces.
    """
    count = stem.numel() // shapes
    if count % channels:
        raise ConfigError(
            f"model.style_form=released: {stem.shape[0] // shapes} x {stem.shape[1]} x "
            f"{stem.shape[2]} x {stem.shape[3]} numbers of a shape cannot be cut into {channels} "
            "equal pieces; choose another data.views_per_step, data.view_size or model.split")
    return deviations(stem.reshape(shapes, channels, 1, count // channels))


def mix_deviations(content: jt.Var, own: Style, other: Style, permutation: jt.Var, mix: jt.Var,
                   eps: float = 1e-5) -> jt.Var:
    """``(x - m) / sqrt(d + eps) * sqrt(D + eps) + M``, differentiable in all of it.

    ``M = a m + (1 - a) m'[pi]`` and ``D = a d + (1 - a) d'[pi]``, of deviations d: the root of a
    deviation is twice the root of the variance.

    content : (B, C, H, W); own : the pictures' statistics (B, C); other : the shapes' (S, C)
    permutation, mix : (B,) pi and a
    """
    keep = mix.unsqueeze(1)
    mean = keep * own.mean + (1.0 - keep) * other.mean[permutation]
    spread = keep * own.spread + (1.0 - keep) * other.spread[permutation]
    scale = jt.sqrt(spread + eps) / jt.sqrt(own.spread + eps)
    shift = mean - own.mean * scale
    return content * scale.broadcast(content, [2, 3]) + shift.broadcast(content, [2, 3])
