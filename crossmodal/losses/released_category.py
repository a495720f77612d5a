"""L_fgc, SM and OPL as the released category-level code has them, for runs that measure them."""
from __future__ import annotations

from crossmodal.losses.log_softmax import log_sum_exp
from crossmodal.models.layers import l2_normalise
from crossmodal.runtime import jt

CLASSES = 31  # of Office-31, which the released code takes for every data set
SAME, OTHER = 254.0, 255.0  # the bytes 1 and 0 inverted bit by bit: the released "negatives"


def crossed_matrix(similarity: jt.Var) -> jt.Var:
    """``P = p / sum(p) + 1e-8``, summed over the whole matrix, released code.

    ``p[i,j] = exp(x[i,j]) / sum_k exp(x[j,k])``: divided by the sum of row j. By logarithms, so
    that features of any length have a number.

    similarity : (B, B), x; the result likewise
    """
    log_p = similarity - log_sum_exp(similarity).unsqueeze(0)
    p = jt.exp(log_p - log_p.max().detach())
    return p / p.sum() + 1e-8


def released_category_consistency_loss(plain: jt.Var, mixed: jt.Var) -> jt.Var:
    """``1/2 sum P log(P/Q) + 1/2 sum Q log(Q/P)``, released code; differentiable in both.

    P is the `crossed_matrix` of ``0.01 plain . mixed``, Q that of its transpose. The two sums are
    taken as one, ``1/2 sum (P - Q) log(P/Q)``, which loses fewer digits.

    Parameters
    ----------
    plain, mixed : (B, D) float32 rows of any length

    Returns
    -------
    scalar
    """
    similarity = 0.01 * jt.matmul(plain, mixed.transpose(1, 0))
    p, q = crossed_matrix(similarity), crossed_matrix(similarity.transpose(1, 0))
    return 0.5 * ((p - q) * jt.log(p / q)).sum()


def released_centroid_loss(source: jt.Var, source_label: jt.Var, target: jt.Var,
                           target_label: jt.Var, target_usable: jt.Var, classes: int,
                           decay: float = 0.3) -> jt.Var:
    """``decay^2 sum_k |S_k - T_k|^2 / (31 F)``, released code: nothing accumulates.

    S_k is the mean of the batch's rows of class k, and zero where it has none. With more than 31
    classes, which the released tables do not hold, it is their number that divides.

    Parameters
    ----------
    source, target : (Bs, F), (Bt, F) float32 features
    source_label, target_label : (Bs,), (Bt,) int
    target_usable : (Bt,) bool, which labels of the target to believe
    classes : as many as there are
    decay : of the paper's moving average

    Returns
    -------
    scalar
    """
    everyone = jt.ones_like(source_label).float32()
    gap = _means(source, source_label, everyone, classes) - _means(
        target, target_label, target_usable.float32(), classes)
    return decay ** 2 * (gap * gap).sum() / (max(CLASSES, classes) * source.shape[1])


def released_orthogonal_loss(features: jt.Var, labels: jt.Var, gamma: float = 0.5) -> jt.Var:
    """``1 - s + gamma d``, released code: without an absolute value, of the wrong pairs.

    s is the mean cosine of all pairs ``i != j`` of one class (0 without any); d that of all pairs
    whatever, a row with itself included, weighted by 254 for one class and 255 for two.

    Parameters
    ----------
    features : (B, F) float32 rows of any length
    labels : (B,) int
    gamma : weight of d

    Returns
    -------
    scalar
    """
    rows = l2_normalise(features)
    cosine = jt.matmul(rows, rows.transpose(1, 0))
    same = (labels.unsqueeze(1) == labels.unsqueeze(0)).float32()
    partners = same * (1.0 - jt.init.eye((rows.shape[0], rows.shape[0]), "float32"))
    within = (partners * cosine).sum() / (partners.sum() + 1e-6)
    weight = OTHER + (SAME - OTHER) * same
    return 1.0 - within + gamma * (weight * cosine).sum() / (weight.sum() + 1e-6)


def _means(rows: jt.Var, label: jt.Var, usable: jt.Var, classes: int) -> jt.Var:
    """(C, F) class means, zero where there is nobody."""
    member = (jt.arange(classes).unsqueeze(1) == label.unsqueeze(0)).float32()
    member = member * usable.unsqueeze(0)
    return jt.matmul(member, rows) / jt.maximum(member.sum(1), 1.0).unsqueeze(1)
