"""A network from its configuration: pretrained start, first convolutions, what is frozen."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from golden.formula import weight

from crossmodal.config import ModelConfig
from crossmodal.models.backbones import build_backbone
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.layers import BatchNorm
from crossmodal.models.tensors import named_tensors, to_arrays
from crossmodal.weights.errors import WeightsError

SMALL = ModelConfig(query_backbone="mobilenet_v2", view_backbone="mobilenet_v2", z_dim=8)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like torchvision's, with the 1000-class layer and counters nobody needs."""
    tensors = {n: weight(n, tuple(t.shape))
               for n, t in named_tensors(build_backbone("mobilenet_v2")).items()}
    tensors["classifier.1.weight"] = np.zeros((1000, 1280), np.float32)
    tensors["features.0.1.num_batches_tracked"] = np.array(7)
    path = tmp_path_factory.mktemp("weights") / "imagenet.npz"
    np.savez(path, **tensors)
    return path


def test_both_towers_start_from_the_file(imagenet: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        net = build_retrieval_net(replace(SMALL, pretrained=str(imagenet), mask_stem="zero",
                                          gray_stem="sum"))
    arrays = to_arrays(net)
    stem = weight("features.0.0.weight", (32, 3, 3, 3))
    query = arrays["query_encoder.mobilenet_v2.features.0.0.weight"]
    gray = arrays["rendering_encoder.mobilenet_v2.features.0.0.weight"]
    assert np.array_equal(query[:, :3], stem) and not query[:, 3].any()
    assert np.allclose(gray, stem.sum(1, keepdims=True), atol=1e-6)
    for tower in ("query_encoder", "rendering_encoder"):
        for name in ("features.5.conv.1.0.weight", "features.18.1.running_var"):
            found = arrays[f"{tower}.mobilenet_v2.{name}"]
            assert np.array_equal(found, weight(name, found.shape))
    assert "260 of 260 tensors loaded" in caplog.text


def test_a_stem_may_inherit_the_mean(imagenet: Path) -> None:
    net = build_retrieval_net(replace(SMALL, pretrained=str(imagenet)))
    stem = weight("features.0.0.weight", (32, 3, 3, 3)).mean(1)
    arrays = to_arrays(net)
    for name, channel in (("query_encoder", 3), ("rendering_encoder", 0)):
        found = arrays[f"{name}.mobilenet_v2.features.0.0.weight"][:, channel]
        assert np.allclose(found, stem, atol=1e-6)


def test_no_file_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        build_retrieval_net(SMALL)
    assert caplog.text.count("mobilenet_v2 starts at random") == 2


def test_missing_file_is_an_error() -> None:
    with pytest.raises((ValueError, OSError), match="no_such_weights"):
        build_retrieval_net(replace(SMALL, pretrained="no_such_weights.npz"))


def test_frozen_statistics_and_stages() -> None:
    net = build_retrieval_net(replace(SMALL, norm_statistics="frozen", freeze="layer1"))
    for tower in (net.query_encoder, net.rendering_encoder):
        backbone = [m for m in tower.network.features.modules() if isinstance(m, BatchNorm)]
        assert len(backbone) == 52 and all(norm.frozen for norm in backbone)
        assert tower.frozen_stages == ("stem", "layer1")
        moving = {n for n, t in named_tensors(tower.network).items() if not t.is_stop_grad()}
        assert "features.3.conv.2.weight" not in moving and "features.4.conv.2.weight" in moving
        assert "fc.1.weight" in moving


def test_a_backbone_the_split_does_not_suit_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be split after 'layer4'"):
        build_retrieval_net(replace(SMALL, split="layer4"))


def test_what_the_file_filled_is_kept(imagenet: Path) -> None:
    net = build_retrieval_net(replace(SMALL, pretrained=str(imagenet)))
    assert set(net.weights) == {"query", "view"}
    assert net.weights["query"]["loaded"] == 260 and net.weights["query"]["random"] == []


def test_another_networks_file_is_refused(imagenet: Path) -> None:
    with pytest.raises(WeightsError, match=r"imagenet.npz: none of its \d+ tensors fits resnet18"):
        build_retrieval_net(replace(SMALL, query_backbone="resnet18", pretrained=str(imagenet)))


def test_stacked_views_start_with_the_gray_filter_each(imagenet: Path) -> None:
    """Four equal views give what one view gives."""
    net = build_retrieval_net(replace(SMALL, pretrained=str(imagenet), view_channels=4))
    found = to_arrays(net)["rendering_encoder.mobilenet_v2.features.0.0.weight"]
    gray = weight("features.0.0.weight", (32, 3, 3, 3)).mean(1)
    assert found.shape == (32, 4, 3, 3) and np.allclose(found, gray[:, None] / 4, atol=1e-6)


def test_first_convolutions_may_stay_random_as_released(imagenet: Path,
                                                        caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        net = build_retrieval_net(replace(SMALL, pretrained=str(imagenet), stem_start="random"))
    arrays = to_arrays(net)
    stem = weight("features.0.0.weight", (32, 3, 3, 3))
    query = arrays["query_encoder.mobilenet_v2.features.0.0.weight"]
    assert not np.isin(query[:, :3], stem).any()
    assert net.weights["query"]["random"] == net.weights["view"]["random"] == [
        "features.0.0.weight"]
    norm = arrays["query_encoder.mobilenet_v2.features.0.1.weight"]
    assert np.array_equal(norm, weight("features.0.1.weight", norm.shape))
    assert caplog.text.count("1 stay at their random start: features.0.0.weight") == 2
