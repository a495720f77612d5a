"""Style mixing as the released category-level code has it, for runs that measure what it costs.

The views have gone through the same stages as the pictures, but their numbers are cut anew: a piece
takes the place of a channel. Deviations take the place of variances, their roots that of
deviations, and the style that is put on is a constant: nothing is learnt of the views.
"""
from __future__ import annotations

from crossmodal.models.style_transition import Style
from crossmodal.runtime import jt

LEAST = 1e-8  # of a variance; below it, nothing flows through the deviation


def floored_deviations(features: jt.Var) -> Style:
    """(N, C) mean m and ``d = sqrt(max(mean(x (x - m)), 1e-8))`` of each channel: biased.

    features : (N, C, H, W)
    """
    mean = features.mean([2, 3])
    apart = features - mean.broadcast(features, [2, 3])
    return Style(mean, jt.sqrt(jt.maximum((features * apart).mean([2, 3]), LEAST)))


def recut_views(views: jt.Var, channels: int) -> jt.Var:
    """(S, V, C', H, W) maps -> (S, C, 1, n): a shape's numbers in C pieces of equal length.

    They run through (view, channel, row, column): with 4 views, a piece is four channels' maps of
    one view. channels : C, of the pictures' maps

    Raises ValueError where the numbers cannot be cut so.
    """
    numbers = views.numel() // views.shape[0]
    if numbers % channels:
        raise ValueError(f"{numbers} numbers of a shape cannot be cut into {channels} equal pieces")
    return views.reshape((views.shape[0], channels, 1, numbers // channels))


def released_category_style(content: jt.Var, views: jt.Var, permutation: jt.Var, mix: jt.Var,
                            eps: float = 1e-5) -> jt.Var:
    """``(x - m) / sqrt(d + eps) * sqrt(D + eps) + M``, released code.

    ``M = a m + (1 - a) m'[pi]``, ``D = a d + (1 - a) d'[pi]``; M and D are constants, the picture's
    own m and d in front of them are not.

    Parameters
    ----------
    content : (B, C, H, W) pictures' maps x; views : (S, V, C', H', W') maps of the shapes' views
    permutation : (B,) int, pi: which shape lends its style to a picture
    mix : (B,) float in [0, 1], a: 1 keeps the picture's own style

    Returns
    -------
    (B, C, H, W)
    """
    own = floored_deviations(content)
    other = floored_deviations(recut_views(views.detach(), content.shape[1]))
    keep = mix.unsqueeze(1)
    mean, spread = (keep * mine.detach() + (1.0 - keep) * theirs[permutation]
                    for mine, theirs in zip(own, other))
    scale = jt.sqrt(spread + eps) / jt.sqrt(own.spread + eps)
    shift = mean - own.mean * scale
    return content * scale.broadcast(content, [2, 3]) + shift.broadcast(content, [2, 3])
