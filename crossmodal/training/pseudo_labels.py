"""Pseudo-labels: what the classifier says of unlabelled items, and where it is sure enough."""
from __future__ import annotations

from crossmodal.runtime import jt


def pseudo_labels(probabilities: jt.Var, threshold: float) -> tuple[jt.Var, jt.Var]:
    """The most probable class of every item, and whether it is to be believed.

    Detached; of equally probable classes the first. The test is that of Sohn et al., "FixMatch",
    NeurIPS 2020.

    Parameters
    ----------
    probabilities : (N, C) float32, softmax
    threshold : smallest probability that is believed, that value included; 0 believes everything

    Returns
    -------
    labels : (N,) int32
    usable : (N,) bool
    """
    label, confidence = jt.argmax(probabilities.detach(), 1)
    return label.detach(), (confidence >= threshold).detach()
