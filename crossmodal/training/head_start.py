"""How the two heads begin: at random, as released, or aligned by what the backbones already know.

Fresh random heads on separate towers throw away that pretrained features of a picture and of a
render of the same thing are alike. "pca" gives both towers one projection, the principal components
of the frozen features, each tower centred by itself; "aligned" goes on to train just the heads and
the attention on the frozen features (linear probing before fine-tuning: Kumar et al., ICLR 2022).
"""
from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from tqdm import tqdm

from crossmodal.config import Config, ConfigError
from crossmodal.data.batches import TrainBatches
from crossmodal.data.evaluation import QueryBatches, ViewBatches
from crossmodal.data.loader import Loader
from crossmodal.losses import instance_loss
from crossmodal.models.encode import Encoder, gather
from crossmodal.models.retrieval_net import Encoder as Tower
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.tensors import assign
from crossmodal.runtime import jt, seeds
from crossmodal.runtime.log import get_logger
from crossmodal.training.feature_cache import cache_folder, cached, features_key
from crossmodal.training.optimiser import Group, Optimiser
from crossmodal.training.schedule import make_schedule

_LOG = get_logger(__name__)


@dataclass(frozen=True)
class FrozenFeatures:
    """Pooled backbone features of the training set, before the heads."""

    queries: np.ndarray  # (N, F) float32
    views: np.ndarray  # (S, V, F) float32
    query_shape: np.ndarray  # (N,) int64, row of ``views`` that query shows


def start_heads(net: RetrievalNet, batches: TrainBatches, config: Config) -> None:
    """Set the heads as ``model.head_start`` says; a random start leaves them as they are.

    Raises ConfigError where the two towers' features cannot share a projection.
    """
    kind = config.model.head_start
    if kind == "random":
        return
    first, second = net.query_encoder.network, net.rendering_encoder.network
    if first.out_features != second.out_features:
        raise ConfigError("model.head_start pca and aligned need two towers of one feature length, "
                         f"not {first.out_features} and {second.out_features}: choose the same "
                         "backbone for both, or head_start=random")
    net.eval()
    key = features_key(net, batches, config.data, config.head.only or "")
    features = frozen_features(net, batches, config, key)
    set_projection(net, features, principal_components(features.views, config.model.z_dim))
    if kind == "aligned":
        tensors = head_tensors(net)
        start = [tensor.numpy() for tensor in tensors.values()]
        assign(tensors, cached(cache_folder(config), f"heads_{_heads_key(key, start, config)}",
                               lambda: align(net, features, config),
                               partial(_are_heads, tensors)))


def frozen_features(net: RetrievalNet, batches: TrainBatches, config: Config,
                    key: str) -> FrozenFeatures:
    """Every training query and every view of every training shape embedded once, without a head.

    They are kept under ``<log.save_root>/cache``.
    """
    return FrozenFeatures(**cached(cache_folder(config), f"features_{key}",
                                   lambda: _compute(net, batches, config),
                                   partial(_are_features, batches)))


def _are_heads(tensors: Mapping[str, jt.Var], found: Mapping[str, np.ndarray]) -> bool:
    """Whether stored arrays are heads of these tensors."""
    return found.keys() == tensors.keys() and all(
        array.dtype.kind == "f" and array.shape == tuple(tensors[name].shape)
        for name, array in found.items())


def _are_features(batches: TrainBatches, found: Mapping[str, np.ndarray]) -> bool:
    """Whether stored arrays are the features of these pictures and shapes."""
    if found.keys() != {"queries", "views", "query_shape"}:
        return False
    queries, views, rows = found["queries"], found["views"], found["query_shape"]
    return (queries.ndim == 2 and views.ndim == 3 and queries.dtype == views.dtype == np.float32
            and rows.dtype.kind == "i" and rows.shape == (len(queries),)
            and queries.shape[1] == views.shape[2] and len(views) == len(batches.shapes)
            and bool(((rows >= 0) & (rows < len(views))).all()))


def _heads_key(features: str, start: list[np.ndarray], config: Config) -> str:
    """Names what aligned heads depend on."""
    digest = hashlib.sha256(repr((features, config.head, config.seed)).encode())
    for array in start:
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def head_tensors(net: RetrievalNet) -> dict[str, jt.Var]:
    """What ``align`` trains: both projections and the attention."""
    tensors = {f"{name}.{part}": getattr(module, part)
               for name, module in (("query", net.query_encoder.network.fc[1]),
                                    ("view", net.rendering_encoder.network.fc[1]))
               for part in ("weight", "bias")}
    tensors["attention"] = net.attention.linear_in.weight
    return tensors


def _compute(net: RetrievalNet, batches: TrainBatches, config: Config) -> dict[str, np.ndarray]:
    encoder = Encoder(net, config)
    data = config.data
    places = _places(batches, config.head.only)
    queries, query_read = gather(
        Loader(QueryBatches([batches.records[i] for i in places], data), data.workers),
        len(places), "queries", lambda b: encoder.pool_images(b.images))
    query_shape = batches.record_shape[places]
    views, shape_read = gather(
        Loader(ViewBatches(batches.store, batches.shapes, data), data.workers),
        len(batches.shapes), "shapes", lambda b: encoder.pool_views(b.views))
    usable = query_read & shape_read[query_shape]
    return {"queries": queries[usable], "views": views, "query_shape": query_shape[usable]}


def _places(batches: TrainBatches, only: str | None) -> list[int]:
    """Places of the training pictures that heads are aligned on."""
    places = [i for i, record in enumerate(batches.records) if record.id.startswith(only or "")]
    if not places:
        raise ConfigError(f"head.only: none of {len(batches.records)} training pictures begins "
                          f"with {only!r} (first: {batches.records[0].id})")
    return places


def principal_components(views: np.ndarray, dim: int, most: int = 6000) -> np.ndarray:
    """(dim, F) leading directions of the centred features (S, V, F); at most ``most`` rows used.

    Fewer views than ``dim`` span fewer directions; others at right angles to them make up the rest.
    Raises ConfigError where a feature has fewer numbers than ``dim``.
    """
    rows = views.reshape(-1, views.shape[-1])
    rows = rows[::max(1, -(-len(rows) // most))].astype(np.float64)
    rows = rows - rows.mean(0)
    if rows.shape[1] < dim:
        raise ConfigError(f"model.z_dim={dim} is more than the {rows.shape[1]} numbers of a "
                          "feature: make it smaller, or start from head_start=random")
    _, vectors = np.linalg.eigh(rows.T @ rows)
    return np.ascontiguousarray(vectors[:, ::-1][:, :dim].T, np.float32)


def set_projection(net: RetrievalNet, features: FrozenFeatures, components: np.ndarray) -> None:
    """Make both heads ``components @ (feature - mean of its tower) / scale``, the scale shared."""
    rows = features.views.reshape(-1, features.views.shape[-1])
    scale = float(rows.std(0).mean()) + 1e-6
    for tower, found in ((net.query_encoder, features.queries), (net.rendering_encoder, rows)):
        _set_head(tower, found.mean(0), found.var(0), components / scale)
    net.attention.linear_in.weight.update(
        jt.array(_SHARPNESS * np.eye(len(components), dtype=np.float32)))


_SHARPNESS = 10.0  # of the view attention at the start: it looks at the few most similar views


def _set_head(tower: Tower, mean: np.ndarray, var: np.ndarray, components: np.ndarray) -> None:
    """Batch normalisation that only centres, then the projection."""
    norm, linear = tower.network.fc[0], tower.network.fc[1]
    norm.running_mean.update(jt.array(mean.astype(np.float32)))
    norm.running_var.update(jt.array(var.astype(np.float32)))
    norm.weight.update(jt.array(np.sqrt(var + norm.eps).astype(np.float32)))
    norm.bias.update(jt.zeros_like(norm.bias))
    linear.weight.update(jt.array(components))
    linear.bias.update(jt.zeros_like(linear.bias))


def align(net: RetrievalNet, features: FrozenFeatures, config: Config) -> dict[str, np.ndarray]:
    """Train heads and attention on frozen features: every query against every training shape.

    Returns the trained ``head_tensors``.
    """
    plan, tensors = config.head, head_tensors(net)
    net.eval()  # stored statistics, no dropout; it also stops every gradient
    for tensor in tensors.values():
        tensor.start_grad()
    optimiser = Optimiser([Group("head", tensors)], "adam")
    schedule = make_schedule("cosine", plan.steps)
    with tqdm(total=plan.steps, desc="aligning heads", unit="step", leave=False) as bar:
        for step in range(plan.steps):
            loss = _align_loss(net, features, config, step)
            optimiser.step(loss, plan.lr * schedule(step))
            bar.update()
            bar.set_postfix(loss=f"{loss.item():.3f}")
    net.train()
    _LOG.info("heads aligned on frozen features in %d steps, loss %.3f", plan.steps, loss.item())
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def _align_loss(net: RetrievalNet, features: FrozenFeatures, config: Config, step: int) -> jt.Var:
    """Instance loss of some queries against some shapes, theirs among them."""
    plan, (shapes, views, width) = config.head, features.views.shape
    rng = seeds.generator(config.seed, "align", step)
    picked = rng.permutation(len(features.queries))[:plan.batch_size]
    own, place = np.unique(features.query_shape[picked], return_inverse=True)
    others = np.setdiff1d(rng.permutation(shapes), own)
    others = rng.permutation(others)[:max(0, min(plan.shapes, shapes) - len(own))]
    rows = np.concatenate([own, others])
    queries = net.query_encoder.head(jt.array(features.queries[picked]))
    tokens = net.rendering_encoder.head(jt.array(features.views[rows].reshape(-1, width)))
    scores = net.score(queries, tokens.reshape(len(rows), views, -1))
    same = np.arange(len(rows))[None, :] == place.reshape(-1, 1)
    return instance_loss(scores, jt.array(same), plan.tau)
