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


def channel_statistics(features: jt.Var, eps: float = 1e-5) -> tuple[jt.Var, jt.Var]:
    """Per-channel mean and standard deviation of each item.

    Parameters
    ----------
    features : (B, C, H, W) one map an item, or (B, V, C, H, W) V maps an item; statistics run over
        H*W or V*H*W.
    eps : added to the variance before the root.

    Returns
    -------
    mean, std : (B, C) each
    """
    axes = [2, 3] if features.ndim == 4 else [1, 3, 4]
    mean = features.mean(axes)
    keep = (0, 1) if features.ndim == 4 else (0, 2)
    spread = features - mean.broadcast(features, [a for a in range(features.ndim) if a not in keep])
    return mean, jt.sqrt((spread * spread).mean(axes) + eps)


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
    mean_s, std_s = channel_statistics(content, eps)
    mean_t, std_t = channel_statistics(style, eps)
    keep = mix.unsqueeze(1)
    mean = keep * mean_s + (1.0 - keep) * mean_t[permutation]
    std = keep * std_s + (1.0 - keep) * std_t[permutation]
    scale = std / std_s
    shift = mean - mean_s * scale
    return content * scale.broadcast(content, [2, 3]) + shift.broadcast(content, [2, 3])
