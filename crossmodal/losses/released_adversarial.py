"""CDAN+E as the released code has it: a second sigmoid, and entropy weights that are learnt from.

    weight = released_entropy_weights(probabilities, coefficient)  # of each domain
    joint = class_major_map(features, probabilities)  # of both
    logits = discriminator(reverse_gradient(joint, coefficient of the next iteration))
    loss = twice_squashed_adversarial_loss(logits[:source], logits[source:], weights)
"""
from __future__ import annotations

from crossmodal.losses.domain_adversarial_loss import domain_adversarial_loss, sigmoid
from crossmodal.models.gradient_reversal import reverse_gradient
from crossmodal.runtime import jt


def class_major_map(features: jt.Var, probabilities: jt.Var) -> jt.Var:
    """`conditional_map` in the released order: column ``c * F + f``.

    features : (N, F); probabilities : (N, C) softmax, detached here. Returns (N, C * F)
    """
    product = probabilities.detach().unsqueeze(2) * features.unsqueeze(1)
    return product.reshape(features.shape[0], features.shape[1] * probabilities.shape[1])


def released_entropy_weights(probabilities: jt.Var, coefficient: float) -> jt.Var:
    """``w_i = e_i / sum e``, ``e = 1 + exp(-H)``, ``H = -sum_c p log(p + 1e-5)``, released code.

    The sum is a constant. What flows back into H is times ``-coefficient``: the classifier learns
    to be unsure of what the discriminator finds easy.

    Parameters
    ----------
    probabilities : (N, C) float32, softmax of one domain's items
    coefficient : of the gradient's reversal

    Returns
    -------
    (N,) float32 with sum 1
    """
    entropy = -(probabilities * jt.log(probabilities + 1e-5)).sum(1)
    e = 1.0 + jt.exp(-reverse_gradient(entropy, coefficient))
    return e / e.sum().detach()


def twice_squashed_adversarial_loss(source_logits: jt.Var, target_logits: jt.Var,
                                    source_weight: jt.Var | None = None,
                                    target_weight: jt.Var | None = None) -> jt.Var:
    """`domain_adversarial_loss` of ``sigmoid(logits)``: what the released code minimises.

    Its discriminator ends in a sigmoid and its cross-entropy begins with another one. So a source
    item is never given more than sigmoid(1) = .731 nor a target item less than 1/2: the loss stays
    between .503 and 1.003, and its gradient vanishes where the discriminator is sure, right or not.

    source_logits, target_logits : (Bs, 1), (Bt, 1); weights : (Bs,), (Bt,), None for equal
    """
    return domain_adversarial_loss(sigmoid(source_logits), sigmoid(target_logits), source_weight,
                                   target_weight)
