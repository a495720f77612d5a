"""The instance-level objective of SC-IBSR: ``L_inst + 0.2 L_cat + L_fgc + L_clc``."""
from __future__ import annotations

from collections.abc import Mapping

from crossmodal.config import ConfigError, LossConfig
from crossmodal.losses import category_loss, consistency_loss, contrast_loss, instance_loss
from crossmodal.losses.released_bridge import released_consistency_loss, released_contrast_loss
from crossmodal.models.layers import l2_normalise
from crossmodal.models.retrieval_net import Embeddings, RetrievalNet
from crossmodal.runtime import jt


def objective(net: RetrievalNet, found: Embeddings, same_instance: jt.Var, same_category: jt.Var,
              image_shape: jt.Var, loss: LossConfig) -> dict[str, jt.Var]:
    """Every loss by its name, unweighted; a loss of weight 0 is not computed.

    Parameters
    ----------
    found : embeddings of the batch; without ``mixed`` the plain query takes its place (CMIC)
    same_instance, same_category : (B, S) bool, images by shapes
    image_shape : (B,) int, the slot of each image's shape among the S
    """
    bridge = found.plain if found.mixed is None else found.mixed
    terms: dict[str, jt.Var] = {}
    _compare(terms, "", net.score(bridge, found.tokens), same_instance, same_category, loss)
    if found.mixed is not None and loss.plain_query:
        _compare(terms, "plain_", net.score(found.plain, found.tokens), same_instance,
                 same_category, loss)
    terms.update(_bridge(found, bridge, image_shape, loss))
    return terms


def weighted_sum(terms: Mapping[str, jt.Var], loss: LossConfig) -> jt.Var:
    """The scalar that training minimises; raises ConfigError where no loss is switched on."""
    if not terms:
        raise ConfigError("no loss is left to minimise: give one of loss.instance, loss.category, "
                          "loss.contrast (or, with style transition, loss.consistency) a weight")
    weights = {"instance": loss.instance, "category": loss.category,
               "plain_instance": loss.plain_query * loss.instance,
               "plain_category": loss.plain_query * loss.category,
               "consistency": loss.consistency, "contrast": loss.contrast}
    return sum(weights[name] * term for name, term in terms.items())


def _bridge(found: Embeddings, bridge: jt.Var, image_shape: jt.Var,
            loss: LossConfig) -> dict[str, jt.Var]:
    """Consistency and contrast, in the forms that are asked for."""
    terms: dict[str, jt.Var] = {}
    if found.mixed is not None and loss.consistency:
        terms["consistency"] = consistency_loss(
            found.plain, found.mixed, loss.consistency_temperature) \
            if loss.consistency_form == "paper" else released_consistency_loss(found.plain,
                                                                               found.mixed)
    if loss.contrast:
        terms["contrast"] = _contrast(bridge, found.tokens, image_shape, loss)
    return terms


def _contrast(bridge: jt.Var, tokens: jt.Var, image_shape: jt.Var, loss: LossConfig) -> jt.Var:
    if loss.contrast_form == "released":
        return released_contrast_loss(bridge, tokens, loss.contrast_temperature)
    shapes = l2_normalise(tokens.max(1) if loss.contrast_tokens == "max" else tokens.mean(1))
    return contrast_loss(bridge, shapes, image_shape, jt.arange(shapes.shape[0]),
                         loss.contrast_temperature)


def _compare(terms: dict[str, jt.Var], prefix: str, scores: jt.Var, same_instance: jt.Var,
             same_category: jt.Var, loss: LossConfig) -> None:
    if loss.instance:
        terms[prefix + "instance"] = instance_loss(scores, same_instance, loss.tau)
    if loss.category:
        terms[prefix + "category"] = category_loss(scores, same_category, loss.tau)
