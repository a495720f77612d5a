"""RetrievalNet: an image encoder, a multi-view shape encoder, style transition, view attention."""
from __future__ import annotations

from typing import NamedTuple

from crossmodal.models.layers import BatchNorm, joined, l2_normalise
from crossmodal.models.released_style import deviations, mix_deviations, recut_deviations
from crossmodal.models.split_backbone import SplitBackbone
from crossmodal.models.style_transition import (
    Style,
    StyleDraw,
    channel_statistics,
    mix_styles,
)
from crossmodal.models.view_attention import ViewAttention
from crossmodal.models.view_stack import stack_views
from crossmodal.runtime import jt, ranks

nn = jt.nn


class Embeddings(NamedTuple):
    """What a training step compares; ``mixed`` is None where style transition is off."""

    plain: jt.Var
    mixed: jt.Var | None
    tokens: jt.Var


class Encoder(SplitBackbone):
    """A split backbone, its pooling, dropout and a head of length-1 rows.

    Its tensors are named as in the released model: ``<family>.<torchvision name>`` and
    ``<family>.fc.0`` (batch normalisation), ``<family>.fc.1`` (linear).

    Parameters
    ----------
    backbone : name, see :mod:`crossmodal.models.backbones`
    in_channels : 4 for RGB + mask, 1 for gray renders
    split : name of the last stage of the lower half
    dim : embedding size
    dropout : probability before the head, training only
    """

    def __init__(self, backbone: str, in_channels: int, split: str, dim: int,
                 dropout: float) -> None:
        super().__init__(backbone, in_channels, split)
        self.network.fc = nn.Sequential(BatchNorm(self.network.out_features),
                                        nn.Linear(self.network.out_features, dim))
        self.dropout = nn.Dropout(dropout)

    def head(self, pooled: jt.Var) -> jt.Var:
        """(N, F) pooled features -> (N, D) embeddings of length one."""
        return l2_normalise(self.network.fc(self.dropout(pooled)))

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) images -> (N, D) embeddings of length one."""
        return self.head(self.upper(self.lower(x)))


class RetrievalNet(nn.Module):
    """The whole SC-IBSR network.

    ``query_encoder`` embeds images, ``rendering_encoder`` embeds views, ``attention`` scores.

    Parameters
    ----------
    view_channels : views that are stacked to one token
    style_form : "paper", or "released": see :mod:`crossmodal.models.released_style`
    """

    def __init__(self, query_backbone: str, view_backbone: str, split: str = "layer2",
                 dim: int = 128, dropout: float = 0.5, query_channels: int = 4,
                 view_channels: int = 1, style_form: str = "paper") -> None:
        self.weights: dict[str, dict[str, object]] = {}  # what its pretrained weights filled
        self.plain_learns = True  # whether some loss has a gradient for the plain queries
        self.query_encoder = Encoder(query_backbone, query_channels, split, dim, dropout)
        self.rendering_encoder = Encoder(view_backbone, view_channels, split, dim, dropout)
        self.attention = ViewAttention(dim)
        self.dim, self.query_channels, self.view_channels = dim, query_channels, view_channels
        self.released_style = style_form == "released"
        for module in self.modules():
            if isinstance(module, BatchNorm):
                module.unbiased = False  # as Jittor's own, with which the released code trains

    @property
    def lower_is_frozen(self) -> bool:
        """Whether nothing below the split learns, in either tower."""
        return self.query_encoder.lower_is_frozen and self.rendering_encoder.lower_is_frozen

    def execute(self, images: jt.Var, views: jt.Var, draw: StyleDraw | None = None) -> Embeddings:
        """Embed a training batch: this process's part of it, where several train together; what
        comes back is the whole batch's.

        Parameters
        ----------
        images : (B, 4, H, W) RGB + mask
        views : (S, V, 1, H', W'); S = B where ``draw`` is given
        draw : the batch's style draw, None for no style transition

        Returns
        -------
        Embeddings with ``plain`` and ``mixed`` (B, D) and ``tokens`` (S, V / view_channels, D)
        """
        if draw is not None and self.released_style:
            return self._embed_as_released(images, views, draw)
        low_images, low_views = self.query_encoder.lower(images), self._lower_views(views)
        return self.embed_lowered(low_images, low_views, draw)

    def _lower_views(self, views: jt.Var) -> jt.Var:
        """(S, V, 1, H', W') views -> (S, T, C, H, W) their stacks' features at the split."""
        stacks = stack_views(views, self.view_channels)
        low = self.rendering_encoder.lower(stacks.reshape((-1,) + tuple(stacks.shape[2:])))
        return low.reshape(tuple(stacks.shape[:2]) + tuple(low.shape[1:]))

    def _embed_as_released(self, images: jt.Var, views: jt.Var, draw: StyleDraw) -> Embeddings:
        """The released passes in their order, each normalised by its own batch: the query tower's
        stem sees pictures, views, and pictures again, and stages up to the split see them twice.
        """
        query = self.query_encoder
        stem = query.stem(images)
        style = self.stem_style(views, query.network.stage_channels[query.lower_stages[-1]])
        mixed = self._finish(self._mix(query.after_stem(stem), style, draw))
        tokens = self._tokens(self._lower_views(views))
        plain = self._finish(query.lower(images))
        return Embeddings(*(ranks.gather(found) for found in (plain, mixed, tokens)))

    def stem_style(self, views: jt.Var, channels: int) -> Style:
        """Shapes' style as released: (S, V, 1, H, W) views, as many stacked as a query has
        channels, through the *query* tower's stem, cut into ``channels`` pieces. In training that
        stem's batch normalisation sees the views too.
        """
        stacks = stack_views(views, self.query_channels)
        stem = self.query_encoder.stem(stacks.reshape((-1,) + tuple(stacks.shape[2:])))
        return recut_deviations(stem, views.shape[0], channels)

    def embed_lowered(self, low_images: jt.Var, low_views: jt.Var, draw: StyleDraw | None = None,
                      style: Style | None = None) -> Embeddings:
        """Embed a batch whose features at the split are known.

        low_images : (B, C, H, W), low_views : (S, T, C, H, W), style : of the shapes, None for that
        of ``low_views``; else like ``execute``
        """
        tokens = self._tokens(low_views)
        if draw is None:
            plain, mixed = self._finish(low_images), None
        else:
            low_mixed = self._mix(
                low_images, channel_statistics(low_views) if style is None else style, draw)
            if self.plain_learns:
                plain, mixed = joined(self._finish, low_images, low_mixed)
            elif self.released_style:  # in this order the running statistics follow them
                mixed, plain = self._finish(low_mixed), self._finish(low_images)
            else:
                plain, mixed = self._finish(low_images), self._finish(low_mixed)
            mixed = ranks.gather(mixed)
        return Embeddings(ranks.gather(plain), mixed, ranks.gather(tokens))

    def _mix(self, low_images: jt.Var, style: Style, draw: StyleDraw) -> jt.Var:
        """This process's images' features in styles between their own and all shapes'."""
        everyone = Style(*(ranks.gather(figures) for figures in style))
        rows = ranks.part(len(draw.mix))
        permutation, mix = draw.permutation[rows], draw.mix[rows]
        if self.released_style:
            return mix_deviations(low_images, deviations(low_images), everyone, permutation, mix)
        return mix_styles(low_images, channel_statistics(low_images), everyone, permutation, mix)

    def _tokens(self, low_views: jt.Var) -> jt.Var:
        """(S, T, C, H, W) stacks' features at the split -> (S, T, D)."""
        count, per_shape = low_views.shape[:2]
        pooled = self.rendering_encoder.upper(
            low_views.reshape((count * per_shape,) + tuple(low_views.shape[2:])))
        return self.rendering_encoder.head(pooled).reshape(count, per_shape, self.dim)

    def _finish(self, low_images: jt.Var) -> jt.Var:
        """(B, C, H, W) images' features at the split -> (B, D)."""
        return self.query_encoder.head(self.query_encoder.upper(low_images))

    def score(self, queries: jt.Var, tokens: jt.Var) -> jt.Var:
        """Scores (Q, S) of embeddings (Q, D) against tokens (S, V, D)."""
        return self.attention(queries, tokens)
