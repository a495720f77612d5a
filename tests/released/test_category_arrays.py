"""The released category-level presets agree with what the released code computes, array by array.

The arrays are the project's own, from formulas in NumPy alone; and, where they are at hand, those
that were made by running the released code, with which the formulas agree too. The stand-ins are
tiny layers without dropout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from golden.golden_arrays import read
from golden.numpy_released_category import inputs, losses
from golden.numpy_released_runs import run
from released.shared_arrays import Released

from crossmodal.config import CategoryConfig, load_tree
from crossmodal.losses import label_smoothing_loss
from crossmodal.losses.released_adversarial import class_major_map
from crossmodal.losses.released_category import (
    crossed_matrix,
    released_category_consistency_loss,
    released_centroid_loss,
    released_orthogonal_loss,
)
from crossmodal.losses.released_contrast import PairedRows, released_pair_contrast_loss
from crossmodal.models import split_backbone
from crossmodal.models.category_net import Adaptation, CategoryNet, DomainEmbeddings
from crossmodal.models.domain_discriminator import DomainDiscriminator
from crossmodal.models.layers import BatchNorm, conv
from crossmodal.models.released_category_style import released_category_style
from crossmodal.models.style_transition import StyleDraw
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.runtime import jt
from crossmodal.training.category_objective import category_objective, category_sum
from crossmodal.training.optimiser import Optimiser
from crossmodal.training.schedule import inverse_decay, ramp

nn = jt.nn
PRESETS = {name: load_tree(CategoryConfig, f"configs/{name}_released.yaml")
           for name in ("mi3dor1", "mi3dor2", "office31", "kinds")}
PRESET = PRESETS["mi3dor1"]
LOSSES = {"classification": "classification", "target_classification": "target_classification",
          "adversarial": "adversarial", "regulariser": "regulariser", "centroid": "centroids",
          "consistency": "consistency", "contrast": "contrast", "orthogonal": "orthogonal"}
LAYERS = ("first", "second", "last")


@pytest.fixture(scope="module", params=["formulas", "released code"])
def released(request: pytest.FixtureRequest) -> Released:
    if request.param == "formulas":
        return Released.of({**inputs(), **read("released_category")})
    return from_the_code(request)


def from_the_code(request: pytest.FixtureRequest) -> Released:
    return Released(request.getfixturevalue("shared_data") / "golden_released" / "category.npz")


@pytest.mark.slow
def test_the_formulas_are_those_of_the_released_code(request: pytest.FixtureRequest) -> None:
    """Every array that it computes of the arrays that it was given."""
    code = from_the_code(request)
    given = {name: array.astype(float) if array.dtype == np.float32 else array
             for name, array in ((name, code[name]) for name in code.names(""))}
    for name, found in {**losses(given), **run(given)}.items():
        if given[name].dtype.kind == "U":
            assert found.tolist() == given[name].tolist()
        else:
            np.testing.assert_allclose(found, given[name], 0, 1e-11, err_msg=name)


def leaf(array: np.ndarray) -> jt.Var:
    return jt.array(np.asarray(array).astype(
        np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32))


def batch(released: Released) -> dict[str, jt.Var]:
    return {name: leaf(released[f"batch.{name}"]) for name in released.names("batch.")}


def agree(released: Released, name: str, value: jt.Var, leaves: dict[str, jt.Var],
          atol: float = 1e-6, end: str = "") -> None:
    """A loss, and its gradient in ``leaves``."""
    released.near(f"{name}.value{end}", value.numpy(), atol)
    for (key, _), gradient in zip(leaves.items(), jt.grad(value, list(leaves.values()))):
        released.near(f"{name}.grad_{key}{end}", gradient.numpy(), atol)


def test_style_mixing(released: Released) -> None:
    """B4: what is put on is a constant, and a flat channel stops what flows through it."""
    pictures, views = leaf(released["style_mix.pictures"]), leaf(released["style_mix.views"])
    mixed = released_category_style(
        pictures, views.reshape((4, 4, *views.shape[1:])),
        leaf(released["style_mix.permutation"]), leaf(released["style_mix.share"]))
    released.near("style_mix.result", mixed.numpy())
    found = jt.grad((mixed * leaf(released["style_mix.result_weights"])).sum(), [pictures, views])
    released.near("style_mix.grad_pictures", found[0].numpy(), 2e-5)
    released.near("style_mix.grad_views", found[1].numpy())


def test_consistency(released: Released) -> None:
    """B2"""
    given = batch(released)
    similarity = 0.01 * jt.matmul(given["plain"], given["mixed"].transpose(1, 0))
    for name, x in (("p", similarity), ("q", similarity.transpose(1, 0))):
        numbers = np.exp(x.numpy().astype(float))
        released.near(f"consistency.{name}", numbers / numbers.sum(1)[None], 1e-8)
        p = released[f"consistency.{name}"]
        np.testing.assert_allclose(crossed_matrix(x).numpy(), p / p.sum() + 1e-8, 1e-5)
    leaves = {name: given[name] for name in ("plain", "mixed")}
    agree(released, "consistency", released_category_consistency_loss(**leaves), leaves, 1e-8)


def paired(first: jt.Var, second: jt.Var, one: np.ndarray, two: np.ndarray) -> PairedRows:
    return PairedRows(first, first, second, leaf(one), leaf(two), jt.ones(len(two), "bool"))


def test_contrast(released: Released) -> None:
    """B3: the list of pairs, one pair, and none."""
    given = batch(released)
    labels = released["batch.labels_pictures"], released["batch.labels_items"]
    rows = paired(given["mixed"], given["items"], *labels)
    assert np.argwhere(rows.pairs().numpy()).tolist() == released["contrast.pairs"].tolist()
    agree(released, "contrast", released_pair_contrast_loss(rows),
          {name: given[name] for name in ("mixed", "items")})
    one = paired(given["mixed"], given["items"], np.array([3, 0, 0, 0, 0, 0]),
                 np.array([1, 3, 1, 1, 1, 1]))
    released.near("contrast.one_pair", released_pair_contrast_loss(one).numpy())
    none = PairedRows.none(6, 16, 16)
    released.near("contrast.before_any_pair", released_pair_contrast_loss(none).numpy())


def test_centroids(released: Released) -> None:
    """B5"""
    given = batch(released)
    labels = given["labels_pictures"], given["labels_items"]

    def call() -> jt.Var:
        return released_centroid_loss(given["mixed"], labels[0], given["items"], labels[1],
                                      jt.ones(6, "bool"), 5, PRESET.loss.centroid_decay)

    agree(released, "centroids", call(), {name: given[name] for name in ("mixed", "items")})
    released.near("centroids.value_of_a_second_call", call().numpy())


def test_orthogonal(released: Released) -> None:
    """B6"""
    given = batch(released)
    mixed, gamma = {"mixed": given["mixed"]}, PRESET.loss.orthogonal_gamma
    agree(released, "orthogonal",
          released_orthogonal_loss(given["mixed"], given["labels_pictures"], gamma), mixed)
    agree(released, "orthogonal", released_orthogonal_loss(given["mixed"], jt.arange(6), gamma),
          mixed, end="_no_positives")


def test_classification(released: Released) -> None:
    given = batch(released)
    agree(released, "classification",
          label_smoothing_loss(given["logits_mixed"], given["labels_pictures"],
                               PRESET.loss.label_smoothing, PRESET.loss.label_smoothing_classes),
          {"logits": given["logits_mixed"]})


def test_reversal(released: Released) -> None:
    """B10: one call more is counted than there were iterations."""
    for iteration, expected in zip(released["reversal.iterations"],
                                   released["reversal.coefficient"]):
        assert ramp(int(iteration), max_steps=PRESET.loss.ramp_steps) == pytest.approx(expected)
    assert released["reversal.iteration_used"].tolist() == [1, 2, 3]


def discriminator_of(released: Released, prefix: str, inside: int) -> DomainDiscriminator:
    made = DomainDiscriminator(inside, hidden=12, dropout=0.0)
    assign(named_tensors(made), {name: released[f"{prefix}.{name}"].astype(np.float32)
                                 for name in named_tensors(made)})
    return made


def test_adversarial(released: Released) -> None:
    """B9: as the objective computes it at iteration 700, by logits that are given."""
    given = batch(released)
    logits = {id(given[side]): given[f"logits_{side}"] for side in ("mixed", "items")}
    discriminator = discriminator_of(released, "adversarial.parameter", 80)
    parts: Any = SimpleNamespace(
        net=SimpleNamespace(classify=lambda rows: logits[id(rows)], dim=16), memory=None,
        discriminator=discriminator)
    loss = replace(PRESET.loss, classification=0.0, target_classification=0.0, centroid=0.0,
                   regulariser=0.0, consistency=0.0, contrast=0.0, orthogonal=0.0)
    found = DomainEmbeddings(given["plain"], given["mixed"], given["items"])
    terms, _ = category_objective(parts, found, given["labels_pictures"], 700, loss,
                                  given["labels_items"])
    value = terms["adversarial"]
    released.near("adversarial.value", value.numpy())
    leaves = {f"grad_{name}": given[name]
              for name in ("mixed", "items", "logits_mixed", "logits_items")}
    leaves.update({f"grad.{n}": t for n, t in named_tensors(discriminator).items()})
    for name, gradient in zip(leaves, jt.grad(value, list(leaves.values()))):
        released.near(f"adversarial.{name}", gradient.numpy(), 1e-8)
    chances = nn.softmax(given["logits_mixed"], dim=1)
    joint = class_major_map(given["mixed"], chances).numpy()
    assert joint[1, 2 * 16 + 3] == pytest.approx(  # the class slow, the feature fast
        float(given["mixed"].numpy()[1, 3] * chances.numpy()[1, 2]))


class StandIn(nn.Module):
    """The small backbone of the arrays, with the interface of ours."""

    family = "resnet"
    stages = ("stem", "layer1", "layer2", "layer3", "layer4")
    stage_channels = {"stem": 8, "layer1": 8, "layer2": 16, "layer3": 16, "layer4": 16}
    takes_blocked_maps = False
    out_features = 16

    def __init__(self) -> None:
        self.conv1, self.bn1 = conv(3, 8, 3, 2), BatchNorm(8)
        self.maxpool = nn.Pool(3, 2, 1, op="maximum")
        for name, before in zip(self.stages[1:], (8, 8, 16, 16)):
            width = self.stage_channels[name]
            setattr(self, name, nn.Sequential(conv(before, width, 3, 2 if name == "layer2" else 1),
                                              BatchNorm(width)))

    def run_stage(self, name: str, x: jt.Var) -> jt.Var:
        if name == "stem":
            return self.maxpool(nn.relu(self.bn1(self.conv1(x))))
        return nn.relu(getattr(self, name)(x))

    def pool(self, features: jt.Var) -> jt.Var:
        return features.mean([2, 3])


def stand_in(released: Released, monkeypatch: pytest.MonkeyPatch) -> Adaptation:
    """What the preset trains, over the stand-in, with the arrays' tensors."""
    monkeypatch.setattr(split_backbone, "build_backbone", lambda name, channels: StandIn())
    model = PRESET.model
    net = CategoryNet("stand_in", model.split, 8, 4, model.activation == "relu",
                      model.gradients == "heads", 0.0, model.style_form)
    parts = Adaptation(net, 4)
    parts.discriminator = discriminator_of(released, "run.before.discriminator", 32)
    tensors = named_tensors(parts)
    assign({n: tensors[n] for n in map(ours, released.names("run.before.")) if n in tensors},
           {ours(n): released[f"run.before.{n}"].astype(np.float32)
            for n in released.names("run.before.") if ours(n) in tensors})
    parts.train()
    return parts


def ours(name: str) -> str:
    head = name.split(".")[0] in ("bottleneck", "classifier")
    return name if name.startswith("discriminator.") else \
        f"net.{name}" if head else f"net.encoder.resnet.{name}"


def make_optimiser(parts: Adaptation) -> Optimiser:
    """As the training script makes it of the preset, at the arrays' rate."""
    from category_bench import load_script

    script = load_script(Path(__file__).resolve().parents[2] / "Category-level" /
                         "train_image_sag_CO2_con.py")
    return script.make_optimiser(parts, PRESET)


def test_four_iterations(released: Released, monkeypatch: pytest.MonkeyPatch) -> None:
    """B1, B7, B10, B11: features, losses, gradients, weights and statistics; two without a pair."""
    parts = stand_in(released, monkeypatch)
    optimiser = make_optimiser(parts)
    updates = count_updates(parts, monkeypatch)
    seen: list[str] = updates["order"]
    start = {n: t.numpy() for n, t in named_tensors(parts).items()}
    for step, iteration in enumerate(released["run.iterations"].tolist()):
        seen.clear()
        views = released["run.views"][step].reshape((4, 4, 3, 16, 16))
        draw = StyleDraw(leaf(released["run.permutation"][step]), leaf(released["run.share"][step]))
        found = parts.net(leaf(released["run.pictures"][step]), leaf(views), draw)
        label, items = (leaf(released[f"run.labels_{side}"][step])
                        for side in ("pictures", "items"))
        terms, memory = category_objective(parts, found, label, iteration, PRESET.loss, items)
        total = category_sum(terms, PRESET.loss)
        assert ("orthogonal" in terms) == (iteration > 1200)
        if "orthogonal" not in terms:
            terms["orthogonal"] = released_orthogonal_loss(found.mixed, label)
        same = same_at(released, step)
        for name in ("plain", "mixed", "items"):
            same(f"run.{name}", getattr(found, name))
        for name, theirs in LOSSES.items():
            same(f"run.{theirs}", terms[name], 2e-8 if name == "consistency" else 5e-6)
        same("run.total", total)
        heads = {n: t for n, t in named_tensors(parts).items()
                 if n.startswith(("net.bottleneck", "net.classifier"))}
        for name, gradient in zip(heads, jt.grad(total, list(heads.values()), retain_graph=True)):
            same(f"run.grad.{name[4:]}", gradient)
        rate = float(released["run.base_rate"]) * inverse_decay(
            iteration, PRESET.optim.decay_gamma, PRESET.optim.decay_power)
        rates = [1.0] + [PRESET.optim.head_lr] * 3
        np.testing.assert_allclose(released["run.rate_and_decay"][step], [
            [rate * times, PRESET.optim.weight_decay] for times in rates], 1e-6)
        optimiser.step(total, rate)
        parts.remember(memory)
        check_after(released, parts, step, updates)
        assert sorted(seen, key=lambda text: list(StandIn.stages).index(
            text.split()[0].replace("bn1", "stem"))) == [str(t) for t in released["run.order"]]
    assert released["run.dropout"] == PRESET.model.dropout
    for name in released["run.without_gradient"]:
        now = named_tensors(parts)[ours(str(name))]
        assert now.numpy().tobytes() == start[ours(str(name))].tobytes() and now.is_stop_grad()


def same_at(released: Released, step: int) -> Callable[..., None]:
    def same(name: str, found: jt.Var, atol: float = 5e-6) -> None:
        expected = released[name][step]
        np.testing.assert_allclose(found.numpy().reshape(expected.shape), expected, 0, atol,
                                   err_msg=f"{name} {step}")
    return same


def check_after(released: Released, parts: Adaptation, step: int,
                updates: dict[str, Any]) -> None:
    """Every tensor after an iteration."""
    tensors, same = named_tensors(parts), same_at(released, step)
    for name in released.names("run.after."):
        layer, _, last = name.rpartition(".")
        if last == "num_batches_tracked":
            before = int(released[f"run.before.{name}"])
            assert before + updates[layer] == released[f"run.after.{name}"][step]
        else:
            same(f"run.after.{name}", tensors[ours(name)])


def count_updates(parts: Adaptation, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """``order``: which normalisation layer sees how many maps; a layer: how often so far."""
    names = {id(module): name for name, module in parts.net.encoder.network.named_modules()
             if isinstance(module, BatchNorm)}
    found: dict[str, Any] = {"order": [], **dict.fromkeys(names.values(), 0)}
    execute = BatchNorm.execute

    def noted(self: BatchNorm, x: jt.Var) -> jt.Var:
        name = names[id(self)]
        found["order"].append(f"{name.replace('.1', '')} {x.shape[0]}")
        found[name] += 1
        return execute(self, x)

    monkeypatch.setattr(BatchNorm, "execute", noted)
    return found


def test_every_preset_is_measured_by_these_arrays() -> None:
    """They share what the arrays depend on."""
    for name, preset in PRESETS.items():
        loss = replace(preset.loss, **({"contrast": 0.1, "orthogonal_start": 1201,
                                        "ramp_steps": 10000} if name == "kinds" else {}))
        assert loss == PRESET.loss
        for key in ("style_form", "gradients", "dropout", "activation"):
            assert getattr(preset.model, key) == getattr(PRESET.model, key)
        for key in ("weight_decay", "momentum", "head_lr", "decay_gamma", "decay_power"):
            assert getattr(preset.optim, key) == getattr(PRESET.optim, key)


def test_every_array_was_compared(released: Released) -> None:
    assert set(released.names("")) <= released.asked
