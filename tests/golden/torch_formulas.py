"""Style transition, view attention, the four losses and their sum, in PyTorch, as the papers say.

Double precision; scores are (images, shapes). Where a formula says nothing about an image (no shape
of its category, no partner of its label), that image is left out of the mean.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def style_transition(content: torch.Tensor, style: torch.Tensor, permutation: torch.Tensor,
                     mix: torch.Tensor) -> torch.Tensor:
    """content (B, C, H, W), style (B, V, C, H, W): statistics over H*W and over V*H*W."""
    mix = mix.to(content.dtype)[:, None]
    shapes = style.transpose(1, 2).flatten(2)[permutation]  # (B, C, V*H*W)
    pixels = content.flatten(2)
    own_std = torch.sqrt(pixels.var(2, unbiased=False) + 1e-5)
    std = torch.lerp(torch.sqrt(shapes.var(2, unbiased=False) + 1e-5), own_std, mix)
    mean = torch.lerp(shapes.mean(2), pixels.mean(2), mix)
    plain = (pixels - pixels.mean(2, keepdim=True)) / own_std[..., None]
    return (plain * std[..., None] + mean[..., None]).view_as(content)


def attention_scores(queries: torch.Tensor, tokens: torch.Tensor,
                     w_in: torch.Tensor) -> torch.Tensor:
    """(Q, D), (S, V, D), (D, D) -> (Q, S): r = sum_v w_v k_v, s = q . r."""
    logits = torch.einsum("ed,qd,sve->qsv", w_in, queries, tokens)
    shapes = torch.einsum("qsv,svd->qsd", logits.softmax(2), tokens)
    return torch.einsum("qd,qsd->qs", queries, shapes)


def instance_loss(scores: torch.Tensor, same: torch.Tensor, tau: float = 0.1) -> torch.Tensor:
    logits = scores / tau
    own = torch.logsumexp(logits.masked_fill(~same, -torch.inf), 1)
    return (torch.logsumexp(logits, 1) - own).mean()


def category_loss(scores: torch.Tensor, same: torch.Tensor, tau: float = 0.1) -> torch.Tensor:
    if same.all():
        return (scores * 0).sum()
    logs = F.log_softmax(scores / tau, 1)
    rows = [-logs[i][same[i]].mean() for i in range(len(same)) if same[i].any()]
    return torch.stack(rows).mean()


def consistency_loss(plain: torch.Tensor, mixed: torch.Tensor, t: float = 0.1) -> torch.Tensor:
    similarity = plain @ mixed.T / t
    p, q = F.log_softmax(similarity, 1), F.log_softmax(similarity.T, 1)

    def divergence(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """mean_i KL(a_i || b_i); kl_div takes its arguments the other way round."""
        return F.kl_div(b, a, reduction="batchmean", log_target=True)

    return 0.5 * (divergence(p, q) + divergence(q, p))


def contrast_loss(first: torch.Tensor, second: torch.Tensor, first_label: torch.Tensor,
                  second_label: torch.Tensor, t: float = 0.5) -> torch.Tensor:
    rows, labels = torch.cat([first, second]), torch.cat([first_label, second_label])
    losses = []
    for i in range(len(rows)):
        others = [k for k in range(len(rows)) if k != i]
        logs = F.log_softmax(rows[others] @ rows[i] / t, 0)
        partners = labels[others] == labels[i]
        if partners.any():
            losses.append(-logs[partners].mean())
    return torch.stack(losses).mean() if losses else (rows * 0).sum()


def objective(plain: torch.Tensor, mixed: torch.Tensor, tokens: torch.Tensor, w_in: torch.Tensor,
              image_shape: torch.Tensor, shape_category: torch.Tensor) -> dict[str, torch.Tensor]:
    """The instance-level terms on style-mixed and plain queries, by name, unweighted."""
    count = len(tokens)
    same = F.one_hot(image_shape, count).bool()
    same_category = shape_category[image_shape][:, None] == shape_category[None, :]
    terms = {}
    for prefix, queries in (("", mixed), ("plain_", plain)):
        scores = attention_scores(queries, tokens, w_in)
        terms[prefix + "instance"] = instance_loss(scores, same)
        terms[prefix + "category"] = category_loss(scores, same_category)
    terms["consistency"] = consistency_loss(plain, mixed)
    shapes = F.normalize(tokens.amax(1), dim=1)
    terms["contrast"] = contrast_loss(mixed, shapes, image_shape, torch.arange(count))
    return terms


WEIGHTS = {"instance": 1.0, "category": 0.2, "plain_instance": 1.0, "plain_category": 0.2,
           "consistency": 1.0, "contrast": 1.0}


def total(terms: dict[str, torch.Tensor]) -> torch.Tensor:
    """``L_inst + 0.2 L_cat`` on both kinds of query, ``+ L_fgc + L_clc``."""
    return sum(WEIGHTS[name] * term for name, term in terms.items())
