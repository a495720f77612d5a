"""What the released instance-level code computes where it departs from the paper, in PyTorch.

Style statistics of re-cut stem maps and with the root taken twice, consistency with softmax over
the other axis and no temperature, contrast with shifted pairs, and an objective in which these two
have no gradient and the plain query none at all.
"""

from __future__ import annotations

import formula
import numpy as np
import torch
import torch.nn.functional as F
import torch_formulas as math


def moments(pieces: torch.Tensor, root: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, C, N) -> mean and spread (B, C)."""
    if root:
        var = torch.sqrt((pieces**2).mean(2) - pieces.mean(2) ** 2)  # called so, but a deviation
        return pieces.mean(2), torch.sqrt(var)
    return pieces.mean(2), torch.sqrt(pieces.var(2, unbiased=False) + 1e-5)


def mixed(content: torch.Tensor, pieces: torch.Tensor, permutation: torch.Tensor,
          mix: torch.Tensor, root: bool) -> torch.Tensor:
    """content (B, C, H, W) in the style of pieces (S, C, N)."""
    a = mix.to(content.dtype)[:, None]
    mean_s, spread_s = moments(content.flatten(2), root)
    mean_t, spread_t = (part[permutation] for part in moments(pieces, root))
    mean = (a * mean_s + (1 - a) * mean_t)[..., None, None]
    spread = (a * spread_s + (1 - a) * spread_t)[..., None, None]
    return (content - mean_s[..., None, None]) / spread_s[..., None, None] * spread + mean


def stem_style(content: torch.Tensor, stem: torch.Tensor, permutation: torch.Tensor,
               mix: torch.Tensor, root: bool) -> torch.Tensor:
    """stem (3B, C0, h, w), three stacks of views a shape, seen as (B, C, -1)."""
    return mixed(content, stem.view(len(stem) // 3, content.shape[1], -1), permutation, mix, root)


def split_style(content: torch.Tensor, style: torch.Tensor, permutation: torch.Tensor,
                mix: torch.Tensor) -> torch.Tensor:
    """style (B, V, C, h, w), each channel over all views, with the root taken twice."""
    return mixed(content, style.transpose(1, 2).flatten(2), permutation, mix, True)


def consistency_loss(plain: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    similarity = plain @ mixed.T
    p, q = F.softmax(similarity, 0), F.softmax(similarity.T, 0)
    return 0.5 * ((p * (p / q).log()).sum(1) + (q * (q / p).log()).sum(1)).mean()


def objective(plain: torch.Tensor, mixed: torch.Tensor, tokens: torch.Tensor, w_in: torch.Tensor,
              image_shape: torch.Tensor, shape_category: torch.Tensor) -> torch.Tensor:
    """``L_inst + 0.2 L_cat`` of the mixed queries; the other two only add to the value."""
    scores = math.attention_scores(mixed, tokens, w_in)
    same_category = shape_category[image_shape][:, None] == shape_category[None, :]
    learnt = math.instance_loss(scores, F.one_hot(image_shape, len(tokens)).bool()) \
        + 0.2 * math.category_loss(scores, same_category)
    slots = torch.arange(len(mixed))
    with torch.no_grad():
        shown = consistency_loss(plain, mixed) + math.contrast_loss(
            mixed, F.normalize(tokens.mean(1), dim=1), slots, slots)
    return learnt + shown + 0 * plain.sum()  # the plain query is there, and learns nothing


def cases() -> dict[str, tuple]:
    """Case -> function, inputs with a gradient, constants; see make_golden.py."""
    content = formula.uniform("content", (4, 6, 5, 5))
    fixed = {"permutation": np.array([2, 0, 1, 1]),
             "mix": np.array([0.0, 0.3, 0.8, 1.0], np.float32)}
    stem = {"content": content, "stem": formula.uniform("stem", (12, 4, 4, 4), -2, 3)}
    split = {"content": content, "style": formula.uniform("style", (4, 3, 6, 4, 4), -2, 3)}
    rows = {name: formula.unit_rows(name, (6, 8)) for name in ("plain", "mixed")}
    whole = {**rows, "tokens": formula.unit_rows("tokens", (6, 3, 8)),
             "w_in": formula.uniform("w", (8, 8))}
    return {
        "stem.std": (lambda **a: stem_style(**a, root=False), stem, fixed),
        "stem.root": (lambda **a: stem_style(**a, root=True), stem, fixed),
        "split.root": (split_style, split, fixed),
        "consistency": (consistency_loss, rows, {}),
        "objective": (objective, whole, {"image_shape": np.array([0, 1, 1, 2, 3, 4]),
                                         "shape_category": np.array([0, 1, 0, 1, 1, 0])}),
    }
