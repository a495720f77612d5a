"""CategoryNet: pooling after the bottleneck, style mixing, backbones by name, checkpoints."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from category_data import KINDS, change
from golden.formula import uniform, weight

from crossmodal import checkpoint
from crossmodal.checkpoint import CheckpointError
from crossmodal.config import (
    CategoryConfig,
    CategoryModelConfig,
    Config,
    ConfigError,
    ModelConfig,
    to_dict,
)
from crossmodal.models.build import (
    build_category_net,
    build_retrieval_net,
    check_classes,
)
from crossmodal.models.category_encode import CategoryEncoder
from crossmodal.models.category_net import Adaptation, CategoryNet
from crossmodal.models.layers import BatchNorm
from crossmodal.models.style_transition import StyleDraw, style_transition
from crossmodal.models.tensors import assign, named_tensors, to_arrays
from crossmodal.runtime import jt
from crossmodal.training import run_state
from crossmodal.training.optimiser import Group, Optimiser

SMALL = CategoryModelConfig(backbone="resnet18", bottleneck=8, dropout=0.0)
CONFIG = CategoryConfig(model=SMALL, data=change(CategoryConfig().data, "image_size=32",
                                                 "view_size=32"))


def formula_net() -> CategoryNet:
    """ResNet-18, features of 8, 3 classes, in evaluation mode."""
    net = build_category_net(SMALL, 3)
    tensors = named_tensors(net)
    assign(tensors, {n: weight(n, tuple(t.shape)) for n, t in tensors.items()})
    net.eval()
    return net


@pytest.fixture(scope="module")
def net() -> CategoryNet:
    return formula_net()


@pytest.fixture(scope="module")
def views() -> np.ndarray:
    """(3, 4, 3, 32, 32)"""
    return np.asarray(uniform("views", (12, 3, 32, 32)).reshape(3, 4, 3, 32, 32))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """(4, 3, 32, 32)"""
    return uniform("images", (4, 3, 32, 32))


def near(found: Any, expected: Any, tolerance: float = 1e-4) -> None:
    found, expected = (v.numpy() if isinstance(v, jt.Var) else v for v in (found, expected))
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def items(net: CategoryNet, images: np.ndarray, views: np.ndarray) -> np.ndarray:
    return net(jt.array(images), jt.array(views)).items.numpy()


def test_an_item_is_the_maximum_over_its_views_after_the_bottleneck(
        net: CategoryNet, images: np.ndarray, views: np.ndarray) -> None:
    one_by_one = net(jt.array(views.reshape(12, 3, 32, 32)), jt.array(views[:1])).plain.numpy()
    assert one_by_one.min() < 0  # nothing clips them
    found = items(net, images, views)
    near(found, one_by_one.reshape(3, 4, 8).max(1))
    assert np.abs(found - one_by_one.reshape(3, 4, 8).mean(1)).max() > 1e-2 * np.abs(found).max()


def test_the_order_of_views_does_not_matter(net: CategoryNet, images: np.ndarray,
                                            views: np.ndarray) -> None:
    expected = items(net, images, views)
    for order in ([3, 1, 0, 2], [1, 2, 3, 0]):
        near(items(net, images, views[:, order]), expected)
    near(items(net, images, views[[2, 0, 1]]), expected[[2, 0, 1]])
    assert np.abs(items(net, images, views[:, :2]) - expected).max() > 1e-3


def test_one_view_is_an_item_of_its_own(net: CategoryNet, images: np.ndarray) -> None:
    found = net(jt.array(images), jt.array(images[:, None]))
    near(found.items, found.plain)
    assert found.mixed is None


def test_a_style_of_ones_own_changes_nothing(net: CategoryNet, images: np.ndarray,
                                             views: np.ndarray) -> None:
    order = jt.array(np.array([2, 0, 1, 1], np.int32))
    for mix, same in ((np.ones(4), True), (np.zeros(4), False), (np.full(4, 0.5), False)):
        found = net(jt.array(images), jt.array(views),
                    StyleDraw(order, jt.array(mix.astype(np.float32))))
        assert (np.abs(found.mixed.numpy() - found.plain.numpy()).max() < 1e-3) == same
        near(found.plain, net(jt.array(images), jt.array(views)).plain)


def test_in_training_mixed_and_plain_pictures_are_normalised_apart() -> None:
    """As if they came one after the other, mixed ones first."""
    low_images = jt.array(uniform("low images", (4, 128, 4, 4)))
    low_views = jt.array(uniform("low views", (4, 2, 128, 4, 4)))
    draw = StyleDraw(jt.array(np.array([2, 0, 1, 1], np.int32)),
                     jt.array(np.array([0.2, 0.9, 0.5, 0.0], np.float32)))
    net, single = formula_net(), formula_net()
    net.train()
    single.train()
    found = net.embed_lowered(low_images, low_views, draw)
    near(found.mixed, single.finish(style_transition(low_images, low_views, *draw)))
    near(found.plain, single.finish(low_images))
    near(found.items, single.finish_items(low_views))
    for name, statistic in named_tensors(net).items():
        if "running" in name:
            near(statistic, named_tensors(single)[name])


def test_logits_are_linear_in_the_features(net: CategoryNet) -> None:
    features = uniform("features", (5, 8))
    arrays = to_arrays(net.classifier)
    near(net.classify(jt.array(features)), features @ arrays["weight"].T + arrays["bias"])


@pytest.mark.parametrize("name, features", [("ResNet50", 2048), ("resnet34", 512),
                                            ("mobilenet_v2", 1280)])
def test_backbones_by_either_name(name: str, features: int) -> None:
    built = build_category_net(replace(SMALL, backbone=name), 21)
    assert built.bottleneck.weight.shape == [8, features]
    assert built.classifier.weight.shape == [21, 8]


@pytest.mark.parametrize("name", ["AlexNet", "VGG16BN", "vgg11"])
def test_backbones_with_hidden_layers_by_either_name(name: str) -> None:
    built = build_category_net(replace(SMALL, backbone=name), 21)
    assert built.bottleneck.weight.shape == [8, 4096]


@pytest.mark.parametrize("settings, complaint", [
    ({"backbone": "ResNet55"}, "unknown backbone 'ResNet55'; did you mean 'ResNet50'"),
    ({"split": "layer9"}, "cannot be split after 'layer9'"),
    ({"split": "layer4"}, "cannot be split after 'layer4'"),
])
def test_what_cannot_be_built(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        build_category_net(replace(SMALL, **settings), 3)


def test_freezing() -> None:
    frozen = build_category_net(replace(SMALL, freeze="layer2", norm_statistics="frozen"), 3)
    norms = [m for m in frozen.encoder.network.modules() if isinstance(m, BatchNorm)]
    assert norms and all(norm.frozen for norm in norms) and frozen.encoder.lower_is_frozen
    moving = {n for n, t in named_tensors(frozen).items() if not t.is_stop_grad()}
    assert not any(".layer2." in name for name in moving)
    assert {"encoder.resnet.layer3.0.conv1.weight", "bottleneck.weight"} <= moving


def test_gradients_return_after_an_evaluation_of_the_network_alone(images: np.ndarray) -> None:
    parts = Adaptation(formula_net())
    parts.train()
    CategoryEncoder(parts.net, CONFIG, KINDS).rows(images[:, None])
    parts.train()
    low = parts.net.encoder.lower(jt.array(images))
    gradient = jt.grad((low * low).sum(), [parts.net.encoder.network.conv1.weight])[0]
    assert np.abs(gradient.numpy()).max() > 0


def saved(folder: Path, net: CategoryNet, config: CategoryConfig = CONFIG,
          classes: tuple[str, ...] = KINDS) -> Path:
    """A run's folder with this network in it."""
    parts = Adaptation(net)
    parts.train()
    groups = [Group("all", dict(parts.named_parameters()))]
    run_state.save(folder, config, parts, Optimiser(groups, "nesterov"), run_state.Progress(),
                   facts={"classes": list(classes)})
    return folder


def test_a_checkpoint_brings_back_the_network(tmp_path: Path, net: CategoryNet,
                                              views: np.ndarray) -> None:
    expected = CategoryEncoder(net, CONFIG, KINDS).rows(views)
    assert expected.shape == (3, 8 + 3)
    there = CategoryEncoder.from_checkpoint(saved(tmp_path, formula_net()))
    assert there.classes == list(KINDS) and there.config == CONFIG
    assert np.array_equal(there.rows(views), expected)
    again = CategoryEncoder.from_checkpoint(tmp_path / "last.safetensors")
    assert again.fingerprint == there.fingerprint != ""
    other = formula_net()
    other.classifier.bias.update(other.classifier.bias + 1e-3)
    changed = CategoryEncoder.from_checkpoint(saved(tmp_path / "other", other))
    assert changed.fingerprint != there.fingerprint


@pytest.mark.parametrize("config, classes, complaint", [
    (CONFIG, (*KINDS, "torus"), r"classifier.weight \(3, 8\) instead of \(4, 8\)"),
    (replace(CONFIG, model=replace(SMALL, backbone="resnet34")), KINDS,
     r"missing: encoder.resnet.layer1.2.conv1.weight"),
    (replace(CONFIG, model=replace(SMALL, bottleneck=9)), KINDS,
     r"bottleneck.weight \(8, 512\) instead of \(9, 512\)"),
])
def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path, config: CategoryConfig,
                                                    classes: tuple[str, ...],
                                                    complaint: str) -> None:
    folder = saved(tmp_path, formula_net(), config, classes)
    with pytest.raises(CheckpointError, match=f"(?s){re.escape(str(folder))} does not fit.*"
                                              f"{complaint}"):
        CategoryEncoder.from_checkpoint(folder)


def test_a_checkpoint_of_the_instance_level_is_refused(tmp_path: Path) -> None:
    config = Config(model=ModelConfig(query_backbone="resnet18", view_backbone="resnet18", z_dim=8))
    checkpoint.save(tmp_path, checkpoint.Checkpoint(model=to_arrays(build_retrieval_net(
        config.model)), state={"config": to_dict(config)}))
    with pytest.raises(CheckpointError, match="not a category-level checkpoint; test it with "
                                              "Instance-level/RetrievalNet_test.py"):
        CategoryEncoder.from_checkpoint(tmp_path)


def test_dropout_stands_before_the_bottleneck_in_training_only(images: np.ndarray) -> None:
    """Of an entry in two nothing is left; each picture and view draws its own."""
    net = build_category_net(replace(SMALL, dropout=0.5), 3)
    low = net.encoder.lower(jt.array(np.repeat(images[:1], 8, axis=0)))
    net.eval()
    whole = net.hidden(low).numpy()
    assert np.array_equal(net.finish(low).numpy(), net.embed(jt.array(whole)).numpy())
    net.train()
    for module in net.modules():
        if isinstance(module, BatchNorm):
            module.frozen = True  # as in the evaluation
    dropped = net.hidden(low).numpy()
    left = dropped != 0
    assert np.abs(dropped[left] - 2 * whole[left]).max() < 1e-4 * np.abs(whole).max()
    part = left[:, whole[0] != 0].mean()
    assert 0.45 < part < 0.55 and not np.array_equal(left[0], left[1])


def test_the_default_is_the_papers_dropout() -> None:
    assert build_category_net(CategoryModelConfig(backbone="resnet18"), 3).dropout.p == 0.5


def test_more_classes_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of a million lines may have as many labels; nothing is built of them."""
    monkeypatch.setenv("CROSSMODAL_MAX_MEMORY", str(2**31))
    check_classes(CategoryConfig(), 400)
    with pytest.raises(ConfigError, match=r"source_train.txt: 1000000 classes times "
                       r"model.bottleneck=256 features take 3.8 TiB in training, and 2.0 GiB are "
                       r"allowed: correct the labels.*--max-memory"):
        check_classes(CategoryConfig(), 10**6)
    check_classes(CONFIG, 5000)  # features of 8
