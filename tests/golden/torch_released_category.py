"""What the released category-level code did, in PyTorch, and the cases to evaluate.

As in `torch_category_losses`: double precision, loops, PyTorch's own cross-entropies.
"""

from __future__ import annotations

import formula
import numpy as np
import torch
import torch.nn.functional as F
from torch_category_losses import Case, domain_cases


def smoothing_with_a_constant(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Smoothed labels whose epsilon is divided by 31, whatever the number of classes."""
    wanted = 0.9 * F.one_hot(labels, logits.shape[1]).double() + 0.1 / 31
    return -(wanted * F.log_softmax(logits, 1)).sum(1).mean()


def twice_squashed(source_logits: torch.Tensor, target_logits: torch.Tensor,
                   source_weight: torch.Tensor | None = None,
                   target_weight: torch.Tensor | None = None) -> torch.Tensor:
    """A discriminator that ends in a sigmoid before a cross-entropy that takes logits."""
    sides = []
    for logits, weight, kind in ((source_logits, source_weight, 1.0),
                                 (target_logits, target_weight, 0.0)):
        said = torch.sigmoid(logits[:, 0])
        loss = F.binary_cross_entropy_with_logits(said, torch.full_like(said, kind),
                                                  reduction="none")
        sides.append(loss.mean() if weight is None else (loss * weight).sum())
    return sum(sides) / 2


def centroids_without_memory(source: torch.Tensor, target: torch.Tensor, source_label: torch.Tensor,
                             target_label: torch.Tensor,
                             target_usable: torch.Tensor) -> torch.Tensor:
    """Of each batch (T, B, F) alone: squared gap of the class means over 31 classes."""
    total = (source * 0).sum()
    for step in range(len(source)):
        for k in range(5):
            ours = source[step][source_label[step] == k]
            theirs = target[step][(target_label[step] == k) & target_usable[step]]
            if len(ours) and len(theirs):
                gap = ours.mean(0) - theirs.mean(0)
                total = total + gap.square().sum() / (31 * source.shape[2])
    return total


def contrast_with_kept_pairs(first: torch.Tensor, second: torch.Tensor, first_label: torch.Tensor,
                             second_label: torch.Tensor,
                             second_usable: torch.Tensor) -> torch.Tensor:
    """Sum over steps of (T, B, D) rows; a step without a pair takes the labels of the last one."""
    total, kept = (first * 0).sum(), None
    for step in range(len(first)):
        now = first_label[step], second_label[step], second_usable[step]
        pair = (now[0][:, None] == now[1][None, :]) & now[2][None, :]
        kept = now if bool(pair.any()) or kept is None else kept
        rows = torch.cat([first[step], second[step][kept[2]]])
        labels = torch.cat([kept[0], kept[1][kept[2]]])
        total = total + supervised_contrast(rows, labels)
    return total


def supervised_contrast(rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Khosla et al., eq. 2, temperature 1/2."""
    losses = []
    for i in range(len(rows)):
        others = [k for k in range(len(rows)) if k != i]
        logs = F.log_softmax(2 * rows[others] @ rows[i], 0)
        own = [place for place, k in enumerate(others) if labels[k] == labels[i]]
        if own:
            losses.append(-logs[own].mean())
    return torch.stack(losses).mean()


def cases() -> dict[str, Case]:
    """Every case by its name."""
    logits = {"logits": formula.uniform("logits", (6, 4), -4, 4)}
    labels = {"labels": np.array([0, 3, 1, 1, 2, 0])}
    runs = {side: formula.uniform(f"run {side}", (3, 6, 4)) for side in ("source", "target")}
    run_labels = {
        "source_label": np.array([[0, 0, 1, 2, 2, 2], [1, 1, 0, 0, 3, 3], [2] * 6]),
        "target_label": np.array([[0, 1, 1, 4, 2, 2], [3, 1, 1, 0, 3, 3], [2] * 6]),
        "target_usable": np.array([[1, 1, 0, 1, 0, 0], [1] * 6, [1, 0, 1, 0, 0, 0]], bool)}
    rows = {side: formula.unit_rows(f"rows {side}", (4, 6, 8)) for side in ("first", "second")}
    row_labels = {  # pairs in the first and the third step alone
        "first_label": np.array([[0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 1], [3, 3, 0, 1, 2, 2],
                                 [4, 4, 4, 4, 0, 0]]),
        "second_label": np.array([[0, 1, 1, 1, 3, 4], [2, 2, 0, 1, 3, 3], [3, 3, 1, 2, 2, 2],
                                  [1, 1, 2, 2, 3, 3]]),
        "second_usable": np.array([[1, 1, 1, 0, 1, 1], [1, 1, 0, 0, 1, 1], [1, 0, 1, 1, 1, 0],
                                   [1] * 6], bool)}
    found: dict[str, Case] = {
        "smoothing": (smoothing_with_a_constant, logits, labels),
        "centroids": (centroids_without_memory, runs, run_labels),
        "contrast": (contrast_with_kept_pairs, rows, row_labels)}
    return {**found, **{name.replace("domain", "twice"): (twice_squashed, *given)
                        for name, (_, *given) in domain_cases().items()
                        if name.startswith("domain.")}}
