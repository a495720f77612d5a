"""From a configuration to a network: built, started from pretrained weights, frozen as asked."""
from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Callable

import numpy as np

from crossmodal.config import CategoryConfig, CategoryModelConfig, ConfigError, ModelConfig
from crossmodal.models.category_net import Adaptation, CategoryNet
from crossmodal.models.domain_discriminator import WIDTH as DISCRIMINATOR_WIDTH
from crossmodal.models.layers import freeze_batch_norm
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.split_backbone import SplitBackbone
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.runtime import jt
from crossmodal.runtime.limits import in_words, max_memory
from crossmodal.runtime.log import get_logger
from crossmodal.weights.errors import WeightsError
from crossmodal.weights.match import adapt_stem, match, stacked_stem
from crossmodal.weights.pretrained import read_pretrained

_LOG = get_logger(__name__)
Stem = Callable[[np.ndarray, int], np.ndarray]  # (O, 3, k, k) filters, channels -> (O, C, k, k)
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
                           model.dropout, model.query_channels, model.view_channels,
                           model.style_form)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    # Jittor draws a random start when it is first needed: what ran before would decide its values.
    jt.sync(list(named_tensors(net).values()))
    if pretrained:
        query_stem = partial(adapt_stem, gray=model.gray_stem, mask=model.mask_stem)
        view_stem = partial(stacked_stem, gray=model.gray_stem)
        known = model.stem_start == "pretrained"
        net.weights = {
            "query": _load_tower(net.query_encoder, model.query_backbone, model.pretrained,
                                 query_stem if known else None),
            "view": _load_tower(net.rendering_encoder, model.view_backbone,
                                model.view_pretrained or model.pretrained,
                                view_stem if known else None)}
    for encoder in (net.query_encoder, net.rendering_encoder):
        _freeze(encoder, model)
    return net


def build_category_net(model: CategoryModelConfig, classes: int,
                       pretrained: bool = True) -> CategoryNet:
    """The category level's network for so many classes; else like `build_retrieval_net`."""
    try:
        net = CategoryNet(model.backbone, model.split, model.bottleneck, classes,
                          model.activation == "relu", model.gradients == "heads", model.dropout,
                          model.style_form)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    jt.sync(list(named_tensors(net).values()))
    if pretrained:
        net.weights = {"encoder": _load_tower(net.encoder, model.backbone, model.pretrained)}
    _freeze(net.encoder, model)
    return net


def check_classes(config: CategoryConfig, classes: int) -> None:
    """Raise ConfigError where memory cannot hold what a training on so many classes moves.

    The largest part is the discriminator, which sees every feature times every class; of each
    number there are weight, momentum, gradient and step.
    """
    dim = config.model.bottleneck
    needed, limit = 4 * 4 * classes * dim * (DISCRIMINATOR_WIDTH + 1), max_memory()
    if needed > limit:
        raise ConfigError(
            f"{config.data.source_list}: {classes} classes times model.bottleneck={dim} features "
            f"take {in_words(needed)} in training, and {in_words(limit)} are allowed: correct the "
            "labels, lower model.bottleneck, or allow more with --max-memory")


def build_adaptation(net: CategoryNet, config: CategoryConfig) -> Adaptation:
    """The network with what its training needs besides."""
    return Adaptation(net, config.data.batch_size if config.loss.contrast_form == "released" else 0)


def _freeze(encoder: SplitBackbone, model: ModelConfig | CategoryModelConfig) -> None:
    if model.norm_statistics == "frozen":
        freeze_batch_norm(encoder)
    if model.freeze != "none":
        encoder.freeze_through(model.freeze)


def _load_tower(encoder: SplitBackbone, backbone: str, source: str | None,
                stem: Stem | None = adapt_stem) -> dict[str, object]:
    """Load what fits; the report, which goes into the run's checkpoint.

    stem : makes the first convolution's filters from RGB ones; None: they stay random
    """
    if source is None:
        _LOG.info("%s starts at random: no model.pretrained", backbone)
        return {}
    arrays, path, digest = read_pretrained(source)
    tensors = named_tensors(encoder.network)
    filters = arrays.pop(encoder.network.stem_weight, None)
    if filters is not None and stem is not None:
        channels = tensors[encoder.network.stem_weight].shape[1]
        arrays[encoder.network.stem_weight] = stem(filters, channels)
    selected, report = match(arrays, _shapes(tensors), str(path), _CLASSIFIERS)
    if not selected:
        raise WeightsError(f"{path}: none of its {len(arrays)} tensors fits {backbone}; name that "
                           "network's weights in model.pretrained, or none to start at random")
    assign(tensors, selected)
    report.sha256 = digest
    report.log(_LOG)
    return report.as_dict()


def _shapes(tensors: Mapping[str, jt.Var]) -> dict[str, tuple[int, ...]]:
    """Shapes of everything but the head, which no ImageNet file holds."""
    return {name: tuple(int(n) for n in tensor.shape) for name, tensor in tensors.items()
            if not name.startswith("fc.")}
