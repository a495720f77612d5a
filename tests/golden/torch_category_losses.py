"""The losses of the category level in PyTorch, as the papers say, and the cases to evaluate.

Double precision, straight from the formulas: loops over classes and pairs, PyTorch's own singular
values, cross-entropies and gradient reversal by a hook.
"""

from __future__ import annotations

from collections.abc import Callable

import formula
import numpy as np
import torch
import torch.nn.functional as F

Case = tuple[Callable[..., torch.Tensor], dict[str, np.ndarray], dict[str, np.ndarray]]


def label_smoothing(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, labels, label_smoothing=0.1)


def nuclear(probabilities: torch.Tensor) -> torch.Tensor:
    return -torch.linalg.svdvals(probabilities).mean()


def frobenius(probabilities: torch.Tensor) -> torch.Tensor:
    return -torch.linalg.svdvals(probabilities).square().mean().sqrt()


def entropy(probabilities: torch.Tensor) -> torch.Tensor:
    return torch.special.entr(probabilities).sum(1).mean()


def orthogonal_projection(features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    pairs = {True: [], False: []}
    for i in range(len(features)):
        for j in range(i + 1, len(features)):
            pairs[bool(labels[i] == labels[j])].append(
                F.cosine_similarity(features[i], features[j], dim=0))
    loss = (features * 0).sum()
    if pairs[True]:
        loss = loss + 1 - torch.stack(pairs[True]).mean()
    if pairs[False]:
        loss = loss + 0.5 * torch.stack(pairs[False]).mean().abs()
    return loss


def domain(source_logits: torch.Tensor, target_logits: torch.Tensor,
           source_weight: torch.Tensor | None = None,
           target_weight: torch.Tensor | None = None) -> torch.Tensor:
    sides = []
    for logits, weight, kind in ((source_logits, source_weight, 1.0),
                                 (target_logits, target_weight, 0.0)):
        loss = F.binary_cross_entropy_with_logits(logits[:, 0], torch.full_like(logits[:, 0], kind),
                                                  reduction="none")
        sides.append(loss.mean() if weight is None else (loss * weight).sum())
    return sum(sides) / 2


def cdan_e(source: torch.Tensor, target: torch.Tensor, source_p: torch.Tensor,
           target_p: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Entropy weights, outer product, reversal by 0.3 and a linear discriminator ``last``."""
    logits, weights = [], []
    for features, p in ((source, source_p.double()), (target, target_p.double())):
        joint = torch.einsum("nf,nc->nfc", features, p).flatten(1)
        joint.register_hook(lambda gradient: -0.3 * gradient)
        logits.append(joint @ last)
        certain = 1 + torch.exp(torch.special.entr(p).sum(1).neg())
        weights.append(certain / certain.sum())
    return domain(*logits, *weights)


def discriminator(x: torch.Tensor) -> torch.Tensor:
    """6 -> 8 -> 8 -> 1 in evaluation, weights by the formula."""
    for name, out, size in (("first", 8, 6), ("second", 8, 8), ("last", 1, 8)):
        weight = torch.from_numpy(formula.weight(f"{name}.weight", (out, size))).double()
        bias = torch.from_numpy(formula.weight(f"{name}.bias", (out,))).double()
        x = F.linear(torch.relu(x) if name != "first" else x, weight, bias)
    return x


def centroid_alignment(source: torch.Tensor, target: torch.Tensor, source_label: torch.Tensor,
                       target_label: torch.Tensor, target_usable: torch.Tensor) -> torch.Tensor:
    """Sum over steps of a run of several batches (T, B, F) with five classes; decay 0.3."""
    kept: dict[tuple[str, int], torch.Tensor] = {}
    total = (source * 0).sum()
    for step in range(len(source)):
        for side, features, label, usable in (
                ("s", source[step], source_label[step], source_label[step] >= 0),
                ("t", target[step], target_label[step], target_usable[step])):
            for k in range(5):
                rows = features[(label == k) & usable]
                if len(rows):
                    mean = rows.mean(0)
                    old = kept.get((side, k))
                    kept[side, k] = mean if old is None else 0.7 * old.detach() + 0.3 * mean
        for k in range(5):
            if ("s", k) in kept and ("t", k) in kept:
                total = total + (kept["s", k] - kept["t", k]).square().sum() / (5 * source.shape[2])
        kept = {key: value.detach() for key, value in kept.items()}
    return total


def softmax(name: str, shape: tuple[int, int], size: float = 3.0) -> np.ndarray:
    rows = np.exp(size * formula.uniform(name, shape).astype(np.float64))
    return (rows / rows.sum(1, keepdims=True)).astype(np.float32)


def spectral_cases() -> dict[str, Case]:
    """Tall, wide, and one whose singular values are 1, .6, .6, .6."""
    repeated = (0.6 * np.eye(4) + 0.1).astype(np.float32)
    matrices = {"tall": softmax("tall", (6, 4)), "wide": softmax("wide", (3, 5)),
                "repeated": repeated}
    return {f"{kind}.{name}": (function, {"probabilities": matrix}, {})
            for kind, function in (("BNM", nuclear), ("BFM", frobenius), ("ENT", entropy))
            for name, matrix in matrices.items() if (kind, name) != ("ENT", "repeated")}


def domain_cases() -> dict[str, Case]:
    logits = {"source_logits": formula.uniform("s", (6, 1), -3, 3),
              "target_logits": formula.uniform("t", (5, 1), -3, 3)}
    weights = {"source_weight": softmax("sw", (1, 6))[0], "target_weight": softmax("tw", (1, 5))[0]}
    extreme = {name: 1e4 * np.sign(array) for name, array in logits.items()}
    cdan = {name: formula.uniform(name, shape)
            for name, shape in (("source", (6, 4)), ("target", (5, 4)), ("last", (12, 1)))}
    given = {"source_p": softmax("sp", (6, 3)), "target_p": softmax("tp", (5, 3))}
    return {"domain.plain": (domain, logits, {}), "domain.weighted": (domain, logits, weights),
            "domain.extreme": (domain, extreme, weights), "cdan_e": (cdan_e, cdan, given),
            "discriminator": (discriminator, {"x": formula.uniform("x", (5, 6))}, {})}


def cases() -> dict[str, Case]:
    """Every case by its name."""
    logits = {"logits": formula.uniform("logits", (6, 4), -4, 4)}
    labels = {"labels": np.array([0, 3, 1, 1, 2, 0])}
    rows = {"features": formula.uniform("features", (6, 4))}
    opposed = {"features": rows["features"] * np.array([[1], [1], [1], [-1], [-1], [-1]], "f4")}
    halves = {"labels": np.array([0, 0, 0, 1, 1, 1])}
    runs = {side: formula.uniform(f"run {side}", (3, 6, 4)) for side in ("source", "target")}
    run_labels = {
        "source_label": np.array([[0, 0, 1, 2, 2, 2], [1, 1, 0, 0, 3, 3], [2] * 6]),
        "target_label": np.array([[0, 1, 1, 4, 2, 2], [3, 1, 1, 0, 3, 3], [2] * 6]),
        "target_usable": np.array([[1, 1, 0, 1, 0, 0], [1] * 6, [1, 0, 1, 0, 0, 0]], bool)}
    found: dict[str, Case] = {
        "smoothing.plain": (label_smoothing, logits, labels),
        "smoothing.extreme": (label_smoothing, {"logits": 1e3 * logits["logits"]}, labels),
        "centroids": (centroid_alignment, runs, run_labels)}
    found |= {f"orthogonal.{name}": (orthogonal_projection, features, by)
              for name, features, by in (("plain", rows, labels), ("opposed", opposed, halves),
                                         ("distinct", rows, {"labels": np.arange(6)}),
                                         ("single", rows, {"labels": np.zeros(6, int)}))}
    return {**found, **spectral_cases(), **domain_cases()}
