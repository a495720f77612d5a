"""The category-level objective of SC-IBSR: source labels, and what needs no target label.

Target labels take part only if the caller hands them over, as the released training does.
"""
from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from crossmodal.config import CategoryLossConfig, ConfigError
from crossmodal.losses import (
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
from crossmodal.losses.released_adversarial import (
    class_major_map,
    released_entropy_weights,
    twice_squashed_adversarial_loss,
)
from crossmodal.losses.released_category import (
    released_category_consistency_loss,
    released_centroid_loss,
    released_orthogonal_loss,
)
from crossmodal.losses.released_contrast import (
    PairedRows,
    released_pair_contrast_loss,
    with_previous,
)
from crossmodal.models.category_net import Adaptation, DomainEmbeddings, Memory
from crossmodal.models.gradient_reversal import reverse_gradient
from crossmodal.models.layers import l2_normalise
from crossmodal.runtime import jt
from crossmodal.training.pseudo_labels import pseudo_labels
from crossmodal.training.schedule import ramp

nn = jt.nn
WEIGHTS = ("classification", "target_classification", "adversarial", "regulariser", "centroid",
           "consistency", "contrast", "orthogonal")


class Labels:
    """Classes of the source pictures (B,) and of the items (B,), and which of these to believe."""

    def __init__(self, source: jt.Var, target: jt.Var | None, chances: jt.Var,
                 confidence: float) -> None:
        self.source = source
        self.target, self.usable = pseudo_labels(chances, confidence)
        if target is not None:
            self.target, self.usable = target, jt.ones_like(target) > 0


def category_objective(parts: Adaptation, found: DomainEmbeddings, label: jt.Var, iteration: int,
                       loss: CategoryLossConfig, target_label: jt.Var | None = None
                       ) -> tuple[dict[str, jt.Var], Memory]:
    """Every loss by its name, unweighted, and what is to be remembered after the step.

    A loss of weight 0 is not computed. Where nothing is mixed the plain pictures are what all
    losses see, and there is no consistency.

    Parameters
    ----------
    label : (B,) int, the source pictures' classes
    target_label : (B,) int, the items' classes, to take the place of pseudo-labels and to be
        learnt; None, and nothing here knows them
    """
    memory = parts.memory
    mixed = found.plain if found.mixed is None else found.mixed
    source = mixed if loss.pictures == "mixed" else found.plain
    logits, item_logits = parts.net.classify(source), parts.net.classify(found.items)
    chances = nn.softmax(item_logits, dim=1)
    labels = Labels(label, target_label, chances, loss.confidence)
    terms: dict[str, jt.Var] = {}
    if loss.classification:
        terms["classification"] = _cross_entropy(logits, label, loss)
    if loss.target_classification and target_label is not None:
        terms["target_classification"] = _cross_entropy(item_logits, target_label, loss)
    if loss.adversarial:
        terms["adversarial"] = _adversarial(parts, (source, found.items),
                                            (nn.softmax(logits, dim=1), chances), iteration, loss)
    if loss.regulariser and loss.regulariser_method != "NO":
        terms["regulariser"] = target_regulariser(loss.regulariser_method, chances)
    if loss.centroid:
        terms["centroid"], memory = _centroids(source, found.items, labels, memory, loss)
    if loss.consistency and found.mixed is not None:
        terms["consistency"] = _consistency(found.plain, found.mixed, loss)
    if loss.contrast:
        terms["contrast"], memory = _contrast(parts, mixed, found, labels, memory, loss)
    if loss.orthogonal and iteration >= loss.orthogonal_start:
        orthogonal = orthogonal_projection_loss if loss.orthogonal_form == "paper" \
            else released_orthogonal_loss
        terms["orthogonal"] = orthogonal(source, label, loss.orthogonal_gamma)
    return terms, memory


def category_sum(terms: Mapping[str, jt.Var], loss: CategoryLossConfig) -> jt.Var:
    """The scalar that training minimises; raises ConfigError where no loss is switched on."""
    if not terms:
        raise ConfigError("no loss is left to minimise: give loss.classification a weight")
    return sum(getattr(loss, name) * term for name, term in terms.items())


def _cross_entropy(logits: jt.Var, label: jt.Var, loss: CategoryLossConfig) -> jt.Var:
    return label_smoothing_loss(logits, label, loss.label_smoothing, loss.label_smoothing_classes)


def _adversarial(parts: Adaptation, features: tuple[jt.Var, jt.Var],
                 chances: tuple[jt.Var, jt.Var], iteration: int, loss: CategoryLossConfig
                 ) -> jt.Var:
    """CDAN or CDAN+E behind the reversal, whose coefficient grows from 0 towards 1.

    Released: the discriminator counts its calls before it takes the coefficient, one too many.
    """
    released, count = loss.adversarial_form == "released", features[0].shape[0]
    if loss.adversarial_features == "normalised":  # of the length that entries of size 1 give
        features = tuple(l2_normalise(rows) * parts.net.dim ** 0.5 for rows in features)
    joint = jt.concat([(class_major_map if released else conditional_map)(*pair)
                       for pair in zip(features, chances)], dim=0)
    reversal = ramp(iteration + released, max_steps=loss.ramp_steps)
    logits = parts.discriminator(reverse_gradient(joint, reversal))
    domain_loss, weigh = domain_adversarial_loss, entropy_weights
    if released:
        domain_loss, weigh = twice_squashed_adversarial_loss, partial(
            released_entropy_weights, coefficient=ramp(iteration, max_steps=loss.ramp_steps))
    weights = map(weigh, chances) if loss.adversarial_method == "CDAN+E" else ()
    return domain_loss(logits[:count], logits[count:], *weights)


def _centroids(source: jt.Var, items: jt.Var, labels: Labels, memory: Memory,
               loss: CategoryLossConfig) -> tuple[jt.Var, Memory]:
    """SM from where the centroids are; or, as released, of the batch alone."""
    given = (source, labels.source, items, labels.target, labels.usable)
    if loss.centroid_form == "released":
        return released_centroid_loss(*given, memory.centroids.source.shape[0],
                                      loss.centroid_decay), memory
    term, after = centroid_alignment_loss(*given, memory.centroids, loss.centroid_decay)
    return term, memory._replace(centroids=after)


def _consistency(plain: jt.Var, mixed: jt.Var, loss: CategoryLossConfig) -> jt.Var:
    """L_fgc on rows of length one; or, as released, of any length."""
    if loss.consistency_form == "released":
        return released_category_consistency_loss(plain, mixed)
    return consistency_loss(l2_normalise(plain), l2_normalise(mixed), loss.consistency_temperature)


def _contrast(parts: Adaptation, mixed: jt.Var, found: DomainEmbeddings, labels: Labels,
              memory: Memory, loss: CategoryLossConfig) -> tuple[jt.Var, Memory]:
    """L_clc between mixed pictures and items; or, as released, of a list of pairs, which is that of
    an earlier step where this one has none.
    """
    if loss.contrast_form == "paper":
        return contrast_loss(l2_normalise(mixed), l2_normalise(found.items), labels.source,
                             labels.target, loss.contrast_temperature, labels.usable), memory
    now = PairedRows(found.hidden, mixed, found.items, labels.source, labels.target, labels.usable)
    rows = now if memory.pairs is None else with_previous(
        now, memory.pairs, parts.net.embed(memory.pairs.hidden))
    kept = PairedRows(*(array.detach() for array in rows))
    return released_pair_contrast_loss(rows, loss.contrast_temperature), memory._replace(pairs=kept)
