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
from losses.category_twins import CentroidsTwin, domain_twin, label_smoothing_twin
from losses.loss_twins import contrast_twin

from crossmodal import checkpoint
from crossmodal.config import CategoryConfig, CategoryLossConfig, CategoryModelConfig, ConfigError
from crossmodal.losses import Pairs
from crossmodal.models.build import build_adaptation, build_category_net
from crossmodal.models.category_net import Adaptation, CategoryNet, DomainEmbeddings
from crossmodal.models.style_transition import StyleDraw
from crossmodal.models.tensors import assign, named_tensors, to_arrays
from crossmodal.runtime import jt
from crossmodal.training import run_state
from crossmodal.training.category_objective import category_objective, category_sum
from crossmodal.training.optimiser import Group, Optimiser

SMALL = CategoryModelConfig(backbone="resnet18", bottleneck=8)
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
    assert not any(g.any() for name, g in found.items() if name.startswith("encoder."))
    slope = found["bottleneck.weight"]
    if which == "plain":
        assert_near(slope, uniform("plain", (6, 8)).T.astype(float) @ pooled, 1e-4)
    assert slope.any() == (which != "items")


def test_the_values_are_the_same_whatever_learns() -> None:
    for one, two in zip(embedded(formula_net("whole")), embedded(formula_net("heads"))):
        assert np.array_equal(one.numpy(), two.numpy())


def test_every_loss_together_leaves_the_released_backbone_alone() -> None:
    for kind, learns in (("whole", True), ("heads", False)):
        parts = Adaptation(formula_net(kind))
        parts.train()
        terms, _ = category_objective(parts, embedded(parts.net), jt.array(LABEL), LATE, EVERY)
        found = gradients(parts.net, category_sum(terms, EVERY))
        assert found["encoder.resnet.layer4.1.conv2.weight"].any() == learns
        assert found["bottleneck.weight"].any() and found["classifier.weight"].any()


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
        exact["plain"], exact["items"], LABEL, TRUE, everyone), rel=1e-5)
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


def test_a_second_sigmoid_goes_where_the_first_one_went(rows: dict[str, np.ndarray]) -> None:
    parts = given_parts()
    jt.sync_all(True)
    joint = np.concatenate([_outer(rows[name]) for name in ("plain", "items")])
    logits = parts.discriminator(jt.array(joint.astype(np.float32))).numpy().astype(float)
    squashed, plain = 1 / (1 + np.exp(-logits)), replace(EVERY, adversarial_method="CDAN")
    for kind, said in (("once", logits), ("twice", squashed)):
        terms, _ = category_objective(parts, given(rows), jt.array(LABEL), LATE,
                                      replace(plain, adversarial_sigmoid=kind))
        assert terms["adversarial"].item() == pytest.approx(domain_twin(
            said[:6], said[6:], np.full(6, 1 / 6), np.full(4, 1 / 4)), rel=1e-5)


def _outer(features: np.ndarray) -> np.ndarray:
    """Features times the softmax of their first three."""
    chances = np.exp(features[:, :3].astype(float))
    chances /= chances.sum(1, keepdims=True)
    return (features[:, :, None] * chances[:, None, :]).reshape(len(features), -1)


def config_of(**loss: object) -> CategoryConfig:
    made = CategoryConfig(model=SMALL, loss=replace(EVERY, **loss))
    return replace(made, data=replace(made.data, batch_size=6))


def test_tables_of_31_classes() -> None:
    """Ten rows that nothing ever enters divide the loss of 21 classes by 31 / 21."""
    values = []
    for size in (0, 31):
        parts = build_adaptation(formula_net("whole"), config_of(centroid_classes=size))
        term, _ = category_objective(parts, embedded(parts.net), jt.array(LABEL), 0, EVERY)
        assert parts.memory.centroids.source.shape == [size or 3, 8]
        values.append(term["centroid"].item())
    assert values[1] == pytest.approx(values[0] * 3 / 31, rel=1e-5)
    with pytest.raises(ConfigError, match="loss.centroid_classes is 2, but there are 3 classes"):
        build_adaptation(formula_net("whole"), config_of(centroid_classes=2))


def test_pairs_go_from_step_to_step_and_into_the_checkpoint(tmp_path: Path) -> None:
    """A step without believed items goes on with the pairs of the step before; skip: with none."""
    config = config_of(contrast_without_pair="previous", confidence=0.0)
    parts = build_adaptation(formula_net("whole"), config)
    found, label = embedded(parts.net), jt.array(LABEL)
    first, memory = category_objective(parts, found, label, 0, config.loss)
    parts.remember(memory)
    nobody = replace(config.loss, confidence=1.0)
    again, memory = category_objective(parts, found, label, 1, nobody)
    assert again["contrast"].item() == first["contrast"].item()
    parts.remember(memory)
    skip = Adaptation(parts.net)
    assert skip.memory.pairs is None and not any("pair" in name for name in to_arrays(skip))
    alone = category_objective(skip, found, label, 1, nobody)[0]["contrast"].item()
    assert abs(alone - again["contrast"].item()) > 1e-3

    optimiser = Optimiser([Group("all", dict(parts.named_parameters()))], "nesterov")
    run_state.save(tmp_path, config, parts, optimiser, run_state.Progress(),
                   facts={"classes": list(KINDS)})
    other = build_adaptation(formula_net("whole"), config)
    run_state.restore(tmp_path, config, other, Optimiser(
        [Group("all", dict(other.named_parameters()))], "nesterov"))
    assert isinstance(other.memory.pairs, Pairs)
    for kept, read in zip(parts.memory.pairs, other.memory.pairs):
        assert kept.numpy().tobytes() == read.numpy().tobytes() and kept.dtype == read.dtype
    assert checkpoint.load(tmp_path).model["pair_first_label"].tolist() == LABEL.tolist()
