"""RetrievalNet: an image encoder, a multi-view shape encoder, style transition, view attention."""
from __future__ import annotations

from typing import NamedTuple

from crossmodal.models.backbones import build_backbone
from crossmodal.models.layers import BatchNorm, freeze_batch_norm, l2_normalise
from crossmodal.models.style_transition import style_transition
from crossmodal.models.tensors import named_tensors
from crossmodal.models.view_attention import ViewAttention
from crossmodal.runtime import jt

nn = jt.nn


class StyleDraw(NamedTuple):
    """One random draw of the style transition for a batch: pi (B,) int and a (B,) in [0, 1]."""

    permutation: jt.Var
    mix: jt.Var


class Embeddings(NamedTuple):
    """What a training step compares; ``mixed`` is None where style transition is off."""

    plain: jt.Var
    mixed: jt.Var | None
    tokens: jt.Var


class Encoder(nn.Module):
    """A backbone split after a named stage, average pooling, dropout and a head of length-1 rows.

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
        network = build_backbone(backbone, in_channels)
        if split not in network.stages[:-1]:
            raise ValueError(f"{backbone} cannot be split after {split!r}: choose one of "
                             f"{', '.join(network.stages[:-1])}")
        network.fc = nn.Sequential(BatchNorm(network.out_features),
                                   nn.Linear(network.out_features, dim))
        self.family = network.family
        setattr(self, self.family, network)
        cut = network.stages.index(split) + 1
        self.lower_stages, self.upper_stages = network.stages[:cut], network.stages[cut:]
        self.dropout = nn.Dropout(dropout)
        self.frozen_stages: tuple[str, ...] = ()

    @property
    def network(self) -> nn.Module:
        """The backbone with its head in ``fc``."""
        return getattr(self, self.family)

    def freeze_through(self, stage: str) -> None:
        """Fix every parameter and statistic up to and with ``stage``: no gradient goes there."""
        stages = self.network.stages
        if stage not in stages:
            raise ValueError(f"cannot freeze through {stage!r}: choose one of {', '.join(stages)}")
        self.frozen_stages = stages[:stages.index(stage) + 1]
        for name in self.frozen_stages:
            for module in self.network.stage_modules(name):
                freeze_batch_norm(module)
                for parameter in module.parameters():
                    parameter.stop_grad()

    @property
    def lower_is_frozen(self) -> bool:
        """Whether nothing below the split learns: its features are worth keeping."""
        return set(self.lower_stages) <= set(self.frozen_stages)

    def lower_tensors(self) -> dict[str, jt.Var]:
        """Every tensor below the split by stage, place and name."""
        return {f"{stage}.{i}.{name}": tensor for stage in self.lower_stages
                for i, module in enumerate(self.network.stage_modules(stage))
                for name, tensor in named_tensors(module).items()}

    def lower(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) images -> (N, C', H', W') features at the split."""
        return self._run(self.lower_stages, x)

    def upper(self, features: jt.Var) -> jt.Var:
        """(N, C', H', W') features at the split -> (N, F) pooled features."""
        return self._run(self.upper_stages, features).mean([2, 3])

    def head(self, pooled: jt.Var) -> jt.Var:
        """(N, F) pooled features -> (N, D) embeddings of length one."""
        return l2_normalise(self.network.fc(self.dropout(pooled)))

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) images -> (N, D) embeddings of length one."""
        return self.head(self.upper(self.lower(x)))

    def _run(self, stages: tuple[str, ...], x: jt.Var) -> jt.Var:
        for name in stages:
            x = self.network.run_stage(name, x)
            if name in self.frozen_stages:
                x = x.stop_grad()
        return x


class RetrievalNet(nn.Module):
    """The whole SC-IBSR network.

    ``query_encoder`` embeds images, ``rendering_encoder`` embeds views, ``attention`` scores.
    """

    def __init__(self, query_backbone: str, view_backbone: str, split: str = "layer2",
                 dim: int = 128, dropout: float = 0.5, query_channels: int = 4,
                 view_channels: int = 1) -> None:
        self.query_encoder = Encoder(query_backbone, query_channels, split, dim, dropout)
        self.rendering_encoder = Encoder(view_backbone, view_channels, split, dim, dropout)
        self.attention = ViewAttention(dim)
        self.dim = dim

    @property
    def lower_is_frozen(self) -> bool:
        """Whether nothing below the split learns, in either tower."""
        return self.query_encoder.lower_is_frozen and self.rendering_encoder.lower_is_frozen

    def execute(self, images: jt.Var, views: jt.Var, draw: StyleDraw | None = None) -> Embeddings:
        """Embed a training batch.

        Parameters
        ----------
        images : (B, 4, H, W) RGB + mask
        views : (S, V, 1, H', W'); S = B where ``draw`` is given
        draw : the batch's style draw, None for no style transition

        Returns
        -------
        Embeddings with ``plain`` and ``mixed`` (B, D) and ``tokens`` (S, V, D)
        """
        count, per_shape = views.shape[:2]
        low_views = self.rendering_encoder.lower(
            views.reshape((count * per_shape,) + tuple(views.shape[2:])))
        return self.embed_lowered(
            self.query_encoder.lower(images),
            low_views.reshape((count, per_shape) + tuple(low_views.shape[1:])), draw)

    def embed_lowered(self, low_images: jt.Var, low_views: jt.Var,
                      draw: StyleDraw | None = None) -> Embeddings:
        """Embed a batch whose features at the split are known.

        low_images : (B, C, H, W), low_views : (S, V, C, H, W); else like ``execute``
        """
        count, per_shape = low_views.shape[:2]
        tokens = self.rendering_encoder.head(self.rendering_encoder.upper(
            low_views.reshape((count * per_shape,) + tuple(low_views.shape[2:]))))
        plain = self.query_encoder.head(self.query_encoder.upper(low_images))
        mixed = None
        if draw is not None:
            low_mixed = style_transition(low_images, low_views, draw.permutation, draw.mix)
            mixed = self.query_encoder.head(self.query_encoder.upper(low_mixed))
        return Embeddings(plain, mixed, tokens.reshape(count, per_shape, self.dim))

    def score(self, queries: jt.Var, tokens: jt.Var) -> jt.Var:
        """Scores (Q, S) of embeddings (Q, D) against tokens (S, V, D)."""
        return self.attention(queries, tokens)
