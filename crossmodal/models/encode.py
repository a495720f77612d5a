"""Embed pictures and renders with a trained network, in batches of one fixed size."""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Protocol

import numpy as np
from tqdm import tqdm

from crossmodal import checkpoint
from crossmodal.checkpoint.state import required
from crossmodal.config import Config, DataConfig, PictureConfig, from_dict
from crossmodal.data.evaluation import QueryBatches, ViewBatches, query_array, view_array
from crossmodal.data.loader import Loader
from crossmodal.data.records import QueryRecord, ShapeKey
from crossmodal.data.views import ViewStore
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.models.view_stack import stack_views
from crossmodal.runtime import jt

# What a network has learnt to see; a test must not change it.
PREPARATION = ("image_size", "view_size", "views", "normalisation", "crop_to_object",
               "view_crop_to_object", "crop_margin", "image_fit")


class Encoder:
    """A network ready to embed.

    Parameters
    ----------
    net : the network; it is put into evaluation mode
    config : the configuration it was trained with; with other paths, where it is used elsewhere
    fingerprint : names the weights, so that embeddings of two networks are never compared
    """

    def __init__(self, net: RetrievalNet, config: Config, fingerprint: str = "") -> None:
        self.net, self.config, self.fingerprint = net, config, fingerprint
        self.trained = config  # as it was in training, whatever is changed to use it elsewhere
        net.eval()

    @classmethod
    def from_checkpoint(cls, path: str | Path, device: str = "auto",
                        data: DataConfig | None = None) -> Encoder:
        """Build the network a checkpoint (a file, or a run's folder: best, else last) describes.

        ``data`` says where pictures are read from now; how they are prepared for the network
        stays as it was in training. Raises CheckpointError.
        """
        from crossmodal.runtime.device import use_device
        use_device(device)
        saved = checkpoint.load(path, "best" if _has_best(path) else "last")
        config = from_dict(required(saved.state, "config", path), str(path))
        net = build_retrieval_net(config.model, pretrained=False)
        tensors = named_tensors(net)
        checkpoint.check_fit(saved.model, tensors, str(path))
        assign(tensors, saved.model)
        fingerprint = fingerprint_of(saved.model, config.model, config.data)
        encoder = cls(net, config, fingerprint)
        if data is not None:
            kept = {key: getattr(config.data, key) for key in PREPARATION}
            encoder.config = replace(config, data=replace(data, **kept))
        return encoder

    @property
    def w_in(self) -> np.ndarray:
        """(D, D) float32 matrix of the view attention."""
        return self.net.attention.linear_in.weight.numpy()

    @property
    def settings(self) -> dict[str, object]:
        """How renders must look for this network: view count, side in pixels, elevation."""
        data = self.config.data
        return {"views": data.views, "size": data.view_size, "elevation": 30.0}

    @property
    def tokens(self) -> int:
        """T, the tokens of a shape: its views, or fewer where views are stacked."""
        return self.config.data.views // self.net.view_channels

    def encode_views(self, views: np.ndarray) -> np.ndarray:
        """(N, V, H, W) uint8 renders -> (N, T, D) float32 rows of length one."""
        return in_batches(views, lambda v: view_array(v, self.config.data), self.embed_views,
                           max(1, self.config.data.eval_batch_size // views.shape[1]))

    def encode_images(self, pictures: Sequence[tuple[np.ndarray, np.ndarray | None]]) -> np.ndarray:
        """(rgb (H, W, 3) uint8, mask (H, W) or None) each -> (Q, D) float32 rows of length one."""
        return in_batches(pictures, lambda p: query_array(p[0], p[1], self.config.data),
                           self.embed_images, min(len(pictures), self.config.data.eval_batch_size))

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        """(N, 4, H, W) float32 normalised -> (N, D)."""
        return self._each_image(images, self.net.query_encoder)

    def embed_views(self, views: np.ndarray) -> np.ndarray:
        """(N, V, 1, H, W) float32 normalised -> (N, T, D), a fixed number of tokens at a time."""
        return self._each_token(self._stacked(views), self.net.rendering_encoder)

    def pool_images(self, images: np.ndarray) -> np.ndarray:
        """(N, 4, H, W) float32 normalised -> (N, F) features before the head."""
        tower = self.net.query_encoder
        return self._each_image(images, lambda x: tower.upper(tower.lower(x)))

    def lower_images(self, images: np.ndarray) -> np.ndarray:
        """(N, 4, H, W) float32 normalised -> (N, C', H', W') features at the split."""
        return self._each_image(images, self.net.query_encoder.lower)

    def pool_views(self, views: np.ndarray) -> np.ndarray:
        """(N, V, 1, H, W) float32 normalised -> (N, T, F) features before the head."""
        tower = self.net.rendering_encoder
        return self._each_token(self._stacked(views), lambda x: tower.upper(tower.lower(x)))

    def lower_views(self, views: np.ndarray) -> np.ndarray:
        """(N, V, 1, H, W) float32 normalised -> (N, T, C', H', W') features at the split."""
        return self._each_token(self._stacked(views), self.net.rendering_encoder.lower)

    def style_views(self, views: np.ndarray, channels: int) -> np.ndarray:
        """(N, V, 1, H, W) float32 normalised -> (N, 2, channels), `RetrievalNet.stem_style`."""
        with jt.no_grad():
            style = self.net.stem_style(jt.array(views), channels)
            return jt.stack(list(style), dim=1).numpy()

    def finish_images(self, low: np.ndarray) -> np.ndarray:
        """(N, C', H', W') features at the split -> (N, D)."""
        tower = self.net.query_encoder
        with jt.no_grad():
            return tower.head(tower.upper(jt.array(low))).numpy()

    def finish_views(self, low: np.ndarray) -> np.ndarray:
        """(N, T, C', H', W') features at the split -> (N, T, D)."""
        tower = self.net.rendering_encoder
        return self._each_token(low, lambda x: tower.head(tower.upper(x)))

    def _each_image(self, images: np.ndarray, embed: Callable[[jt.Var], jt.Var]) -> np.ndarray:
        with jt.no_grad():
            return embed(jt.array(images[:, :self.config.model.query_channels])).numpy()

    def _stacked(self, views: np.ndarray) -> np.ndarray:
        return stack_views(views, self.net.view_channels)

    def _each_token(self, views: np.ndarray, embed: Callable[[jt.Var], jt.Var]) -> np.ndarray:
        count, per_shape = views.shape[:2]
        flat = views.reshape((count * per_shape,) + views.shape[2:])
        size = min(len(flat), self.config.data.eval_batch_size)
        with jt.no_grad():
            rows = in_batches(flat, _as_is, lambda x: embed(jt.array(x)).numpy(), size)
        return rows.reshape((count, per_shape) + rows.shape[1:])


class Embedder(Protocol):
    """What embeds prepared pictures: one network, or several side by side."""

    config: Config

    def embed_images(self, images: np.ndarray) -> np.ndarray: ...

    def embed_views(self, views: np.ndarray) -> np.ndarray: ...


def embed_queries(encoder: Embedder, records: Sequence[QueryRecord],
                  workers: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(Q, D) embeddings of test queries in their order, and (Q,) bool: could the file be read."""
    loader = Loader(QueryBatches(records, encoder.config.data), workers)
    return gather(loader, len(records), "queries", lambda b: encoder.embed_images(b.images))


def embed_gallery(encoder: Embedder, store: ViewStore, keys: Sequence[ShapeKey],
                  workers: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(S, T, D) tokens of gallery shapes in their order, and (S,) bool: could the file be read."""
    loader = Loader(ViewBatches(store, keys, encoder.config.data), workers)
    return gather(loader, len(keys), "shapes", lambda b: encoder.embed_views(b.views))


def gather(loader: Loader[Any], count: int, noun: str,
           embed: Callable[[Any], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a test source's batches in the records' order, and which records were read."""
    rows: np.ndarray | None = None
    read = np.zeros(count, bool)
    with loader, tqdm(total=count, desc=f"embedding {noun}", leave=False) as bar:
        for batch in loader.epoch():
            valid = batch.valid
            found = embed(batch)[valid]
            if rows is None:
                rows = np.zeros((count,) + found.shape[1:], np.float32)
            rows[batch.index[valid]], read[batch.index[valid]] = found, True
            bar.update(int((batch.index >= 0).sum()))
    if rows is None:
        raise ValueError(f"there are no {noun} to embed")
    return rows, read


def _as_is(item: np.ndarray) -> np.ndarray:
    return item


def _has_best(path: str | Path) -> bool:
    return (Path(path) / f"best{checkpoint.SUFFIX}").is_file()


def in_batches(items: Any, prepare: Callable[[Any], np.ndarray],
               embed: Callable[[np.ndarray], np.ndarray], size: int) -> np.ndarray:
    """Embed ``items`` in batches of one size (the last one padded: no new shape to compile)."""
    rows = []
    for start in range(0, len(items), size):
        arrays = [prepare(item) for item in items[start:start + size]]
        count = len(arrays)
        arrays += [arrays[-1]] * (size - count)
        rows.append(embed(np.stack(arrays))[:count])
    return np.concatenate(rows)


def fingerprint_of(arrays: dict[str, np.ndarray], model: object, data: PictureConfig) -> str:
    """Hash of the weights and of what is done to a picture before them."""
    prepared = [getattr(data, key) for key in PREPARATION]
    digest = hashlib.sha256(repr((model, prepared)).encode())
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()[:16]
