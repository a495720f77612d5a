"""The category-level objective of SC-IBSR: source labels, and what needs no target label.

Target labels take part only if the caller hands them over, as the released training does.
"""
from __future__ import annotations

from collections.abc import Mapping

from crossmodal.config import CategoryLossConfig, ConfigError
from crossmodal.losses import (
    DOMAIN_LOSSES,
    CentroidState,
    Pairs,
    centroid_alignment_loss,
    conditional_map,
    consistency_loss,
    contrast_loss,
    entropy_weights,
    label_smoothing_loss,
    orthogonal_projection_loss,
    pairs_or_previous,
    target_regulariser,
)
from crossmodal.models.category_net import Adaptation, DomainEmbeddings, Memory
from crossmodal.models.gradient_reversal import reverse_gradient
from crossmodal.models.layers import l2_normalise
from crossmodal.runtime import jt
from crossmodal.training.pseudo_labels import pseudo_labels
from crossmodal.training.schedule import ramp

nn = jt.nn
WEIGHTS = ("classification", "mixed_classification", "target_classification", "adversarial",
           "regulariser", "centroid", "consistency", "contrast", "orthogonal")


def category_objective(parts: Adaptation, found: DomainEmbeddings, label: jt.Var, iteration: int,
                       loss: CategoryLossConfig, target_label: jt.Var | None = None
                       ) -> tuple[dict[str, jt.Var], Memory]:
    """Every loss by its name, unweighted, and what is to be remembered after the step.

    A loss of weight 0 is not computed. Without ``mixed`` the plain pictures take its place in the
    contrast, and there is no consistency.

    Parameters
    ----------
    label : (B,) int, the source pictures' classes
    target_label : (B,) int, the items' classes, to take the place of pseudo-labels and to be
        learnt; None, and nothing here knows them
    """
    memory = parts.memory
    logits, item_logits = parts.net.classify(found.plain), parts.net.classify(found.items)
    chances = nn.softmax(item_logits, dim=1)
    guess, sure = pseudo_labels(chances, loss.confidence)
    if target_label is not None:
        guess, sure = target_label, jt.ones_like(target_label) > 0
    terms = _classification(parts, found, label, logits, loss)
    if loss.target_classification and target_label is not None:
        terms["target_classification"] = _cross_entropy(item_logits, target_label, loss)
    if loss.adversarial:
        terms["adversarial"] = _adversarial(parts, found, nn.softmax(logits, dim=1), chances,
                                            iteration, loss)
    if loss.regulariser and loss.regulariser_method != "NO":
        terms["regulariser"] = target_regulariser(loss.regulariser_method, chances)
    if loss.centroid:
        terms["centroid"], memory = _centroids(found, label, guess, sure, memory, loss)
    pairs = Pairs(label, guess, sure)
    if memory.pairs is not None:
        pairs = pairs_or_previous(pairs, memory.pairs)
        memory = memory._replace(pairs=pairs)
    _bridge(terms, found, pairs, loss)
    if loss.orthogonal and iteration >= loss.orthogonal_start:
        terms["orthogonal"] = orthogonal_projection_loss(found.plain, label, loss.orthogonal_gamma)
    return terms, memory


def category_sum(terms: Mapping[str, jt.Var], loss: CategoryLossConfig) -> jt.Var:
    """The scalar that training minimises; raises ConfigError where no loss is switched on."""
    if not terms:
        raise ConfigError("no loss is left to minimise: give loss.classification a weight")
    return sum(getattr(loss, name) * term for name, term in terms.items())


def _classification(parts: Adaptation, found: DomainEmbeddings, label: jt.Var, logits: jt.Var,
                    loss: CategoryLossConfig) -> dict[str, jt.Var]:
    """Of the plain and of the style-mixed pictures."""
    terms: dict[str, jt.Var] = {}
    if loss.classification:
        terms["classification"] = _cross_entropy(logits, label, loss)
    if loss.mixed_classification and found.mixed is not None:
        terms["mixed_classification"] = _cross_entropy(parts.net.classify(found.mixed), label, loss)
    return terms


def _cross_entropy(logits: jt.Var, label: jt.Var, loss: CategoryLossConfig) -> jt.Var:
    return label_smoothing_loss(logits, label, loss.label_smoothing, loss.label_smoothing_classes)


def _centroids(found: DomainEmbeddings, label: jt.Var, guess: jt.Var, sure: jt.Var, memory: Memory,
               loss: CategoryLossConfig) -> tuple[jt.Var, Memory]:
    """SM from where the centroids are; or, as released, from nowhere and to nowhere."""
    before = memory.centroids
    if loss.centroid_memory == "none":
        before = CentroidState.fresh(*before.source.shape)
    term, after = centroid_alignment_loss(found.plain, label, found.items, guess, sure, before,
                                          loss.centroid_decay)
    return term, memory if loss.centroid_memory == "none" else memory._replace(centroids=after)


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
    domain_loss = DOMAIN_LOSSES[loss.adversarial_sigmoid]
    return domain_loss(logits[:count], logits[count:], *weights)


def _bridge(terms: dict[str, jt.Var], found: DomainEmbeddings, pairs: Pairs,
            loss: CategoryLossConfig) -> None:
    """Consistency and contrast, on rows of length one."""
    plain = l2_normalise(found.plain)
    mixed = plain if found.mixed is None else l2_normalise(found.mixed)
    if loss.consistency and found.mixed is not None:
        terms["consistency"] = consistency_loss(plain, mixed, loss.consistency_temperature)
    if loss.contrast:
        terms["contrast"] = contrast_loss(
            mixed, l2_normalise(found.items), pairs.first_label, pairs.second_label,
            loss.contrast_temperature, pairs.second_usable)
