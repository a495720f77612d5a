"""Cross-modal contrast: style-mixed queries and shapes of one label attract, all others repel."""
from __future__ import annotations

from crossmodal.losses.log_softmax import log_softmax
from crossmodal.runtime import jt


def contrast_loss(first: jt.Var, second: jt.Var, first_label: jt.Var, second_label: jt.Var,
                  temperature: float = 0.5, second_usable: jt.Var | None = None) -> jt.Var:
    """Supervised-contrastive NT-Xent over both sets together.

    With ``z`` the rows of both sets, ``P(i)`` the other rows of i's label:
    ``mean_i -(1/|P(i)|) sum_{p in P(i)} log( exp(z_i.z_p/t) / sum_{k != i} exp(z_i.z_k/t) )``
    over the rows that have a positive (Khosla et al., NeurIPS 2020, eq. 2). With one partner a row
    this is NT-Xent (Chen et al., ICML 2020). Zero where no row has a positive.

    Parameters
    ----------
    first : (N, D) float32 rows of length one, the style-mixed queries F_st
    second : (M, D) float32 rows of length one, the shapes F_t
    first_label, second_label : (N,), (M,) int; instances or classes
    temperature : t
    second_usable : (M,) bool; rows without are as if they were not in the batch, for labels that
        are not to be believed. None: all are

    Returns
    -------
    scalar
    """
    rows = jt.concat([first, second], dim=0)
    label = jt.concat([first_label, second_label], dim=0)
    itself = jt.init.eye((rows.shape[0], rows.shape[0]), "float32")
    hidden = itself
    if second_usable is not None:
        absent = jt.concat([jt.zeros(first_label.shape, "float32"), 1.0 - second_usable.float32()])
        hidden = jt.maximum(itself, jt.maximum(absent.unsqueeze(0), absent.unsqueeze(1)))
    positive = (label.unsqueeze(1) == label.unsqueeze(0)).float32() * (1.0 - hidden)
    logits = jt.matmul(rows, rows.transpose(1, 0)) / temperature - 1e30 * hidden
    count = positive.sum(1)
    usable = (count > 0).float32()
    log_probability = jt.maximum(log_softmax(logits), -1e4)
    per_row = -(log_probability * positive).sum(1) / jt.maximum(count, 1.0)
    return (per_row * usable).sum() / jt.maximum(usable.sum(), 1.0)
