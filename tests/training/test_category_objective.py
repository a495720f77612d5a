"""Which losses there are, and that each of them teaches the backbone what it should."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from given_rows import EVERY, LABEL, LATE, given, given_parts, some_rows
from golden.formula import uniform

from crossmodal.config import CategoryLossConfig, CategoryModelConfig, ConfigError
from crossmodal.models.build import build_category_net
from crossmodal.models.category_net import Adaptation, DomainEmbeddings
from crossmodal.models.style_transition import StyleDraw
from crossmodal.runtime import jt
from crossmodal.training import category_objective as module
from crossmodal.training.category_objective import category_objective, category_sum

WEIGHTS = tuple(name for name in module.WEIGHTS if name != "target_classification")  # no labels


@pytest.fixture(scope="module")
def parts() -> Adaptation:
    """A small network in training mode, without dropout: the same numbers every time."""
    jt.set_global_seed(5)
    made = Adaptation(build_category_net(CategoryModelConfig(backbone="resnet18", bottleneck=8,
                                                             dropout=0.0), 3))
    jt.sync_all(True)
    made.discriminator.dropout.p = 0.0
    made.train()
    return made


@pytest.fixture(scope="module")
def found(parts: Adaptation) -> DomainEmbeddings:
    images = jt.array(uniform("images", (6, 3, 32, 32)))
    views = jt.array(np.asarray(uniform("views", (10, 3, 32, 32)).reshape(5, 2, 3, 32, 32)))
    return parts.net(images, views, StyleDraw.of(6, 5, 1, 0))


def terms_of(parts: Adaptation, found: DomainEmbeddings, iteration: int = LATE,
             loss: CategoryLossConfig = EVERY) -> dict[str, jt.Var]:
    return category_objective(parts, found, jt.array(LABEL), iteration, loss)[0]


def test_all_losses_are_on_by_default(parts: Adaptation, found: DomainEmbeddings) -> None:
    default = CategoryLossConfig()
    assert set(terms_of(parts, found, LATE, default)) == set(WEIGHTS)
    assert set(terms_of(parts, found._replace(mixed=None), LATE, EVERY)) == \
        set(WEIGHTS) - {"consistency"}


def test_what_the_losses_see_of_the_source(parts: Adaptation, found: DomainEmbeddings) -> None:
    """Mixed pictures, or plain ones; consistency sees both, and contrast the mixed ones."""
    turned = found._replace(plain=found.mixed, mixed=found.plain)
    for pictures, rows in (("mixed", found), ("plain", turned)):
        loss = replace(EVERY, pictures=pictures)
        seen = terms_of(parts, rows._replace(mixed=found.mixed, plain=found.mixed), LATE, loss)
        terms = terms_of(parts, rows, LATE, loss)
        for name in ("classification", "adversarial", "centroid", "orthogonal"):
            assert terms[name].item() == pytest.approx(seen[name].item(), rel=1e-4), name
        other = terms_of(parts, rows, LATE, replace(
            EVERY, pictures="plain" if pictures == "mixed" else "mixed"))
        for name in ("classification", "adversarial", "centroid", "orthogonal"):
            assert abs(other[name].item() - terms[name].item()) > 1e-6, name
        for name in ("consistency", "contrast", "regulariser"):
            assert other[name].item() == pytest.approx(terms[name].item(), rel=1e-4), name


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_weight_of_zero_leaves_the_loss_out(parts: Adaptation, found: DomainEmbeddings,
                                              name: str) -> None:
    loss = replace(EVERY, **{name: 0.0})
    assert set(terms_of(parts, found, LATE, loss)) == set(WEIGHTS) - {name}


def test_no_regulariser_and_nothing_at_all(parts: Adaptation, found: DomainEmbeddings) -> None:
    assert "regulariser" not in terms_of(parts, found, LATE,
                                         replace(EVERY, regulariser_method="NO"))
    nothing = replace(EVERY, **dict.fromkeys(WEIGHTS, 0.0))
    assert terms_of(parts, found, LATE, nothing) == {}
    with pytest.raises(ConfigError, match="no loss is left to minimise"):
        category_sum({}, nothing)


def test_the_sum_is_weighted(parts: Adaptation, found: DomainEmbeddings) -> None:
    loss = replace(EVERY, **{name: 0.1 * (i + 1) for i, name in enumerate(WEIGHTS)})
    terms = terms_of(parts, found, LATE, loss)
    expected = sum(0.1 * (i + 1) * terms[name].item() for i, name in enumerate(WEIGHTS))
    assert category_sum(terms, loss).item() == pytest.approx(expected, rel=1e-4)


def backbone_gradients(parts: Adaptation, term: jt.Var) -> list[np.ndarray]:
    """At the first and at the last convolution."""
    network = parts.net.encoder.network
    return [g.numpy() for g in jt.grad(term, [network.conv1.weight,
                                              network.layer4[1].conv2.weight])]


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_loss_reaches_the_backbone(parts: Adaptation, found: DomainEmbeddings,
                                         name: str) -> None:
    for gradient in backbone_gradients(parts, terms_of(parts, found)[name]):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-8


@pytest.mark.parametrize("method", ["BNM", "BFM", "ENT"])
def test_every_regulariser_reaches_the_backbone(parts: Adaptation, found: DomainEmbeddings,
                                                method: str) -> None:
    terms = terms_of(parts, found, 0, replace(EVERY, regulariser_method=method))
    for gradient in backbone_gradients(parts, terms["regulariser"]):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-8


@pytest.mark.parametrize("iteration", [0, 100, LATE])
def test_the_backbone_gets_the_reversed_gradient(parts: Adaptation, found: DomainEmbeddings,
                                                 iteration: int,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    head = parts.discriminator.first.weight
    turned = terms_of(parts, found, iteration)["adversarial"]
    monkeypatch.setattr(module, "reverse_gradient", lambda x, coefficient: x)
    straight = terms_of(parts, found, iteration)["adversarial"]
    assert turned.item() == pytest.approx(straight.item(), rel=1e-5)
    ramp = 2 / (1 + math.exp(-10 * iteration / 10000)) - 1
    for reversed_, plain in zip(backbone_gradients(parts, turned),
                                backbone_gradients(parts, straight)):
        assert np.abs(reversed_ + ramp * plain).max() <= 1e-4 * np.abs(plain).max()
    mine, theirs = (jt.grad(term, [head])[0].numpy() for term in (turned, straight))
    assert np.abs(mine - theirs).max() <= 1e-4 * np.abs(theirs).max()


@pytest.fixture
def rows() -> dict[str, np.ndarray]:
    return some_rows()


def test_the_discriminator_goes_down_where_the_features_go_up(rows: dict[str, np.ndarray]) -> None:
    parts, found = given_parts(), given(rows)
    jt.sync_all(True)
    weight = parts.discriminator.first.weight
    term = terms_of(parts, found)["adversarial"]
    before, step = term.item(), 1e-2
    head, mixed, items = jt.grad(term, [weight, found.mixed, found.items])
    mixed[:, :3] = 0.0  # the class probabilities, which only condition, stay
    items[:, :3] = 0.0
    moved = DomainEmbeddings(found.plain, found.mixed - step * mixed / mixed.abs().max(),
                             found.items - step * items / items.abs().max())
    assert terms_of(parts, moved)["adversarial"].item() > before + 1e-6
    weight.update(weight - step * head / head.abs().max())
    assert terms_of(parts, found)["adversarial"].item() < before - 1e-6


def test_unsure_items_play_no_part(rows: dict[str, np.ndarray]) -> None:
    loss = replace(EVERY, confidence=0.8)
    parts = given_parts()
    terms, memory = category_objective(parts, given(rows), jt.array(LABEL), LATE, loss)
    other = {name: array.copy() for name, array in rows.items()}
    other["items"][2:, 3:] = 7.0
    other["items"][2:, :3] = [[0, 0.3, 0], [0.1, 0, 0.2]]  # now of other classes, still unsure
    changed, after = category_objective(parts, given(other), jt.array(LABEL), LATE, loss)
    for name in ("contrast", "centroid"):
        assert changed[name].item() == pytest.approx(terms[name].item(), rel=1e-5)
    assert abs(changed["adversarial"].item() - terms["adversarial"].item()) > 1e-4
    for one, two in zip(memory.centroids, after.centroids):
        assert np.array_equal(one.numpy(), two.numpy())
    assert memory.centroids.target_seen.numpy().tolist() == [True, False, True]
    found = given(rows)
    terms = terms_of(parts, found, LATE, loss)
    for name in ("contrast", "centroid"):
        gradient = np.abs(jt.grad(terms[name], [found.items])[0].numpy()).max(1)
        assert (gradient[:2] > 1e-6).all() and (gradient[2:] < 1e-9).all()
    believed = terms_of(parts, found, LATE, replace(loss, confidence=0.0))
    assert abs(believed["contrast"].item() - terms["contrast"].item()) > 1e-4


def test_with_nobody_sure_only_the_pictures_are_left(rows: dict[str, np.ndarray]) -> None:
    rows["items"][:, :3] = 0.1
    terms, memory = category_objective(given_parts(), given(rows), jt.array(LABEL), LATE,
                                       replace(EVERY, confidence=0.9))
    assert terms["centroid"].item() == 0.0 and not memory.centroids.target_seen.numpy().any()
    assert all(math.isfinite(term.item()) for term in terms.values())


def test_centroids_go_on_from_the_state(rows: dict[str, np.ndarray]) -> None:
    state = category_objective(given_parts(), given(rows), jt.array(LABEL), 0, EVERY)[1].centroids
    means = np.stack([rows["mixed"][k == LABEL].mean(0) for k in range(3)])
    assert np.abs(state.source.numpy() - means).max() < 1e-5
    rows["mixed"] = rows["mixed"] + 1.0
    later = category_objective(given_parts(state), given(rows), jt.array(LABEL), 1, EVERY)[1]
    assert np.abs(later.centroids.source.numpy() - (means + 0.3)).max() < 1e-5
    off = category_objective(given_parts(state), given(rows), jt.array(LABEL), 1,
                             replace(EVERY, centroid=0.0))[1]
    assert np.array_equal(off.centroids.source.numpy(), state.source.numpy())


def test_orthogonal_projection_starts_late(rows: dict[str, np.ndarray]) -> None:
    loss = replace(EVERY, orthogonal_start=7)
    for iteration, there in ((0, False), (6, False), (7, True), (8, True)):
        assert ("orthogonal" in terms_of(given_parts(), given(rows), iteration, loss)) == there


@pytest.mark.parametrize("method", ["CDAN", "CDAN+E"])
def test_the_order_of_the_target_does_not_matter(rows: dict[str, np.ndarray], method: str) -> None:
    parts, loss = given_parts(), replace(EVERY, adversarial_method=method, confidence=0.4)
    jt.sync_all(True)
    terms = terms_of(parts, given(rows), LATE, loss)
    turned = terms_of(parts, given({**rows, "items": rows["items"][[2, 0, 3, 1]]}), LATE, loss)
    assert set(terms) == set(WEIGHTS)
    for name, term in terms.items():
        assert turned[name].item() == pytest.approx(term.item(), rel=1e-4), name


def test_entropy_weights_make_a_difference(rows: dict[str, np.ndarray]) -> None:
    parts = given_parts()
    values = [terms_of(parts, given(rows), LATE, replace(EVERY, adversarial_method=name))
              ["adversarial"].item() for name in ("CDAN", "CDAN+E")]
    assert abs(values[0] - values[1]) > 1e-5
