"""What the released instance-level code computes where it departs from the paper, in PyTorch.

Style mixing with re-cut stem maps and roots of deviations, consistency and contrast as they are
reported there, and an objective in which these two have no gradient and the plain query none.
"""

from __future__ import annotations

import formula
import numpy as np
import torch
import torch.nn.functional as F
import torch_formulas as math

EPS = 1e-5


def moments(pieces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, C, N) -> mean and biased deviation (B, C, 1)."""
    mean = pieces.mean(2, keepdim=True)
    return mean, torch.sqrt((pieces * (pieces - mean)).mean(2, keepdim=True))


def stem_style(content: torch.Tensor, stem: torch.Tensor, permutation: torch.Tensor,
               mix: torch.Tensor) -> torch.Tensor:
    """content (B, C, H, W); stem (3B, C0, h, w), three stacks of views a shape, as (B, C, -1)."""
    a = mix.to(content.dtype)[:, None, None]
    pixels = content.flatten(2)
    (own_mean, own), (mean, spread) = moments(pixels), moments(
        stem.view(len(stem) // 3, content.shape[1], -1))
    new_mean = a * own_mean + (1 - a) * mean[permutation]
    new = a * own + (1 - a) * spread[permutation]
    found = (pixels - own_mean) / torch.sqrt(own + EPS) * torch.sqrt(new + EPS) + new_mean
    return found.view_as(content)


def crossed(similarity: torch.Tensor) -> torch.Tensor:
    """Entry (i, j) over the sum of row j."""
    count = len(similarity)
    sums = [sum(torch.exp(similarity[j, k]) for k in range(count)) for j in range(count)]
    return torch.stack([torch.stack([torch.exp(similarity[i, j]) / sums[j] for j in range(count)])
                        for i in range(count)])


def consistency_loss(plain: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    similarity = plain @ mixed.T
    p, q = crossed(similarity), crossed(similarity.T)
    return 0.5 * (p * (p / (q + 1e-8)).log() + q * (q / (p + 1e-8)).log()).sum()


def contrast_loss(mixed: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Query i and slot i are partners; a slot is the maximum over its tokens."""
    slots = torch.arange(len(mixed))
    return math.contrast_loss(mixed, F.normalize(tokens.amax(1), dim=1), slots, slots)


def objective(plain: torch.Tensor, mixed: torch.Tensor, tokens: torch.Tensor, w_in: torch.Tensor,
              image_shape: torch.Tensor, shape_category: torch.Tensor) -> torch.Tensor:
    """``L_inst + 0.2 L_cat`` of the mixed queries; the other two only add to the value."""
    scores = math.attention_scores(mixed, tokens, w_in)
    same_category = shape_category[image_shape][:, None] == shape_category[None, :]
    learnt = math.instance_loss(scores, F.one_hot(image_shape, len(tokens)).bool()) \
        + 0.2 * math.category_loss(scores, same_category)
    with torch.no_grad():
        shown = consistency_loss(plain, mixed) + contrast_loss(mixed, tokens)
    return learnt + shown + 0 * plain.sum()  # the plain query is there, and learns nothing


def cases() -> dict[str, tuple]:
    """Case -> function, inputs with a gradient, constants; see make_golden.py."""
    content = formula.uniform("content", (4, 6, 5, 5))
    fixed = {"permutation": np.array([2, 0, 1, 1]),
             "mix": np.array([0.0, 0.3, 0.8, 1.0], np.float32)}
    stem = {"content": content, "stem": formula.uniform("stem", (12, 4, 4, 4), -2, 3)}
    rows = {name: formula.unit_rows(name, (6, 8)) for name in ("plain", "mixed")}
    tokens = {"tokens": formula.unit_rows("tokens", (6, 3, 8))}
    whole = {**rows, **tokens, "w_in": formula.uniform("w", (8, 8))}
    return {
        "style": (stem_style, stem, fixed),
        "consistency": (consistency_loss, rows, {}),
        "contrast": (contrast_loss, {"mixed": rows["mixed"], **tokens}, {}),
        "objective": (objective, whole, {"image_shape": np.array([0, 1, 1, 2, 3, 4]),
                                         "shape_category": np.array([0, 1, 0, 1, 1, 0])}),
    }
