"""CDAN and CDAN+E: golden values, formulas, weights, and which way the gradient goes."""

from __future__ import annotations

import numpy as np
import pytest
from category_twins import domain_twin, entropy_weights_twin
from golden.golden_arrays import assert_near, cases, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import finite, same_as_own_differences, same_as_twin

from crossmodal.losses import conditional_map, domain_adversarial_loss, entropy_weights
from crossmodal.models.gradient_reversal import reverse_gradient
from crossmodal.runtime import jt


def softmax(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    rows = np.exp(rng.uniform(-3, 3, shape))
    return (rows / rows.sum(1, keepdims=True)).astype(np.float32)


def batch(seed: int, source: int = 6, target: int = 5) -> tuple[dict, dict]:
    rng = np.random.default_rng(seed)
    return ({"source_logits": rng.uniform(-3, 3, (source, 1)).astype(np.float32),
             "target_logits": rng.uniform(-3, 3, (target, 1)).astype(np.float32)},
            {"source_weight": softmax(rng, (1, source))[0],
             "target_weight": softmax(rng, (1, target))[0]})


def cdan_e(source: jt.Var, target: jt.Var, source_p: jt.Var, target_p: jt.Var, last: jt.Var,
           coefficient: float = 0.3) -> jt.Var:
    """Everything together, with a linear discriminator."""
    logits = [jt.matmul(reverse_gradient(conditional_map(f, p), coefficient), last)
              for f, p in ((source, source_p), (target, target_p))]
    return domain_adversarial_loss(*logits, entropy_weights(source_p), entropy_weights(target_p))


def whole(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"source": rng.normal(size=(6, 4)), "target": rng.normal(size=(5, 4)),
            "source_p": softmax(rng, (6, 3)), "target_p": softmax(rng, (5, 3)),
            "last": rng.normal(size=(12, 1))}


@pytest.mark.parametrize("case", cases("category_losses", "domain."))
def test_golden(case: str) -> None:
    compare(domain_adversarial_loss, read("category_losses", f"domain.{case}."))


def test_golden_of_everything_together() -> None:
    compare(cdan_e, read("category_losses", "cdan_e."))


@given(st.integers(0, 2**32))
def test_twin(seed: int) -> None:
    same_as_twin(domain_adversarial_loss, domain_twin, *batch(seed))


def test_own_differences() -> None:
    same_as_own_differences(domain_adversarial_loss, *batch(1))


def test_written_out() -> None:
    """One item a side: log 2 where nothing is known; log(1 + 1/e) twice where both are right."""
    for logit, expected in ((0.0, np.log(2)), (1.0, np.log(1 + np.exp(-1)))):
        value, gradient = evaluate(domain_adversarial_loss, {
            "source_logits": np.array([[logit]]), "target_logits": np.array([[-logit]])}, {})
        assert_near(value, np.array(expected), 1e-5)
        slope = 0.5 / (1 + np.exp(logit))
        assert_near(gradient["source_logits"], np.array([[-slope]]), 1e-5)
        assert_near(gradient["target_logits"], np.array([[slope]]), 1e-5)


def test_no_weights_are_equal_weights_and_domains_count_alike() -> None:
    inputs, _ = batch(2)
    equal = {"source_weight": np.full(6, 1 / 6, "f4"), "target_weight": np.full(5, 1 / 5, "f4")}
    plain, gradients = evaluate(domain_adversarial_loss, inputs, {})
    weighted, weighted_gradients = evaluate(domain_adversarial_loss, inputs, equal)
    assert_near(weighted, plain, 1e-6)
    for name, gradient in gradients.items():
        assert_near(weighted_gradients[name], gradient, 1e-5)
    doubled = {**inputs, "source_logits": np.tile(inputs["source_logits"], (2, 1))}
    assert_near(evaluate(domain_adversarial_loss, doubled, {})[0], plain, 1e-5)


@given(st.integers(0, 2**32))
def test_permuting_either_domain_changes_nothing(seed: int) -> None:
    inputs, weights = batch(seed)
    rng = np.random.default_rng(seed + 1)
    order = {"source": rng.permutation(6), "target": rng.permutation(5)}
    value, gradients = evaluate(domain_adversarial_loss, inputs, weights)
    moved, moved_gradients = evaluate(
        domain_adversarial_loss,
        {f"{n}_logits": inputs[f"{n}_logits"][o] for n, o in order.items()},
        {f"{n}_weight": weights[f"{n}_weight"][o] for n, o in order.items()})
    assert_near(moved, value, 1e-5)
    for name, gradient in gradients.items():
        assert_near(moved_gradients[name], gradient[order[name.split("_")[0]]], 1e-5)


@pytest.mark.parametrize("size", [0.0, 1e4, -1e4])
def test_extreme_logits_stay_finite(size: float) -> None:
    inputs = {"source_logits": np.full((6, 1), size), "target_logits": np.full((5, 1), -size)}
    expected = np.log(2) if size == 0 else max(0.0, -size)
    assert finite(domain_adversarial_loss, inputs, {}) == pytest.approx(expected, rel=1e-5)


def test_conditional_map_written_out() -> None:
    features, probabilities = np.array([[1, 2], [3, -1]]), np.array([[0.5, 0.25, 0.25], [1, 0, 0]])
    value, gradients = evaluate(conditional_map,
                                {"features": features, "probabilities": probabilities}, {})
    assert_near(value, np.array([[0.5, 0.25, 0.25, 1, 0.5, 0.5], [3, 0, 0, -1, 0, 0]]), 1e-6)
    assert gradients["features"].any() and not gradients["probabilities"].any()


@given(st.integers(0, 2**32))
def test_entropy_weights(seed: int) -> None:
    probabilities = softmax(np.random.default_rng(seed), (6, 4))
    found = entropy_weights(jt.array(probabilities)).numpy()
    assert_near(found, entropy_weights_twin(probabilities.astype(float)), 1e-5)
    assert found.sum() == pytest.approx(1, abs=1e-6)


def test_a_certain_item_weighs_more_than_an_undecided_one() -> None:
    rows = np.array([[1, 0, 0, 0], [0.25] * 4], np.float32)
    assert_near(entropy_weights(jt.array(rows)).numpy(), np.array([2, 1.25]) / 3.25, 1e-5)
    assert entropy_weights(jt.array(rows[1:])).numpy() == pytest.approx([1.0])


def test_features_climb_where_the_discriminator_descends_and_the_softmax_side_rests() -> None:
    inputs = whole(3)
    plain = evaluate(lambda **a: cdan_e(**a, coefficient=-1.0), inputs, {})
    turned = evaluate(lambda **a: cdan_e(**a, coefficient=0.5), inputs, {})
    assert plain[0] == turned[0]
    assert_near(turned[1]["last"], plain[1]["last"], 1e-6)
    for name in ("source", "target"):
        assert np.abs(plain[1][name]).max() > 1e-3
        assert_near(turned[1][name], -0.5 * plain[1][name], 1e-5)
        assert not turned[1][f"{name}_p"].any()


def test_a_step_of_the_features_makes_the_domains_harder_to_tell_apart() -> None:
    inputs = whole(4)
    value, gradients = evaluate(lambda **a: cdan_e(**a, coefficient=1.0), inputs, {})
    moved = {n: a - 0.1 * gradients[n] if n in ("source", "target") else a
             for n, a in inputs.items()}
    assert evaluate(cdan_e, moved, {})[0] > value
    learned = {n: a - 0.1 * gradients[n] if n == "last" else a for n, a in inputs.items()}
    assert evaluate(cdan_e, learned, {})[0] < value
