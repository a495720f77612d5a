"""The whole network: one golden training step, where gradients go, names, and evaluation."""

from __future__ import annotations

from typing import Callable

import numpy as np
import pytest
from golden.formula import fingerprint
from golden.golden_arrays import assert_near, read

from crossmodal.config import LossConfig
from crossmodal.models.retrieval_net import Encoder, RetrievalNet
from crossmodal.models.style_transition import StyleDraw
from crossmodal.models.tensors import named_tensors
from crossmodal.runtime import jt
from crossmodal.training.objective import objective, weighted_sum

IMAGE_SHAPE = np.array([0, 1, 1, 2, 3, 4])
CATEGORY = np.array([0, 1, 0, 1, 1, 0])
Make = Callable[..., RetrievalNet]


def draw() -> StyleDraw:
    return StyleDraw(jt.array(np.array([3, 0, 5, 1, 4, 2])),
                     jt.array(np.array([0.1, 0.9, 0.4, 0.7, 0.0, 1.0], np.float32)))


def step(net: RetrievalNet, images: jt.Var, views: jt.Var,
         only: str = "") -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Loss terms by name, and gradients of their sum (or of ``only`` one) by tensor."""
    terms = objective(net, net(images, views, draw()),
                      jt.array(IMAGE_SHAPE[:, None] == np.arange(6)),
                      jt.array(CATEGORY[IMAGE_SHAPE][:, None] == CATEGORY),
                      jt.array(IMAGE_SHAPE), LossConfig())
    total = terms[only] if only else weighted_sum(terms, LossConfig())
    moving = {n: t for n, t in named_tensors(net).items() if not t.is_stop_grad()}
    gradients = jt.grad(total, list(moving.values()))
    jt.sync_all(True)
    values = {**{n: t.item() for n, t in terms.items()}, "total": total.item()}
    return values, {n: g.numpy() for n, g in zip(moving, gradients)}


@pytest.mark.parametrize("plain_learns", [True, False])
def test_golden_training_step(make_net: Make, images: jt.Var, views: jt.Var,
                              plain_learns: bool) -> None:
    """Every term, every tensor's gradient and every running statistic of a step of two ResNet-18
    towers, with an independent network in double precision; in one pass and in two."""
    golden, net = read("training_step"), make_net()
    net.plain_learns = plain_learns
    values, gradients = step(net, images, views)
    for name, value in values.items():
        key = "total" if name == "total" else f"term.{name}"
        assert_near(np.array(value), golden[key], 1e-4, name)
    assert_near(gradients["attention.linear_in.weight"], golden["gradient.attention"], 1e-3)
    moving = {n for n in gradients if not n.startswith("attention")}
    assert moving == {n[5:] for n in golden if n.startswith("grad.")}
    for name in moving:
        assert_near(np.array(fingerprint(name, gradients[name])), golden[f"grad.{name}"], 2e-3,
                    f"gradient of {name}")
    for name, tensor in named_tensors(net).items():
        if "running" in name:
            assert_near(np.array(fingerprint(name, tensor.numpy())), golden[f"statistics.{name}"],
                        1e-4, name)


@pytest.mark.parametrize("term", ["consistency", "contrast"])
def test_consistency_and_contrast_train_the_network(make_net: Make, images: jt.Var, views: jt.Var,
                                                    term: str) -> None:
    """Both reach the first convolutions of both towers: the style bridge lets them through."""
    _, gradients = step(make_net(), images, views, only=term)
    for tower in ("query_encoder", "rendering_encoder"):
        for name in ("conv1.weight", "layer2.1.bn2.bias"):
            assert np.linalg.norm(gradients[f"{tower}.resnet.{name}"]) > 1e-4


def test_freezing_leaves_no_gradient_and_no_new_statistics(make_net: Make, images: jt.Var,
                                                           views: jt.Var) -> None:
    net = make_net()
    net.query_encoder.freeze_through("layer3")  # past the split: both halves are concerned
    net.rendering_encoder.freeze_through("stem")
    tensors = named_tensors(net)
    frozen = [n for n in tensors
              if n.startswith(tuple(f"query_encoder.resnet.{part}" for part in
                                    ("conv1", "bn1", "layer1", "layer2", "layer3")))
              or n.startswith(("rendering_encoder.resnet.conv1", "rendering_encoder.resnet.bn1"))]
    before = {n: tensors[n].numpy().copy() for n in tensors if "running" in n}
    _, gradients = step(net, images, views)
    assert not set(frozen) & set(gradients) and len(frozen) > 40
    assert all(np.linalg.norm(g) > 0 for g in gradients.values())
    for name, array in before.items():
        assert np.array_equal(array, tensors[name].numpy()) == (name in frozen), name


def test_names_are_those_of_the_released_model(make_net: Make) -> None:
    shapes = {n: tuple(t.shape) for n, t in named_tensors(make_net()).items()}
    for tower, channels in (("query_encoder", 4), ("rendering_encoder", 1)):
        assert shapes[f"{tower}.resnet.conv1.weight"] == (64, channels, 7, 7)
        assert shapes[f"{tower}.resnet.layer2.0.downsample.1.running_var"] == (128,)
        assert shapes[f"{tower}.resnet.fc.0.weight"] == (512,)
        assert shapes[f"{tower}.resnet.fc.0.running_mean"] == (512,)
        assert shapes[f"{tower}.resnet.fc.1.weight"] == (8, 512)
        assert shapes[f"{tower}.resnet.fc.1.bias"] == (8,)
    assert shapes["attention.linear_in.weight"] == (8, 8)
    assert shapes["attention.linear_out.weight"] == (8, 16)
    assert {n.split(".")[0] for n in shapes} == {"query_encoder", "rendering_encoder", "attention"}


def test_evaluation_is_deterministic_and_without_dropout(make_net: Make, images: jt.Var,
                                                         views: jt.Var) -> None:
    net, dropping = make_net(), make_net(dropout=0.9)
    net.eval()
    dropping.eval()
    found = []
    for network in (net, net, dropping):
        with jt.no_grad():
            found.append(network(images, views))
            jt.sync_all(True)  # by itself: passes computed together may share work
    one, two, other = found
    assert one.mixed is None
    for name in ("plain", "tokens"):
        assert np.array_equal(getattr(one, name).numpy(), getattr(two, name).numpy())
        assert np.array_equal(getattr(one, name).numpy(), getattr(other, name).numpy())
    assert tuple(one.tokens.shape) == (6, 2, 8) and tuple(net.score(*one[::2]).shape) == (6, 6)
    assert_near(np.linalg.norm(one.tokens.numpy(), axis=2), np.ones((6, 2)), 1e-5)


def test_dropout_acts_in_training_and_follows_the_seed(make_net: Make) -> None:
    tower, pooled = make_net(dropout=0.5).query_encoder, jt.ones((6, 512))
    found = []
    for seed in (1, 1, 2):
        jt.core.set_seed(seed)
        found.append(tower.head(pooled).numpy())
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_unknown_split_and_stage_are_named() -> None:
    with pytest.raises(ValueError, match="resnet18 cannot be split after 'layer4': choose one of "
                                         "stem, layer1, layer2, layer3"):
        Encoder("resnet18", 3, "layer4", 8, 0.0)
    with pytest.raises(ValueError, match="cannot freeze through 'layer9'"):
        Encoder("mobilenet_v2", 3, "layer1", 8, 0.0).freeze_through("layer9")
