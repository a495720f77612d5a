"""A backbone in two halves: styles are mixed between them."""
from __future__ import annotations

from crossmodal.kernels import library, maps
from crossmodal.models.backbones import build_backbone
from crossmodal.models.layers import freeze_batch_norm
from crossmodal.models.tensors import named_tensors
from crossmodal.runtime import jt

nn = jt.nn


class SplitBackbone(nn.Module):
    """A backbone cut after a named stage; its tensors are named ``<family>.<torchvision name>``.

    Parameters
    ----------
    backbone : name, see :mod:`crossmodal.models.backbones`
    in_channels : of the pictures
    split : name of the last stage of the lower half

    Raises ValueError for an unknown backbone, and where it cannot be split there.
    """

    def __init__(self, backbone: str, in_channels: int, split: str) -> None:
        network = build_backbone(backbone, in_channels)
        if split not in network.stages[:-1]:
            raise ValueError(f"{backbone} cannot be split after {split!r}: choose one of "
                             f"{', '.join(network.stages[:-1])}")
        self.family = network.family
        setattr(self, self.family, network)
        cut = network.stages.index(split) + 1
        self.lower_stages, self.upper_stages = network.stages[:cut], network.stages[cut:]
        self.frozen_stages: tuple[str, ...] = ()

    @property
    def network(self) -> nn.Module:
        """The backbone; the slot ``fc`` is for a head."""
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

    def stem(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) images -> (N, C0, H0, W0) features after the first stage."""
        return self._features(self.lower_stages[:1], x)

    def lower(self, x: jt.Var) -> jt.Var:
        """(N, C, H, W) images -> (N, C', H', W') features at the split."""
        return self._features(self.lower_stages, x)

    def after_stem(self, stem: jt.Var) -> jt.Var:
        """The first stage's features -> (N, C', H', W') features at the split."""
        return self._features(self.lower_stages[1:], stem)

    def upper(self, features: jt.Var) -> jt.Var:
        """(N, C', H', W') features at the split -> (N, F) pooled features."""
        if self._blocks():
            features = maps.to_blocked(features)
        return self.network.pool(self._run(self.upper_stages, features))

    def _blocks(self) -> bool:
        """Whether maps are to be blocked: then the CPU's kernels compute."""
        return self.network.takes_blocked_maps and library.usable()

    def _features(self, stages: tuple[str, ...], x: jt.Var) -> jt.Var:
        if stages != self.lower_stages[:len(stages)] and self._blocks():
            x = maps.to_blocked(x)
        x = self._run(stages, x)
        return maps.to_plain(x, self.network.stage_channels[stages[-1]]) \
            if maps.is_blocked(x) else x

    def _run(self, stages: tuple[str, ...], x: jt.Var) -> jt.Var:
        for name in stages:
            x = self.network.run_stage(name, x)
            if name in self.frozen_stages:
                x = x.stop_grad()
        return x
