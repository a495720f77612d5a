"""The released code's training at category level, switch by switch, beside the paper's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from category_data import KINDS
from given_rows import EVERY, LABEL, LATE, given, given_parts, some_rows
from golden.formula import uniform, weight
from golden.golden_arrays import assert_near
from losses.category_twins import CentroidsTwin, label_smoothing_twin
from losses.loss_twins import contrast_twin

from crossmodal import checkpoint
from crossmodal.config import CategoryConfig, CategoryLossConfig, CategoryModelConfig
from crossmodal.losses.released_contrast import PairedRows
from crossmodal.models.build import build_adaptation, build_category_net
from crossmodal.models.category_net import Adaptation, CategoryNet, DomainEmbeddings
from crossmodal.models.style_transition import StyleDraw
from crossmodal.models.tensors import assign, named_tensors, to_arrays
from crossmodal.runtime import jt
from crossmodal.training import run_state
from crossmodal.training.category_objective import category_objective, category_sum
from crossmodal.training.optimiser import Group, Optimiser

SMALL = CategoryModelConfig(backbone="resnet18", bottleneck=8, dropout=0.0)
FORMS = ("adversarial", "centroid", "consistency", "contrast", "orthogonal")
TRUE = np.array([2, 1, 0, 2], np.int32)  # of the items; the classifier would say 0 2 0 1


@pytest.fixture
def rows() -> dict[str, np.ndarray]:
    return some_rows()


def formula_net(gradients: str) -> CategoryNet:
    net = build_category_net(replace(SMALL, gradients=gradients), 3)
    tensors = named_tensors(net)
    assign(tensors, {n: weight(n, tuple(t.shape)) for n, t in tensors.items()})
    net.train()
    return net


def embedded(net: CategoryNet) -> DomainEmbeddings:
    images = jt.array(uniform("images", (6, 3, 32, 32)))
    views = jt.array(np.asarray(uniform("views", (12, 3, 32, 32)).reshape(6, 2, 3, 32, 32)))
    return net(images, views, StyleDraw.of(6, 6, 1, 0))


def gradients(net: CategoryNet, of: jt.Var) -> dict[str, np.ndarray]:
    """By every trained tensor of the network."""
    tensors = {n: t for n, t in named_tensors(net).items() if not t.is_stop_grad()}
    found = jt.grad(of, list(tensors.values()))
    return {name: g.numpy() for name, g in zip(tensors, found)}


def along(rows: jt.Var, name: str) -> jt.Var:
    return (rows * jt.array(uniform(name, tuple(rows.shape)))).sum()


@pytest.mark.parametrize("which", ["plain", "mixed", "items"])
def test_where_the_released_gradients_stop(which: str) -> None:
    """Nothing reaches the backbone; pictures teach the bottleneck, items do not even that.

    Of the bottleneck ``y = W x + b`` the gradient along d is ``d^T x``, x the pooled features.
    """
    net = formula_net("heads")
    image = jt.array(uniform("images", (6, 3, 32, 32)))
    pooled = net.encoder.upper(net.encoder.lower(image)).numpy()
    found = gradients(net, along(getattr(embedded(net), which), which))
    assert set(found) == {f"{part}.{kind}" for part in ("bottleneck", "classifier")
                          for kind in ("weight", "bias")}
    slope = found["bottleneck.weight"]
    if which == "plain":
        assert_near(slope, uniform("plain", (6, 8)).T.astype(float) @ pooled, 1e-4)
    assert slope.any() == (which != "items")


def test_the_values_are_the_same_whatever_learns() -> None:
    for one, two in zip(embedded(formula_net("whole")), embedded(formula_net("heads"))):
        assert np.array_equal(one.numpy(), two.numpy())


def test_every_loss_together_leaves_the_released_backbone_alone() -> None:
    """It learns nothing and does not decay; only its running statistics move."""
    for kind, learns in (("whole", True), ("heads", False)):
        parts = Adaptation(formula_net(kind))
        parts.train()
        optimiser = Optimiser([Group("all", dict(parts.named_parameters()))], "nesterov",
                              weight_decay=0.1)
        before = to_arrays(parts.net)
        terms, _ = category_objective(parts, embedded(parts.net), jt.array(LABEL), LATE, EVERY)
        optimiser.step(category_sum(terms, EVERY), 1e-3)
        moved = {n for n, array in to_arrays(parts.net).items() if not np.array_equal(
            array, before[n])}
        assert {"bottleneck.weight", "classifier.weight"} <= moved
        backbone = {n for n in moved if n.startswith("encoder.")}
        assert all("running" in n for n in backbone) != learns and backbone


def terms_of(rows: dict[str, np.ndarray], loss: CategoryLossConfig,
             target: np.ndarray | None = None) -> dict[str, float]:
    terms, _ = category_objective(given_parts(), given(rows), jt.array(LABEL), LATE, loss,
                                  None if target is None else jt.array(target))
    return {name: term.item() for name, term in terms.items()}


def test_true_target_labels_are_used_three_times(rows: dict[str, np.ndarray]) -> None:
    loss = replace(EVERY, target_classification=1.0, confidence=0.9)
    found = terms_of(rows, loss, TRUE)
    exact = {name: array.astype(float) for name, array in rows.items()}
    everyone = np.ones(4, bool)
    assert found["target_classification"] == pytest.approx(
        label_smoothing_twin(exact["items"][:, :3], TRUE), rel=1e-5)
    assert found["centroid"] == pytest.approx(CentroidsTwin(3).step(
        exact["mixed"], exact["items"], LABEL, TRUE, everyone), rel=1e-5)
    unit = {name: array / np.linalg.norm(array, axis=1, keepdims=True)
            for name, array in exact.items()}
    assert found["contrast"] == pytest.approx(
        contrast_twin(unit["mixed"], unit["items"], LABEL, TRUE), rel=1e-5)


def test_without_the_flag_pseudo_labels_decide_and_nothing_is_classified(
        rows: dict[str, np.ndarray]) -> None:
    loss = replace(EVERY, target_classification=1.0, adversarial=0.0)
    guesses = rows["items"][:, :3].argmax(1).astype(np.int32)
    unread, told = terms_of(rows, loss), terms_of(rows, loss, guesses)
    assert "target_classification" not in unread
    assert unread == pytest.approx({n: v for n, v in told.items() if n in unread}, rel=1e-6)
    assert abs(terms_of(rows, loss, TRUE)["contrast"] - unread["contrast"]) > 1e-3


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_switched_by_its_own_key(rows: dict[str, np.ndarray], name: str) -> None:
    """Its loss changes and no other; values: tests/released/test_category_arrays.py."""
    loss = replace(EVERY, **{f"{name}_form": "released"})
    found = {**rows, "items": np.concatenate([rows["items"], rows["items"][:2]])}
    parts = given_parts()
    jt.sync_all(True)
    usual, changed = (category_objective(parts, given(found)._replace(hidden=jt.zeros((6, 4))),
                                         jt.array(LABEL), LATE, one)[0] for one in (EVERY, loss))
    assert set(usual) == set(changed)
    differ = {n for n in usual if abs(usual[n].item() - changed[n].item()) > 1e-6}
    assert differ == {name}


def test_the_released_discriminator_may_do_without_entropies(rows: dict[str, np.ndarray]) -> None:
    loss = replace(EVERY, adversarial_form="released", adversarial_method="CDAN")
    assert 0.5 < terms_of(rows, loss)["adversarial"] < 1.01


def config_of(**loss: object) -> CategoryConfig:
    made = CategoryConfig(model=SMALL, loss=replace(EVERY, **loss))
    return replace(made, data=replace(made.data, batch_size=6))


def test_pairs_go_from_step_to_step_and_into_the_checkpoint(tmp_path: Path) -> None:
    """A step without believed items goes on with the rows of the step before; paper: with none."""
    config = config_of(contrast_form="released", confidence=0.0)
    parts = build_adaptation(formula_net("whole"), config)
    found, label = embedded(parts.net), jt.array(LABEL)
    true = jt.array(np.array([2, 1, 0, 2, 2, 0], np.int32))
    first, memory = category_objective(parts, found, label, 0, config.loss, true)
    parts.remember(memory)
    strangers = jt.array(np.full(6, 7, np.int32))
    images, views = jt.array(uniform("other", (6, 3, 32, 32))), jt.array(
        np.asarray(uniform("others", (12, 3, 32, 32)).reshape(6, 2, 3, 32, 32)))
    other = parts.net(images, views, StyleDraw.of(6, 6, 1, 1))
    again, memory = category_objective(parts, other, label, 1, config.loss, strangers)
    assert again["contrast"].item() == first["contrast"].item()
    slope = jt.grad(again["contrast"], [parts.net.bottleneck.weight])[0].numpy()
    assert np.abs(slope).max() > 1e-6  # by what the bottleneck was given then
    parts.remember(memory)
    skip = Adaptation(parts.net)
    assert skip.memory.pairs is None and not any("pair" in name for name in to_arrays(skip))

    optimiser = Optimiser([Group("all", dict(parts.named_parameters()))], "nesterov")
    run_state.save(tmp_path, config, parts, optimiser, run_state.Progress(),
                   facts={"classes": list(KINDS)})
    there = build_adaptation(formula_net("whole"), config)
    run_state.restore(tmp_path, config, there, Optimiser(
        [Group("all", dict(there.named_parameters()))], "nesterov"))
    assert isinstance(there.memory.pairs, PairedRows)
    for kept, read in zip(parts.memory.pairs, there.memory.pairs):
        assert kept.numpy().tobytes() == read.numpy().tobytes() and kept.dtype == read.dtype
    assert checkpoint.load(tmp_path).model["pair_first_label"].tolist() == LABEL.tolist()
