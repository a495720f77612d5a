"""Semantic alignment (SM): the two domains' centroids of a class should be in one place."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crossmodal.runtime import jt


class CentroidState(NamedTuple):
    """Moving class centroids of both domains; detached, never changed in place.

    source, target : (C, F) float32; rows of classes never seen are zero and mean nothing
    source_seen, target_seen : (C,) bool
    """

    source: jt.Var
    target: jt.Var
    source_seen: jt.Var
    target_seen: jt.Var

    @classmethod
    def fresh(cls, classes: int, features: int) -> CentroidState:
        """No class seen yet."""
        centroids, seen = np.zeros((classes, features), np.float32), np.zeros(classes, bool)
        return cls(*(jt.array(array).stop_grad() for array in (centroids, centroids, seen, seen)))


def centroid_alignment_loss(source: jt.Var, source_label: jt.Var, target: jt.Var,
                            target_label: jt.Var, target_usable: jt.Var, state: CentroidState,
                            decay: float = 0.3) -> tuple[jt.Var, CentroidState]:
    """``sum_k |S_k - T_k|^2 / (C F)`` over the classes k seen in both domains so far.

    S and T are moving averages, ``S_k = (1 - decay) S_k + decay mean_{i of class k} f_i``; a class
    starts at its first mean, and one that the batch lacks is left as it is. The gradient flows
    through the batch's means alone. The divisor is that of a mean over all classes, so that a
    class's pull does not depend on how many others have been seen.

    Source: Xie et al., "Learning Semantic Representations for Unsupervised Domain Adaptation", ICML
    2018, algorithm 1 (decay 0.3 is theta 0.7 there).

    Parameters
    ----------
    source, target : (Bs, F), (Bt, F) float32 features
    source_label : (Bs,) int, true classes
    target_label : (Bt,) int, pseudo-labels
    target_usable : (Bt,) bool, which pseudo-labels to believe
    state : centroids after the step before; not changed
    decay : weight of the batch in the moving average

    Returns
    -------
    loss, state : scalar, centroids after this step
    """
    everyone = jt.ones_like(source_label).float32()
    moved_source, source_seen = _move(state.source, state.source_seen, source, source_label,
                                      everyone, decay)
    moved_target, target_seen = _move(state.target, state.target_seen, target, target_label,
                                      target_usable.float32(), decay)
    gap = moved_source - moved_target
    comparable = (source_seen & target_seen).float32()
    loss = ((gap * gap).sum(1) * comparable).sum() / gap.numel()
    return loss, CentroidState(moved_source.detach(), moved_target.detach(), source_seen.detach(),
                               target_seen.detach())


def _move(old: jt.Var, seen: jt.Var, features: jt.Var, label: jt.Var, usable: jt.Var,
          decay: float) -> tuple[jt.Var, jt.Var]:
    """Centroids (C, F) moved towards the batch's class means, and which are seen (C,) by now."""
    classes = jt.arange(old.shape[0]).unsqueeze(1)
    member = (classes == label.unsqueeze(0)).float32() * usable.unsqueeze(0)
    count = member.sum(1)
    mean = jt.matmul(member, features) / jt.maximum(count, 1.0).unsqueeze(1)
    present = count > 0
    rate = present.float32() * (1.0 - (1.0 - decay) * seen.float32())
    return old + rate.unsqueeze(1) * (mean - old), seen | present
