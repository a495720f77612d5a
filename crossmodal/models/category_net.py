"""CategoryNet: one network for photos and shapes, trained with the photos' labels alone."""
from __future__ import annotations

from typing import NamedTuple

from crossmodal.losses import CentroidState, Pairs
from crossmodal.models.domain_discriminator import DomainDiscriminator
from crossmodal.models.layers import joined, xavier_linear
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
    heads_only : stop gradients where the released code does, pictures' before the bottleneck and
        items' after it: no loss reaches the backbone, and no item the bottleneck
    """

    def __init__(self, backbone: str, split: str, dim: int, classes: int,
                 rectified: bool = False, heads_only: bool = False) -> None:
        self.weights: dict[str, dict[str, object]] = {}  # what its pretrained weights filled
        self.encoder = SplitBackbone(backbone, 3, split)
        self.bottleneck = xavier_linear(self.encoder.network.out_features, dim)
        self.classifier = xavier_linear(dim, classes)
        self.dim, self.classes, self.rectified = dim, classes, rectified
        self.heads_only = heads_only

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
        if draw is None:
            plain, mixed = self.finish(low_images), None
        else:
            low_mixed = style_transition(low_images, low_views, draw.permutation, draw.mix)
            mixed, plain = joined(self.finish, low_mixed, low_images)
        return DomainEmbeddings(plain, mixed, self.finish_items(low_views))

    def finish(self, low: jt.Var) -> jt.Var:
        """(N, C', H', W') maps at the split -> (N, D)."""
        pooled = self.encoder.upper(low)
        features = self.bottleneck(pooled.detach() if self.heads_only else pooled)
        return nn.relu(features) if self.rectified else features

    def finish_items(self, low: jt.Var) -> jt.Var:
        """(N, V, C', H', W') maps at the split -> (N, D), the maximum over an item's views."""
        count, views = low.shape[:2]
        rows = self.finish(low.reshape((count * views, *low.shape[2:])))
        rows = rows.detach() if self.heads_only else rows
        return rows.reshape((count, views, self.dim)).max(1)

    def classify(self, features: jt.Var) -> jt.Var:
        """(N, D) -> (N, C) logits."""
        return self.classifier(features)


class Memory(NamedTuple):
    """What an iteration leaves to the next one, besides weights."""

    centroids: CentroidState
    pairs: Pairs | None = None  # None: pairs are not remembered


class Adaptation(nn.Module):
    """All that category-level training moves: the network, the discriminator, the memory.

    Parameters
    ----------
    centroid_classes : rows of the centroid tables; 0 for the network's classes, never fewer
    pairs : (B, items) of the contrast's pairs that are remembered; None: they are not

    Raises ValueError for fewer rows than classes.
    """

    def __init__(self, net: CategoryNet, centroid_classes: int = 0,
                 pairs: tuple[int, int] | None = None) -> None:
        rows = centroid_classes or net.classes
        if rows < net.classes:
            raise ValueError(f"loss.centroid_classes is {rows}, but there are {net.classes} "
                             "classes; 0 takes as many as there are")
        self.net = net
        self.discriminator = DomainDiscriminator(net.dim * net.classes)
        fresh = CentroidState.fresh(rows, net.dim)
        self.source, self.target = fresh.source, fresh.target
        self.source_seen, self.target_seen = fresh.source_seen, fresh.target_seen
        self.pair_names = Pairs._fields if pairs else ()
        for name, value in zip(self.pair_names, Pairs.none(*pairs) if pairs else ()):
            setattr(self, f"pair_{name}", value)

    def train(self) -> Adaptation:
        """Training mode; gives back the gradients that an evaluation of the network stopped."""
        self.net.train()  # Jittor keeps what it stopped with the module whose eval() was called
        super().train()
        return self

    @property
    def memory(self) -> Memory:
        """The moving class centroids, and the last pairs if they are remembered."""
        centroids = CentroidState(self.source, self.target, self.source_seen, self.target_seen)
        pairs = [getattr(self, f"pair_{name}") for name in self.pair_names]
        return Memory(centroids, Pairs(*pairs) if pairs else None)

    def remember(self, memory: Memory) -> None:
        """Take over what a step leaves."""
        for name, value in zip(memory.centroids._fields, memory.centroids):
            getattr(self, name).update(value)
        for name, value in zip(self.pair_names, memory.pairs or ()):
            getattr(self, f"pair_{name}").update(value)
