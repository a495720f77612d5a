"""Consistency and contrast loss of 30 images and shapes, against their released double loops.

The released forms fetch every entry of a matrix with ``.item()``, build the loss from these numbers
and so have no gradient. (Its instance and category losses are matrix forms already.) Ours is
measured forward, and forward with the gradients of both embeddings.
"""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy as np

from benchmarks.measure import Measurement, seconds
from benchmarks.scoring import unit
from crossmodal.losses import consistency_loss, contrast_loss
from crossmodal.runtime import jt

BATCH, DIM = 30, 128


def main(quick: bool = False) -> list[Measurement]:
    """Seconds of both forms; checks that they agree."""
    rng = np.random.default_rng(0)
    rows = jt.array(unit(rng, BATCH, DIM)), jt.array(unit(rng, BATCH, DIM))
    labels = jt.arange(BATCH)
    forms: list[tuple[str, Callable[..., Any], Callable[..., float]]] = [
        ("consistency loss", consistency_loss, consistency_loops),
        ("contrast loss", lambda a, b: contrast_loss(a, b, labels, labels), contrast_loops),
    ]
    return [_compare(name, ours, loops, rows, quick) for name, ours, loops in forms]


def _compare(
    name: str, ours: Callable[..., Any], loops: Callable[..., float], rows: tuple[Any, Any],
    quick: bool,
) -> Measurement:
    np.testing.assert_allclose(ours(*rows).item(), loops(*rows), rtol=1e-4)

    def with_gradient() -> None:
        loss = ours(*rows)
        jt.sync([loss, *jt.grad(loss, list(rows))])
        jt.sync_all(True)

    forward = seconds(lambda: ours(*rows).item(), warm_up=3)
    theirs = seconds(lambda: loops(*rows), 1 if quick else 3, warm_up=0)
    facts = {"with_gradient_seconds": seconds(with_gradient, warm_up=3)}
    return Measurement(f"{name}, batch {BATCH}", forward, theirs, facts=facts)


def consistency_loops(plain: jt.Var, mixed: jt.Var, temperature: float = 0.1) -> float:
    """1/2 mean_i [ KL(P_i || Q_i) + KL(Q_i || P_i) ], an entry at a time."""
    similarity = jt.matmul(plain, mixed.transpose(1, 0)) / temperature
    p = jt.nn.softmax(similarity, dim=1)
    q = jt.nn.softmax(similarity.transpose(1, 0), dim=1)
    total = 0.0
    for i in range(BATCH):
        for j in range(BATCH):
            a, b = p[i, j].item(), q[i, j].item()
            total += a * math.log(a / b) + b * math.log(b / a)
    return 0.5 * total / BATCH


def contrast_loops(first: jt.Var, second: jt.Var, temperature: float = 0.5) -> float:
    """NT-Xent over both sets, row i of one with row i of the other, an entry at a time."""
    rows = jt.concat([first, second], dim=0)
    similarity = jt.matmul(rows, rows.transpose(1, 0)) / temperature
    total = 0.0
    for i in range(2 * BATCH):
        below = 0.0
        for k in range(2 * BATCH):
            if k != i:
                below += math.exp(similarity[i, k].item())
        partner = (i + BATCH) % (2 * BATCH)
        total -= similarity[i, partner].item() - math.log(below)
    return total / (2 * BATCH)
