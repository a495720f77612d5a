"""The category-level objective of SC-IBSR: source labels, and what needs no target label."""
from __future__ import annotations

from collections.abc import Mapping

from crossmodal.config import CategoryLossConfig, ConfigError
from crossmodal.losses import (
    CentroidState,
    centroid_alignment_loss,
    conditional_map,
    consistency_loss,
    contrast_loss,
    domain_adversarial_loss,
    entropy_weights,
    label_smoothing_loss,
    orthogonal_projection_loss,
    target_regulariser,
)
from crossmodal.models.category_net import Adaptation, DomainEmbeddings
from crossmodal.models.gradient_reversal import reverse_gradient
from crossmodal.models.layers import l2_normalise
from crossmodal.runtime import jt
from crossmodal.training.pseudo_labels import pseudo_labels
from crossmodal.training.schedule import ramp

nn = jt.nn
WEIGHTS = ("classification", "mixed_classification", "adversarial", "regulariser", "centroid",
           "consistency", "contrast", "orthogonal")


def category_objective(parts: Adaptation, found: DomainEmbeddings, label: jt.Var, iteration: int,
                       loss: CategoryLossConfig) -> tuple[dict[str, jt.Var], CentroidState]:
    """Every loss by its name, unweighted, and the centroids after the step.

    A loss of weight 0 is not computed. Without ``mixed`` the plain pictures take its place in the
    contrast, and there is no consistency.

    Parameters
    ----------
    label : (B,) int, the source pictures' classes; nothing here knows the target's
    """
    net, state = parts.net, parts.centroids
    logits = net.classify(found.plain)
    chances = nn.softmax(net.classify(found.items), dim=1)
    guess, sure = pseudo_labels(chances, loss.confidence)
    terms: dict[str, jt.Var] = {}
    if loss.classification:
        terms["classification"] = label_smoothing_loss(logits, label, loss.label_smoothing)
    if loss.mixed_classification and found.mixed is not None:
        terms["mixed_classification"] = label_smoothing_loss(
            net.classify(found.mixed), label, loss.label_smoothing)
    if loss.adversarial:
        terms["adversarial"] = _adversarial(parts, found, nn.softmax(logits, dim=1), chances,
                                            iteration, loss)
    if loss.regulariser and loss.regulariser_method != "NO":
        terms["regulariser"] = target_regulariser(loss.regulariser_method, chances)
    if loss.centroid:
        terms["centroid"], state = centroid_alignment_loss(
            found.plain, label, found.items, guess, sure, state, loss.centroid_decay)
    _bridge(terms, found, label, guess, sure, loss)
    if loss.orthogonal and iteration >= loss.orthogonal_start:
        terms["orthogonal"] = orthogonal_projection_loss(found.plain, label, loss.orthogonal_gamma)
    return terms, state


def category_sum(terms: Mapping[str, jt.Var], loss: CategoryLossConfig) -> jt.Var:
    """The scalar that training minimises; raises ConfigError where no loss is switched on."""
    if not terms:
        raise ConfigError("no loss is left to minimise: give loss.classification a weight")
    return sum(getattr(loss, name) * term for name, term in terms.items())


def _adversarial(parts: Adaptation, found: DomainEmbeddings, source: jt.Var, target: jt.Var,
                 iteration: int, loss: CategoryLossConfig) -> jt.Var:
    """CDAN or CDAN+E behind the reversal, whose coefficient grows from 0 towards 1."""
    features = found.plain, found.items
    if loss.adversarial_features == "normalised":  # of the length that entries of size 1 give
        features = tuple(l2_normalise(rows) * parts.net.dim ** 0.5 for rows in features)
    joint = jt.concat([conditional_map(rows, chances)
                       for rows, chances in zip(features, (source, target))], dim=0)
    reversal = ramp(iteration, max_steps=loss.ramp_steps)
    logits = parts.discriminator(reverse_gradient(joint, reversal))
    count = found.plain.shape[0]
    weights = (entropy_weights(source), entropy_weights(target)) \
        if loss.adversarial_method == "CDAN+E" else ()
    return domain_adversarial_loss(logits[:count], logits[count:], *weights)


def _bridge(terms: dict[str, jt.Var], found: DomainEmbeddings, label: jt.Var, guess: jt.Var,
            sure: jt.Var, loss: CategoryLossConfig) -> None:
    """Consistency and contrast, on rows of length one."""
    plain = l2_normalise(found.plain)
    mixed = plain if found.mixed is None else l2_normalise(found.mixed)
    if loss.consistency and found.mixed is not None:
        terms["consistency"] = consistency_loss(plain, mixed, loss.consistency_temperature)
    if loss.contrast:
        terms["contrast"] = contrast_loss(mixed, l2_normalise(found.items), label, guess,
                                          loss.contrast_temperature, second_usable=sure)
