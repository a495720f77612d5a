"""From a configuration to a network: built, started from pretrained weights, frozen as asked."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crossmodal.config import ConfigError, ModelConfig
from crossmodal.models.layers import freeze_batch_norm
from crossmodal.models.retrieval_net import Encoder, RetrievalNet
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.runtime import jt
from crossmodal.runtime.log import get_logger
from crossmodal.weights.match import adapt_stem, match
from crossmodal.weights.pretrained import read_pretrained

_LOG = get_logger(__name__)
_CLASSIFIERS = ("fc.", "classifier.")  # the 1000-class layers that nobody misses


def build_retrieval_net(model: ModelConfig, pretrained: bool = True) -> RetrievalNet:
    """The network of a configuration.

    Parameters
    ----------
    model : the configuration's section
    pretrained : read the ImageNet weights it names; False where a checkpoint follows

    Raises ConfigError for settings that do not go together, and what the weights' reader raises.
    """
    try:
        net = RetrievalNet(model.query_backbone, model.view_backbone, model.split, model.z_dim,
                           model.dropout, model.query_channels, model.view_channels)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    # Jittor draws a random start when it is first needed: what ran before would decide its values.
    jt.sync(list(named_tensors(net).values()))
    if pretrained:
        _load_tower(net.query_encoder, model.query_backbone, model.pretrained, model)
        _load_tower(net.rendering_encoder, model.view_backbone,
                    model.view_pretrained or model.pretrained, model)
    for encoder in (net.query_encoder, net.rendering_encoder):
        if model.norm_statistics == "frozen":
            freeze_batch_norm(encoder)
        if model.freeze != "none":
            encoder.freeze_through(model.freeze)
    return net


def _load_tower(encoder: Encoder, backbone: str, source: str | None, model: ModelConfig) -> None:
    if source is None:
        _LOG.info("%s starts at random: no model.pretrained", backbone)
        return
    arrays, path, digest = read_pretrained(source)
    tensors = named_tensors(encoder.network)
    stem = encoder.network.stem_weight
    if stem in arrays:
        arrays[stem] = adapt_stem(arrays[stem], tensors[stem].shape[1], model.gray_stem,
                                  model.mask_stem)
    selected, report = match(arrays, _shapes(tensors), str(path), _CLASSIFIERS)
    assign(tensors, selected)
    report.sha256 = digest
    report.log(_LOG)


def _shapes(tensors: Mapping[str, jt.Var]) -> dict[str, tuple[int, ...]]:
    """Shapes of everything but the head, which no ImageNet file holds."""
    return {name: tuple(int(n) for n in tensor.shape) for name, tensor in tensors.items()
            if not name.startswith("fc.")}


def network_arrays(net: RetrievalNet) -> dict[str, np.ndarray]:
    """Every tensor of the network, running statistics too, for a checkpoint."""
    return {name: tensor.numpy() for name, tensor in named_tensors(net).items()}
