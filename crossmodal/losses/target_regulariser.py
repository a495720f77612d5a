"""What unlabelled items' predictions should look like, chosen by name."""
from __future__ import annotations

from collections.abc import Callable, Mapping

from crossmodal.losses.entropy_loss import entropy_loss
from crossmodal.losses.spectral_loss import frobenius_norm_loss, nuclear_norm_loss
from crossmodal.runtime import jt


def no_loss(probabilities: jt.Var) -> jt.Var:
    """Zero, with a zero gradient."""
    return 0.0 * probabilities.sum()


TARGET_REGULARISERS: Mapping[str, Callable[[jt.Var], jt.Var]] = {
    "BNM": nuclear_norm_loss, "BFM": frobenius_norm_loss, "ENT": entropy_loss, "NO": no_loss}


def target_regulariser(name: str, probabilities: jt.Var) -> jt.Var:
    """BNM (nuclear norm), BFM (Frobenius norm), ENT (entropy) or NO (zero) of target items.

    Parameters
    ----------
    name : one of `TARGET_REGULARISERS`
    probabilities : (B, C) float32, softmax of the target items

    Returns
    -------
    scalar, to be minimised

    Raises ValueError for an unknown name.
    """
    if name not in TARGET_REGULARISERS:
        raise ValueError(f"unknown target regulariser {name!r}: choose "
                         f"{', '.join(TARGET_REGULARISERS)}")
    return TARGET_REGULARISERS[name](probabilities)
