"""Embedding pictures and renders: batches change nothing, files that cannot be read are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from golden.golden_arrays import assert_near
from PIL import Image

from crossmodal import checkpoint
from crossmodal.config import Config, override, to_dict
from crossmodal.data.records import QueryRecord, ShapeKey
from crossmodal.data.views import open_views
from crossmodal.models.encode import Encoder, embed_gallery, embed_queries, in_batches
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.tensors import to_arrays
from crossmodal.runtime import jt

CONFIG = override(Config(), [
    "data.image_size=64", "data.view_size=64", "data.views=2", "data.eval_batch_size=4",
    "model.query_backbone=resnet18", "model.view_backbone=resnet18", "model.z_dim=8"])


@pytest.fixture
def encoder(make_net: Callable[..., RetrievalNet]) -> Encoder:
    return Encoder(make_net(), CONFIG, "weights")


@pytest.fixture(scope="module")
def pictures() -> list[tuple[np.ndarray, np.ndarray]]:
    """Five pictures of different sizes with their masks."""
    rng = np.random.default_rng(0)
    sizes = [(64, 64), (50, 80), (90, 40), (64, 64), (30, 30)]
    return [(rng.integers(0, 256, (h, w, 3), dtype=np.uint8),
             255 * rng.integers(0, 2, (h, w)).astype(np.uint8)) for h, w in sizes]


@pytest.fixture(scope="module")
def renders() -> np.ndarray:
    """Views of three shapes."""
    return np.random.default_rng(1).integers(0, 256, (3, 2, 64, 64), dtype=np.uint8)


def test_batches_are_padded_and_cut() -> None:
    seen = []

    def embed(batch: np.ndarray) -> np.ndarray:
        seen.append(batch.shape)
        return batch * 2

    found = in_batches(list(range(7)), lambda i: np.array([float(i)]), embed, 3)
    assert seen == [(3, 1)] * 3 and found.ravel().tolist() == [0, 2, 4, 6, 8, 10, 12]


def test_a_picture_is_embedded_alike_in_any_company(encoder: Encoder, pictures: list) -> None:
    together = encoder.encode_images(pictures)
    alone = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    assert together.shape == (5, 8) and together.dtype == np.float32
    assert_near(np.linalg.norm(together, axis=1), np.ones(5), 1e-5)
    assert_near(alone, together, 1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_views_are_embedded_one_by_one(encoder: Encoder, renders: np.ndarray) -> None:
    tokens = encoder.encode_views(renders)
    turned = encoder.encode_views(renders[:, ::-1])
    assert tokens.shape == (3, 2, 8)
    assert_near(turned[:, ::-1], tokens, 1e-5)


def test_pooled_features_are_what_the_head_takes(encoder: Encoder, renders: np.ndarray) -> None:
    batch = np.zeros((3, 2, 1, 64, 64), np.float32) + renders[:, :, None] / 255
    pooled = encoder.pool_views(batch)
    head = encoder.net.rendering_encoder.head(jt.array(pooled.reshape(6, -1))).numpy()
    assert pooled.shape == (3, 2, 512)
    assert_near(head.reshape(3, 2, 8), encoder.embed_views(batch), 1e-5)


def test_unreadable_files_are_told_and_cost_nobody_else(
    encoder: Encoder, renders: np.ndarray, pictures: list, tmp_path: Path
) -> None:
    keys = [ShapeKey("chair", f"chair_{i}") for i in range(3)]
    (tmp_path / "chair").mkdir()
    for key, views in zip(keys, renders):
        np.save(tmp_path / "chair" / f"{key.instance}.npy", views)
    (tmp_path / "chair" / "chair_1.npy").write_bytes(b"")
    tokens, read = embed_gallery(encoder, open_views(tmp_path), keys)
    assert read.tolist() == [True, False, True] and not tokens[1].any()
    assert_near(tokens[[0, 2]], encoder.encode_views(renders[[0, 2]]), 1e-5)
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, (rgb, _) in zip(paths, pictures):
        Image.fromarray(rgb).save(path)
    paths[0].write_bytes(paths[0].read_bytes()[:100])
    records = [QueryRecord(path.name, str(path), None, keys[0]) for path in paths]
    found, read = embed_queries(encoder, records)
    assert read.tolist() == [False, True, True]
    assert_near(found[1:], encoder.encode_images([(rgb, None) for rgb, _ in pictures[1:3]]), 1e-4)


def test_a_checkpoint_carries_all_that_is_needed(encoder: Encoder, pictures: list,
                                                 tmp_path: Path) -> None:
    arrays, state = to_arrays(encoder.net), {"config": to_dict(CONFIG)}
    checkpoint.save(tmp_path, checkpoint.Checkpoint(model=arrays, state=state))
    elsewhere = replace(CONFIG.data, root="other", image_size=128, workers=0)
    again = Encoder.from_checkpoint(tmp_path, data=elsewhere)
    assert again.config.data.root == "other" and again.config.data.image_size == 64
    assert np.array_equal(again.encode_images(pictures), encoder.encode_images(pictures))
    assert (again.trained.data.root, again.trained.data.workers) == (CONFIG.data.root, 2)
    assert np.array_equal(again.w_in, encoder.w_in)
    same = Encoder.from_checkpoint(tmp_path / "last.safetensors")
    assert again.fingerprint == same.fingerprint
    arrays["attention.linear_in.weight"] = arrays["attention.linear_in.weight"] + 1
    checkpoint.save(tmp_path, checkpoint.Checkpoint(model=arrays, state=state))
    assert Encoder.from_checkpoint(tmp_path).fingerprint != same.fingerprint


def test_stacked_views_are_embedded_together(renders: np.ndarray) -> None:
    """One token of two views: which two, and in which order, matters."""
    encoder = Encoder(RetrievalNet("resnet18", "resnet18", dim=8, view_channels=2), CONFIG)
    tokens = encoder.encode_views(renders)
    assert tokens.shape == (3, 1, 8) and encoder.tokens == 1
    assert np.abs(encoder.encode_views(renders[:, ::-1]) - tokens).max() > 1e-4
    batch = (renders[:, :, None] / 127.5 - 1).astype(np.float32)
    assert_near(encoder.embed_views(batch), tokens, 1e-4)
    assert encoder.pool_views(batch).shape == (3, 1, 512)
    low = encoder.lower_views(batch)
    assert low.shape == (3, 1, 128, 8, 8)
    assert_near(encoder.finish_views(low), tokens, 1e-4)
