"""Heads that start from the principal components of the backbones' features."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from golden.formula import uniform
from golden.golden_arrays import assert_near

from crossmodal.config import Config, ConfigError, ModelConfig
from crossmodal.config.instance import HeadConfig
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.runtime import jt
from crossmodal.training import head_start
from crossmodal.training.head_start import FrozenFeatures, principal_components, set_projection

WIDTH, DIM = 512, 8


@pytest.fixture(scope="module")
def features() -> FrozenFeatures:
    """Ten shapes in a 20-dimensional corner of the feature space, seen by twenty pictures whose
    features lie elsewhere: the towers' means differ, the directions agree."""
    rng = np.random.default_rng(0)
    basis, shapes = rng.normal(size=(20, WIDTH)), rng.normal(size=(10, 20))
    owner = np.arange(20) % 10
    views = (shapes[:, None] + 0.1 * rng.normal(size=(10, 3, 20))) @ basis + 2
    queries = (shapes[owner] + 0.1 * rng.normal(size=(20, 20))) @ basis - 3
    return FrozenFeatures(queries.astype(np.float32), views.astype(np.float32), owner)


def network() -> RetrievalNet:
    return RetrievalNet("resnet18", "resnet18", dim=DIM, dropout=0.0)


def ranked_first(net: RetrievalNet, features: FrozenFeatures) -> float:
    """Part of the queries whose own shape comes first."""
    net.eval()
    queries = net.query_encoder.head(jt.array(features.queries))
    tokens = net.rendering_encoder.head(jt.array(features.views.reshape(-1, WIDTH)))
    scores = net.score(queries, tokens.reshape(10, 3, DIM)).numpy()
    return float((scores.argmax(1) == features.query_shape).mean())


def test_components_are_the_leading_singular_directions() -> None:
    views = uniform("views of features", (20, 3, 32)) * np.linspace(3, 0.1, 32, dtype=np.float32)
    found = principal_components(views, 4)
    rows = views.reshape(-1, 32).astype(np.float64)
    _, _, expected = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    assert_near(np.abs((found * expected[:4]).sum(1)), np.ones(4), 1e-5)
    assert_near(found @ found.T, np.eye(4), 1e-5)


def test_few_views_are_completed_by_directions_at_right_angles() -> None:
    views = uniform("few", (2, 3, 32))
    found = principal_components(views, 8)
    assert_near(found @ found.T, np.eye(8), 1e-5)
    centred = views.reshape(-1, 32) - views.reshape(-1, 32).mean(0)
    assert_near(centred @ found.T @ found, centred, 1e-5)  # nothing of a view is lost


def test_a_projection_longer_than_a_feature_is_an_error() -> None:
    with pytest.raises(ValueError, match="model.z_dim=33 is more than the 32 numbers"):
        principal_components(uniform("few", (20, 3, 32)), 33)


def test_both_heads_project_after_their_own_centre(features: FrozenFeatures) -> None:
    net, components = network(), principal_components(features.views, DIM)
    set_projection(net, features, components)
    net.eval()
    for tower, rows in ((net.query_encoder, features.queries),
                        (net.rendering_encoder, features.views.reshape(-1, WIDTH))):
        expected = (rows - rows.mean(0)) @ components.T
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        assert_near(tower.head(jt.array(rows)).numpy(), expected, 1e-3)


def test_the_projection_finds_what_random_heads_do_not(features: FrozenFeatures) -> None:
    net = network()
    assert ranked_first(net, features) < 0.6
    set_projection(net, features, principal_components(features.views, DIM))
    assert ranked_first(net, features) > 0.9


def test_aligning_improves_the_objective_and_leaves_the_backbones(
    features: FrozenFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy = replace(features, queries=features.queries
                    + np.random.default_rng(1).normal(0, 6, (20, WIDTH)).astype(np.float32))
    net = network()
    set_projection(net, noisy, principal_components(noisy.views, DIM))
    config = Config(head=HeadConfig(steps=8, lr=1e-3, batch_size=20, shapes=10))
    losses, backbone = [], net.query_encoder.network.conv1.weight.numpy().copy()
    plain = head_start._align_loss
    monkeypatch.setattr(head_start, "_align_loss",
                        lambda *a: losses.append(plain(*a)) or losses[-1])
    head_start.align(net, noisy, config)
    assert losses[-1].item() < losses[0].item()
    assert np.array_equal(backbone, net.query_encoder.network.conv1.weight.numpy())


def test_two_feature_lengths_cannot_share_a_projection() -> None:
    net = SimpleNamespace(query_encoder=SimpleNamespace(network=SimpleNamespace(out_features=512)),
                          rendering_encoder=SimpleNamespace(
                              network=SimpleNamespace(out_features=2048)))
    config = Config(model=ModelConfig(head_start="pca"))
    with pytest.raises(ValueError, match="512 and 2048: choose the same backbone"):
        head_start.start_heads(net, None, config)


def test_a_random_start_touches_nothing() -> None:
    head_start.start_heads(None, None, Config(model=ModelConfig(head_start="random")))


def test_heads_are_aligned_on_the_pictures_whose_path_begins_so() -> None:
    batches = SimpleNamespace(records=[SimpleNamespace(id=name) for name in
                                       ("icon/1.jpg", "photo/icon/1.jpg", "icon/2.jpg")])
    assert head_start._places(batches, "icon/") == [0, 2]
    assert head_start._places(batches, None) == [0, 1, 2]
    with pytest.raises(ConfigError, match=r"head.only: none of 3 .* begins with 'drawing/'"):
        head_start._places(batches, "drawing/")
