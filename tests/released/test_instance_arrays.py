"""The released instance-level presets agree with what the released code computes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from released.shared_arrays import Released

from crossmodal.config import load_config
from crossmodal.data.distinct import distinct_shapes
from crossmodal.data.gallery_stream import GalleryStream
from crossmodal.losses.released_bridge import crossed_softmax
from crossmodal.models import split_backbone
from crossmodal.models.layers import BatchNorm, conv
from crossmodal.models.released_style import deviations, mix_deviations, recut_deviations
from crossmodal.models.retrieval_net import Embeddings, RetrievalNet
from crossmodal.models.style_transition import StyleDraw
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.models.view_attention import attention_scores
from crossmodal.runtime import jt
from crossmodal.training.objective import objective, weighted_sum

nn = jt.nn
PRESET = load_config("configs/pix3d_released.yaml")


@pytest.fixture(scope="module")
def released(shared_data: Path) -> Released:
    return Released(shared_data / "golden_released" / "instance.npz")


def test_style_mixing(released: Released) -> None:
    """A1: value, and the gradient in pictures and views."""
    pictures, views = jt.array(released["style_mix.pictures"]), jt.array(
        released["style_mix.views"])
    shapes, channels = pictures.shape[:2]
    mixed = mix_deviations(pictures, deviations(pictures),
                           recut_deviations(views, shapes, channels),
                           jt.array(released["style_mix.permutation"].astype(np.int32)),
                           jt.array(released["style_mix.share"]))
    released.near("style_mix.result", mixed.numpy())
    weighted = (mixed * jt.array(released["style_mix.result_weights"])).sum()
    for name, gradient in zip(("pictures", "views"), jt.grad(weighted, [pictures, views])):
        released.near(f"style_mix.grad_{name}", gradient.numpy())


def test_losses(released: Released) -> None:
    """A2, A3: every loss of the preset, their sum, and its gradient in every embedding."""
    leaves = {name: jt.array(released[f"losses.{name}"]) for name in ("plain", "mixed", "tokens")}
    attention = jt.array(released["losses.attention_in"])
    shape, category = (released[f"losses.{name}"] for name in ("shape_of_query",
                                                               "category_of_slot"))
    scores = attention_scores(leaves["mixed"], leaves["tokens"], attention)
    released.near("losses.scores", scores.numpy().T)
    net: Any = SimpleNamespace(score=lambda q, t: attention_scores(q, t, attention))
    terms = objective(net, Embeddings(**leaves), jt.array(shape[:, None] == np.arange(5)),
                      jt.array(category[shape][:, None] == category[None]),
                      jt.array(shape.astype(np.int32)), PRESET.loss)
    assert set(terms) == {"instance", "category", "consistency", "contrast"}
    for name, term in terms.items():
        released.near(f"losses.{name}", term.numpy())
    total = weighted_sum(terms, PRESET.loss)
    released.near("losses.total", total.numpy())
    for (name, _), gradient in zip(leaves.items(), jt.grad(total, list(leaves.values()))):
        released.near(f"losses.grad_{name}", gradient.numpy())
    similarity = jt.matmul(leaves["plain"], leaves["mixed"].transpose(1, 0))
    released.near("losses.consistency_p", crossed_softmax(similarity).numpy())
    released.near("losses.consistency_q", crossed_softmax(similarity.transpose(1, 0)).numpy())


class StandIn(nn.Module):
    """The small backbone of the arrays, with the interface of ours."""

    family = "resnet"
    stages = ("stem", "layer1", "layer2", "layer3", "layer4")
    stage_channels = {"stem": 64, "layer1": 8, "layer2": 16, "layer3": 16, "layer4": 16}
    takes_blocked_maps = False
    out_features = 16

    def __init__(self, in_channels: int) -> None:
        self.conv1, self.bn1 = conv(in_channels, 64, 7, 2), BatchNorm(64)
        self.maxpool = nn.Pool(3, 2, 1, op="maximum")
        for name, before in zip(self.stages[1:], (64, 8, 16, 16)):
            width = self.stage_channels[name]
            setattr(self, name, nn.Sequential(conv(before, width, 3, 2 if name == "layer2" else 1),
                                              BatchNorm(width)))
        self.fc = None

    def run_stage(self, name: str, x: jt.Var) -> jt.Var:
        if name == "stem":
            return self.maxpool(nn.relu(self.bn1(self.conv1(x))))
        return nn.relu(getattr(self, name)(x))

    def pool(self, features: jt.Var) -> jt.Var:
        return features.mean([2, 3])

    def stage_modules(self, name: str) -> list[Any]:
        return [self.conv1, self.bn1] if name == "stem" else [getattr(self, name)]


TOWERS = {"query": "query_encoder", "rendering": "rendering_encoder"}


def test_three_steps(released: Released, monkeypatch: pytest.MonkeyPatch) -> None:
    """A4: embeddings and running statistics of three steps, and the order of their passes."""
    monkeypatch.setattr(split_backbone, "build_backbone", lambda name, count: StandIn(count))
    net = RetrievalNet("stand_in", "stand_in", dim=8, dropout=0.0,
                       view_channels=PRESET.model.view_channels,
                       style_form=PRESET.model.style_form)
    net.plain_learns = PRESET.loss.plain_learns
    tensors = named_tensors(net)
    ours = {name: _our_name(name) for name in released.names("passes.parameter.")}
    assert set(tensors) - set(ours.values()) == {n for n in tensors if n.startswith("attention")}
    assign({own: tensors[own] for own in ours.values()},
           {own: released[f"passes.parameter.{name}"] for name, own in ours.items()})
    seen = _record_order(net, monkeypatch)
    net.train()
    for step in range(3):
        draw = StyleDraw(jt.array(released["passes.permutation"][step].astype(np.int32)),
                         jt.array(released["passes.share"][step]))
        views = released["passes.views"][step][:, :, None]
        seen.clear()
        found = net(jt.array(released["passes.pictures"][step]), jt.array(views), draw)
        for name in ("mixed", "plain", "tokens"):
            np.testing.assert_allclose(getattr(found, name).numpy(),
                                       released[f"passes.{name}"][step], 1e-4, 2e-5)
        for name in released.names("passes.after."):
            own = ours[name].rpartition(".")[0] + "." + name.rpartition(".")[2]
            np.testing.assert_allclose(named_tensors(net)[own].numpy(),
                                       released[f"passes.after.{name}"][step], 1e-4, 2e-5, name)
    assert seen == [str(text) for text in released["passes.order"]]


def _our_name(name: str) -> str:
    """``query.head.0.weight`` -> ``query_encoder.resnet.fc.0.weight``."""
    tower, _, rest = name.partition(".")
    return f"{TOWERS[tower]}.resnet.{rest.replace('head.', 'fc.')}"


def _record_order(net: RetrievalNet, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which normalisation layer sees how many maps, as they come."""
    seen: list[str] = []
    names = {id(module): f"{tower} {name.split('.')[0].replace('fc', 'head')}"
             for tower, ours in TOWERS.items()
             for name, module in getattr(net, ours).network.named_modules()
             if isinstance(module, BatchNorm)}
    execute = BatchNorm.execute

    def noted(self: BatchNorm, x: jt.Var) -> jt.Var:
        seen.append(f"{names[id(self)]} {x.shape[0]}")
        return execute(self, x)

    monkeypatch.setattr(BatchNorm, "execute", noted)
    return seen


def test_fill_up_shapes(released: Released) -> None:
    """A6: which shapes are in the slots of six steps, and how many passes have begun by then."""
    asked, orders = released["slots.asked"], released["slots.gallery_order"]
    stream = GalleryStream(orders.shape[1], asked.shape[1], lambda number: orders[number])
    for step, own in enumerate(asked):
        offered = stream.fetch(own.tolist())
        slots, _ = distinct_shapes(own.tolist(), offered, asked.shape[1])
        assert slots.tolist() == released["slots.result"][step].tolist()
        assert stream.passes_begun == released["slots.passes_begun"][step]
    assert PRESET.data.fill_up == "gallery"


def test_every_array_was_compared(released: Released) -> None:
    assert set(released.names("")) <= released.asked
