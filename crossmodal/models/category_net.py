"""CategoryNet: one network for photos and shapes, trained with the photos' labels alone."""
from __future__ import annotations

from typing import NamedTuple

from crossmodal.losses import CentroidState
from crossmodal.losses.released_contrast import PairedRows
from crossmodal.models.domain_discriminator import DomainDiscriminator
from crossmodal.models.layers import joined, xavier_linear
from crossmodal.models.released_category_style import released_category_style
from crossmodal.models.split_backbone import SplitBackbone
from crossmodal.models.style_transition import StyleDraw, style_transition
from crossmodal.runtime import jt

nn = jt.nn


class DomainEmbeddings(NamedTuple):
    """What an iteration compares; ``mixed`` is None where style transition is off."""

    plain: jt.Var  # (B, D) source pictures
    mixed: jt.Var | None  # (B, D) the same with mixed styles
    items: jt.Var  # (B, D) target items, pooled over their views
    hidden: jt.Var | None = None  # (B, F) what the bottleneck made ``mixed`` of, or else ``plain``


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
        items' after it: the backbone learns nothing and does not decay, and no item teaches the
        bottleneck
    dropout : probability before the bottleneck, training only; each picture and view draws its own
    style_form : "paper", or "released": see :mod:`crossmodal.models.released_category_style`
    """

    def __init__(self, backbone: str, split: str, dim: int, classes: int, rectified: bool = False,
                 heads_only: bool = False, dropout: float = 0.0, style_form: str = "paper"
                 ) -> None:
        self.weights: dict[str, dict[str, object]] = {}  # what its pretrained weights filled
        self.encoder = SplitBackbone(backbone, 3, split)
        self.dropout = nn.Dropout(dropout)
        self.bottleneck = xavier_linear(self.encoder.network.out_features, dim)
        self.classifier = xavier_linear(dim, classes)
        self.dim, self.classes, self.rectified = dim, classes, rectified
        self.heads_only, self.released_style = heads_only, style_form == "released"
        if heads_only:
            for parameter in self.encoder.parameters():
                parameter.stop_grad()

    def execute(self, images: jt.Var, views: jt.Var,
                draw: StyleDraw | None = None) -> DomainEmbeddings:
        """Features of an iteration's pixels.

        images : (B, 3, H, W); views : (B, V, 3, h, w); draw : None for no style transition
        """
        if draw is not None and self.released_style:
            return self._embed_as_released(images, views, draw)
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
            hidden = self.hidden(low_images)
            return DomainEmbeddings(self.embed(hidden), None, self.finish_items(low_views), hidden)
        if self.released_style:
            return self._finish_as_released(low_images, low_images, low_views, draw)
        low_mixed = style_transition(low_images, low_views, draw.permutation, draw.mix)
        hidden, plain = joined(self.hidden, low_mixed, low_images)
        return DomainEmbeddings(self.embed(plain), self.embed(hidden),
                                self.finish_items(low_views), hidden)

    def _embed_as_released(self, images: jt.Var, views: jt.Var,
                           draw: StyleDraw) -> DomainEmbeddings:
        """The released passes, each normalised by its own batch: below the split, too, pictures are
        seen twice, the views last by the stem and first by every stage after it.
        """
        stem, after = self.encoder.stem, self._after_stem
        to_mix, to_keep, seen = stem(images), stem(images), stem(
            views.reshape((-1, *views.shape[2:])))
        low_views, to_mix, to_keep = after(seen), after(to_mix), after(to_keep)
        return self._finish_as_released(
            to_mix, to_keep, low_views.reshape((*views.shape[:2], *low_views.shape[1:])), draw)

    def _finish_as_released(self, to_mix: jt.Var, to_keep: jt.Var, low_views: jt.Var,
                            draw: StyleDraw) -> DomainEmbeddings:
        """Views, then mixed pictures, then plain ones."""
        items = self.finish_items(low_views)
        hidden = self.hidden(released_category_style(to_mix, low_views, draw.permutation, draw.mix))
        return DomainEmbeddings(self.finish(to_keep), self.embed(hidden), items, hidden)

    def _after_stem(self, x: jt.Var) -> jt.Var:
        return self.encoder.after_stem(x) if len(self.encoder.lower_stages) > 1 else x

    def hidden(self, low: jt.Var) -> jt.Var:
        """(N, C', H', W') maps at the split -> (N, F), what the bottleneck is given."""
        pooled = self.encoder.upper(low)
        return self.dropout(pooled.detach() if self.heads_only else pooled)

    def embed(self, hidden: jt.Var) -> jt.Var:
        """(N, F) -> (N, D) features."""
        features = self.bottleneck(hidden)
        return nn.relu(features) if self.rectified else features

    def finish(self, low: jt.Var) -> jt.Var:
        """(N, C', H', W') maps at the split -> (N, D)."""
        return self.embed(self.hidden(low))

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
    pairs: PairedRows | None = None  # None: they are not remembered


class Adaptation(nn.Module):
    """All that category-level training moves: the network, the discriminator, the memory.

    Parameters
    ----------
    remembered : rows of a batch that are kept for a batch without a pair; 0: none are
    """

    def __init__(self, net: CategoryNet, remembered: int = 0) -> None:
        self.net = net
        self.discriminator = DomainDiscriminator(net.dim * net.classes)
        fresh = CentroidState.fresh(net.classes, net.dim)
        self.source, self.target = fresh.source, fresh.target
        self.source_seen, self.target_seen = fresh.source_seen, fresh.target_seen
        self.pair_names = PairedRows._fields if remembered else ()
        rows = PairedRows.none(remembered, net.encoder.network.out_features, net.dim)
        for name, value in zip(self.pair_names, rows):
            setattr(self, f"pair_{name}", value)

    def train(self) -> Adaptation:
        """Training mode; gives back the gradients that an evaluation of the network stopped."""
        self.net.train()  # Jittor keeps what it stopped with the module whose eval() was called
        super().train()
        return self

    @property
    def memory(self) -> Memory:
        """The moving class centroids, and the last paired rows if they are remembered."""
        centroids = CentroidState(self.source, self.target, self.source_seen, self.target_seen)
        pairs = [getattr(self, f"pair_{name}") for name in self.pair_names]
        return Memory(centroids, PairedRows(*pairs) if pairs else None)

    def remember(self, memory: Memory) -> None:
        """Take over what a step leaves."""
        for name, value in zip(memory.centroids._fields, memory.centroids):
            getattr(self, name).update(value)
        for name, value in zip(self.pair_names, memory.pairs or ()):
            getattr(self, f"pair_{name}").update(value)
