"""RetrievalNet: an image encoder, a multi-view shape encoder, style transition, view attention."""
from __future__ import annotations

from typing import NamedTuple

from crossmodal.models.layers import BatchNorm, joined, l2_normalise
from crossmodal.models.released_style import recut_statistics, style_statistics
from crossmodal.models.split_backbone import SplitBackbone
from crossmodal.models.style_transition import Style, StyleDraw, mix_styles
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
    style_statistics, style_spread : see :mod:`crossmodal.models.released_style`
    """

    def __init__(self, query_backbone: str, view_backbone: str, split: str = "layer2",
                 dim: int = 128, dropout: float = 0.5, query_channels: int = 4,
                 view_channels: int = 1, style_statistics: str = "split",
                 style_spread: str = "std") -> None:
        self.weights: dict[str, dict[str, object]] = {}  # what its pretrained weights filled
        self.plain_learns = True  # whether some loss has a gradient for the plain queries
        self.query_encoder = Encoder(query_backbone, query_channels, split, dim, dropout)
        self.rendering_encoder = Encoder(view_backbone, view_channels, split, dim, dropout)
        self.attention = ViewAttention(dim)
        self.dim, self.query_channels, self.view_channels = dim, query_channels, view_channels
        self.style_from_stem = style_statistics == "stem-released"
        self.style_spread = style_spread

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
        stacks = stack_views(views, self.view_channels)
        count, per_shape = stacks.shape[:2]
        low_views = self.rendering_encoder.lower(
            stacks.reshape((count * per_shape,) + tuple(stacks.shape[2:])))
        low_images = self.query_encoder.lower(images)
        style = None
        if draw is not None and self.style_from_stem:
            style = self.stem_style(views, low_images.shape[1])
        return self.embed_lowered(
            low_images, low_views.reshape((count, per_shape) + tuple(low_views.shape[1:])), draw,
            style)

    def stem_style(self, views: jt.Var, channels: int) -> Style:
        """Shapes' style as released: (S, V, 1, H, W) views, as many stacked as a query has
        channels, through the *query* tower's stem, cut into ``channels`` pieces. In training that
        stem's batch normalisation sees the views too.
        """
        stacks = stack_views(views, self.query_channels)
        stem = self.query_encoder.stem(stacks.reshape((-1,) + tuple(stacks.shape[2:])))
        return recut_statistics(stem, views.shape[0], channels, self.style_spread)

    def embed_lowered(self, low_images: jt.Var, low_views: jt.Var, draw: StyleDraw | None = None,
                      style: Style | None = None) -> Embeddings:
        """Embed a batch whose features at the split are known.

        low_images : (B, C, H, W), low_views : (S, T, C, H, W), style : of the shapes, None for that
        of ``low_views``; else like ``execute``
        """
        count, per_shape = low_views.shape[:2]
        tokens = self.rendering_encoder.head(self.rendering_encoder.upper(
            low_views.reshape((count * per_shape,) + tuple(low_views.shape[2:]))))
        if draw is None:
            plain, mixed = self._finish(low_images), None
        else:
            own = style_statistics(low_images, self.style_spread)
            other = style_statistics(low_views, self.style_spread) if style is None else style
            everyone = Style(*(ranks.gather(figures) for figures in other))
            rows = ranks.part(len(draw.mix))
            low_mixed = mix_styles(low_images, own, everyone, draw.permutation[rows],
                                   draw.mix[rows])
            plain, mixed = joined(self._finish, low_images, low_mixed) if self.plain_learns \
                else (self._finish(low_images), self._finish(low_mixed))
            mixed = ranks.gather(mixed)
        return Embeddings(ranks.gather(plain), mixed,
                          ranks.gather(tokens.reshape(count, per_shape, self.dim)))

    def _finish(self, low_images: jt.Var) -> jt.Var:
        """(B, C, H, W) images' features at the split -> (B, D)."""
        return self.query_encoder.head(self.query_encoder.upper(low_images))

    def score(self, queries: jt.Var, tokens: jt.Var) -> jt.Var:
        """Scores (Q, S) of embeddings (Q, D) against tokens (S, V, D)."""
        return self.attention(queries, tokens)
