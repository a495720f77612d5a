"""Conditional domain adversarial loss (CDAN, CDAN+E): tell source items from target items.

The discriminator minimises it; with its input behind `reverse_gradient` the features maximise it:

    joint = conditional_map(features, probabilities)
    logits = discriminator(reverse_gradient(joint, coefficient))
    loss = domain_adversarial_loss(logits[:source], logits[source:], w_source, w_target)

Source: Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018. The classifier's
softmax only conditions: nothing flows back through it, neither by the map nor by the weights. (The
code of Long et al. also sends a reversed gradient through the weights' entropy; here the weights
say which items come first and nothing else.)
"""
from __future__ import annotations

from crossmodal.losses.entropy_loss import row_entropy
from crossmodal.runtime import jt


def conditional_map(features: jt.Var, probabilities: jt.Var) -> jt.Var:
    """``T(f, p) = f (x) p``: every feature times every class probability.

    Differentiable in the features; the probabilities are detached here.

    Parameters
    ----------
    features : (N, F) float32
    probabilities : (N, C) float32, softmax

    Returns
    -------
    (N, F * C), column ``f * C + c`` holds ``features[:, f] * probabilities[:, c]``
    """
    product = features.unsqueeze(2) * probabilities.detach().unsqueeze(1)
    return product.reshape(features.shape[0], features.shape[1] * probabilities.shape[1])


def entropy_weights(probabilities: jt.Var) -> jt.Var:
    """``w_i = (1 + exp(-H_i)) / sum_k (1 + exp(-H_k))`` over the items of one domain.

    Call it once for each domain, so that each has weights that sum to one. Detached.

    Parameters
    ----------
    probabilities : (N, C) float32, softmax of one domain's items

    Returns
    -------
    (N,) float32 with sum 1; a certain item weighs up to twice an undecided one
    """
    weight = 1.0 + jt.exp(-row_entropy(probabilities))
    return (weight / weight.sum()).detach()


def domain_adversarial_loss(source_logits: jt.Var, target_logits: jt.Var,
                            source_weight: jt.Var | None = None,
                            target_weight: jt.Var | None = None) -> jt.Var:
    """``1/2 [ sum_i w_i -log sigmoid(s_i) + sum_j v_j -log(1 - sigmoid(t_j)) ]``.

    Binary cross-entropy with source 1 and target 0, on raw logits: safe for any size of them. Both
    domains count alike, whatever their sizes.

    Parameters
    ----------
    source_logits, target_logits : (Bs, 1), (Bt, 1) float32, the discriminator's output
    source_weight, target_weight : (Bs,), (Bt,) with sum 1, see `entropy_weights`; None for equal

    Returns
    -------
    scalar
    """
    source = _mean(_softplus(-source_logits.reshape(-1)), source_weight)
    target = _mean(_softplus(target_logits.reshape(-1)), target_weight)
    return 0.5 * (source + target)


def sigmoid(x: jt.Var) -> jt.Var:
    """``1 / (1 + exp(-x))`` with a finite gradient for any x."""
    return 0.5 * (jt.tanh(0.5 * x) + 1.0)


def _softplus(x: jt.Var) -> jt.Var:
    """``log(1 + exp(x))``; the gradient is the sigmoid everywhere, zero included."""
    top = jt.maximum(x, 0.0).detach()
    return top + jt.log(jt.exp(x - top) + jt.exp(-top))


def _mean(values: jt.Var, weight: jt.Var | None) -> jt.Var:
    return values.mean() if weight is None else (values * weight.reshape(-1)).sum()
