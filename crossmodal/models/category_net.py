"""CategoryNet: one network for photos and shapes, trained with the photos' labels alone."""
from __future__ import annotations

from typing import NamedTuple

from crossmodal.losses import CentroidState
from crossmodal.models.domain_discriminator import DomainDiscriminator
from crossmodal.models.layers import xavier_linear
from crossmodal.models.split_backbone import SplitBackbone
from crossmodal.models.style_transition import StyleDraw, style_transition
from crossmodal.runtime import jt

nn = jt.nn


class DomainEmbeddings(NamedTuple):
    """What an iteration compares; ``mixed`` is None where style transition is off."""

    plain: jt.Var  # (B, D) source pictures
    mixed: jt.Var | None  # (B, D) the same with mixed styles
    items: jt.Var  # (B, D) target items, pooled over their views


class CategoryNet(nn.Module):
    """Backbone, bottleneck, classifier (ResNet-50, 256 and the class count in the paper).

    Parameters
    ----------
    backbone : name, see :mod:`crossmodal.models.backbones`
    split : stage after which styles are mixed
    dim : length of the bottleneck's features, D
    classes : C
    rectified : clip the bottleneck's features at 0, as a test does before it compares them
    """

    def __init__(self, backbone: str, split: str, dim: int, classes: int,
                 rectified: bool = False) -> None:
        self.weights: dict[str, dict[str, object]] = {}  # what its pretrained weights filled
        self.encoder = SplitBackbone(backbone, 3, split)
        self.bottleneck = xavier_linear(self.encoder.network.out_features, dim)
        self.classifier = xavier_linear(dim, classes)
        self.dim, self.classes, self.rectified = dim, classes, rectified

    def execute(self, images: jt.Var, views: jt.Var,
                draw: StyleDraw | None = None) -> DomainEmbeddings:
        """Features of an iteration's pixels.

        images : (B, 3, H, W); views : (B, V, 3, h, w); draw : None for no style transition
        """
        lower = self.encoder.lower
        low_views = lower(views.reshape((-1, *views.shape[2:])))
        return self.embed_lowered(
            lower(images), low_views.reshape((*views.shape[:2], *low_views.shape[1:])), draw)

    def embed_lowered(self, low_images: jt.Var, low_views: jt.Var,
                      draw: StyleDraw | None = None) -> DomainEmbeddings:
        """Features where the maps at the split are known.

        low_images : (B, C', H', W'); low_views : (B, V, C', H', W')
        """
        mixed = None
        if draw is not None:
            mixed = self.finish(style_transition(low_images, low_views, draw.permutation, draw.mix))
        return DomainEmbeddings(self.finish(low_images), mixed, self.finish_items(low_views))

    def finish(self, low: jt.Var) -> jt.Var:
        """(N, C', H', W') maps at the split -> (N, D)."""
        features = self.bottleneck(self.encoder.upper(low))
        return nn.relu(features) if self.rectified else features

    def finish_items(self, low: jt.Var) -> jt.Var:
        """(N, V, C', H', W') maps at the split -> (N, D), the maximum over an item's views."""
        count, views = low.shape[:2]
        rows = self.finish(low.reshape((count * views, *low.shape[2:])))
        return rows.reshape((count, views, self.dim)).max(1)

    def classify(self, features: jt.Var) -> jt.Var:
        """(N, D) -> (N, C) logits."""
        return self.classifier(features)


class Adaptation(nn.Module):
    """All that category-level training moves: the network, the discriminator, the centroids."""

    def __init__(self, net: CategoryNet) -> None:
        self.net = net
        self.discriminator = DomainDiscriminator(net.dim * net.classes)
        fresh = CentroidState.fresh(net.classes, net.dim)
        self.source, self.target = fresh.source, fresh.target
        self.source_seen, self.target_seen = fresh.source_seen, fresh.target_seen

    def train(self) -> Adaptation:
        """Training mode; gives back the gradients that an evaluation of the network stopped."""
        self.net.train()  # Jittor keeps what it stopped with the module whose eval() was called
        super().train()
        return self

    @property
    def centroids(self) -> CentroidState:
        """The moving class centroids."""
        return CentroidState(self.source, self.target, self.source_seen, self.target_seen)

    def remember(self, state: CentroidState) -> None:
        """Take over the centroids after a step."""
        for name, value in zip(state._fields, state):
            getattr(self, name).update(value)
