"""Style transition, the "style-mixed bridge": image features in the style of shapes' renders."""
from __future__ import annotations

from typing import NamedTuple

from crossmodal.runtime import jt, seeds


class StyleDraw(NamedTuple):
    """One random draw of the style transition for a batch: pi (B,) int and a (B,) in [0, 1]."""

    permutation: jt.Var
    mix: jt.Var

    @classmethod
    def of(cls, images: int, shapes: int, seed: int, *keys: int) -> StyleDraw:
        """pi and a for so many images, with so many shapes to lend a style, from (seed, *keys)."""
        rng = seeds.generator(seed, "style", *keys)
        order = rng.permutation(max(images, shapes))[:images] % shapes
        mix = rng.random(images).astype("float32")
        return cls(jt.array(order.astype("int32")), jt.array(mix))


class Style(NamedTuple):
    """What a style is: (B, C) mean and (B, C) spread of every item's channels."""

    mean: jt.Var
    spread: jt.Var


def channel_statistics(features: jt.Var, eps: float = 1e-5) -> Style:
    """Per-channel mean and standard deviation of each item.

    Parameters
    ----------
    features : (B, C, H, W) one map an item, or (B, V, C, H, W) V maps an item; statistics run over
        H*W or V*H*W.
    eps : added to the variance before the root.

    Returns
    -------
    mean and standard deviation, (B, C) each
    """
    axes = [2, 3] if features.ndim == 4 else [1, 3, 4]
    mean = features.mean(axes)
    keep = (0, 1) if features.ndim == 4 else (0, 2)
    apart = features - mean.broadcast(features, [a for a in range(features.ndim) if a not in keep])
    return Style(mean, jt.sqrt((apart * apart).mean(axes) + eps))


def style_transition(content: jt.Var, style: jt.Var, permutation: jt.Var, mix: jt.Var,
                     eps: float = 1e-5) -> jt.Var:
    """Give every image's features a style between its own and that of a random shape.

    ``(f_s - mu_s) / sigma_s * sigma + mu`` with ``mu = a mu_s + (1 - a) mu_t[pi]`` and ``sigma``
    likewise (SC-IBSR, section "style transition"). Differentiable in both feature maps.

    Parameters
    ----------
    content : (B, C, H, W) image features f_s
    style : (B, V, C, H, W) features f_t of as many shapes, V views each
    permutation : (B,) int, pi: which shape lends its style to image i
    mix : (B,) float in [0, 1], a: 1 keeps the image's own style

    Returns
    -------
    (B, C, H, W) style-mixed features f_st
    """
    return mix_styles(content, channel_statistics(content, eps), channel_statistics(style, eps),
                      permutation, mix)


def mix_styles(content: jt.Var, own: Style, other: Style, permutation: jt.Var,
               mix: jt.Var) -> jt.Var:
    """``style_transition`` where the styles are known: the images' (B, C), the shapes' (S, C)."""
    keep = mix.unsqueeze(1)
    mean = keep * own.mean + (1.0 - keep) * other.mean[permutation]
    spread = keep * own.spread + (1.0 - keep) * other.spread[permutation]
    scale = spread / own.spread
    shift = mean - own.mean * scale
    return content * scale.broadcast(content, [2, 3]) + shift.broadcast(content, [2, 3])
