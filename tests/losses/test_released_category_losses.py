"""What the released code minimised at category level, and that it is odd.

Values and gradients: tests/released/test_category_arrays.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from category_twins import domain_twin, label_smoothing_twin
from golden.formula import uniform
from golden.golden_arrays import assert_near, evaluate
from golden.numpy_released_category import adversarial, contrast, pairs_of

from crossmodal.losses import conditional_map, label_smoothing_loss
from crossmodal.losses.released_adversarial import (
    class_major_map,
    released_entropy_weights,
    twice_squashed_adversarial_loss,
)
from crossmodal.losses.released_category import (
    released_category_consistency_loss,
    released_centroid_loss,
    released_orthogonal_loss,
)
from crossmodal.losses.released_contrast import (
    PairedRows,
    released_pair_contrast_loss,
    with_previous,
)
from crossmodal.runtime import jt


def test_smoothing_with_the_constant_31() -> None:
    """Over four columns the target sums to 0.9 + 0.4 / 31; with 4 it is the default."""
    logits, labels = uniform("logits", (6, 4), -3, 3), np.array([0, 3, 1, 1, 2, 0])
    values = [evaluate(lambda logits, k=k: label_smoothing_loss(logits, jt.array(labels), 0.1, k),
                       {"logits": logits}, {})[0] for k in (0, 4, 31)]
    assert values[0] == values[1]
    exact = logits.astype(float)
    assert_near(values[0], np.array(label_smoothing_twin(exact, labels)), 1e-5)
    whole = label_smoothing_twin(exact, labels, 1.0)  # the evenly spread part alone, of 4 quarters
    right = label_smoothing_twin(exact, labels, 0.0)
    assert_near(values[2], np.array(0.9 * right + 0.4 / 31 * whole), 1e-5)


def test_a_second_sigmoid_written_out() -> None:
    """Of a discriminator that is sure and right, or sure and wrong: .503 and 1.003, no gradient."""
    for sign, expected in ((1, 0.503204), (-1, 1.003204)):
        inputs = {"source_logits": np.array([[sign * 40.0]]),
                  "target_logits": np.array([[-sign * 40.0]])}
        value, gradient = evaluate(twice_squashed_adversarial_loss, inputs, {})
        assert float(value) == pytest.approx(expected, abs=1e-5)
        assert all(np.abs(g).max() < 1e-12 for g in gradient.values())
    logits = {"source_logits": np.array([[0.3], [-2.0]]), "target_logits": np.array([[1.0]])}
    squashed = {name: 1 / (1 + np.exp(-array)) for name, array in logits.items()}
    assert_near(evaluate(twice_squashed_adversarial_loss, logits, {})[0], np.array(domain_twin(
        *squashed.values(), source_weight=np.full(2, 0.5), target_weight=np.ones(1))), 1e-5)


def test_the_released_map_is_the_same_numbers_in_another_order() -> None:
    features, chances = jt.array(uniform("f", (3, 4))), jt.array(uniform("p", (3, 2), 0, 1))
    ours, theirs = (made(features, chances).numpy() for made in (conditional_map, class_major_map))
    assert np.array_equal(ours.reshape(3, 4, 2), theirs.reshape(3, 2, 4).transpose(0, 2, 1))


def test_entropy_weights_teach_the_classifier_against_the_discriminator() -> None:
    """Turned round, and nothing where the coefficient is 0, as in the first iteration."""
    chances = {"p": np.array([[0.7, 0.2, 0.1], [0.4, 0.3, 0.3]])}
    along = jt.array(np.array([1.0, -2.0], np.float32))
    slopes = [evaluate(lambda p, c=c: (released_entropy_weights(p, c) * along).sum(), chances,
                       {})[1]["p"] for c in (0.0, 1.0, -1.0)]
    assert not slopes[0].any() and np.abs(slopes[1]).max() > 1e-3
    assert np.array_equal(slopes[1], -slopes[2])
    e = 1 + np.exp((chances["p"] * np.log(chances["p"] + 1e-5)).sum(1))
    assert_near(released_entropy_weights(jt.array(chances["p"]), 1.0).numpy(), e / e.sum(), 1e-5)


def test_the_twin_of_the_adversarial_loss_weighs_like_ours() -> None:
    """With equal entropies and a discriminator that says nothing, the loss is softplus(1/2)..."""
    layers = {f"{name}.{part}": np.zeros(shape) for name, width in (
        ("first", (3, 8)), ("second", (3, 3)), ("last", (1, 3)))
        for part, shape in (("weight", width), ("bias", width[:1]))}
    found = adversarial(uniform("f", (4, 4)), np.zeros((4, 2)), layers)
    assert found.real == pytest.approx(np.log1p(np.exp(0.5)) - 0.25)


def rows_of(first: np.ndarray, second: np.ndarray, one: list[int], two: list[int],
            usable: list[bool] | None = None) -> PairedRows:
    believed = np.array(usable if usable is not None else [True] * len(two))
    return PairedRows(*(jt.array(np.asarray(a)) for a in (
        first, first, second, np.array(one, np.int32), np.array(two, np.int32), believed)))


FIRST, SECOND = uniform("first", (4, 5)), uniform("second", (4, 5))


@pytest.mark.parametrize(("one", "two"), [
    ([0, 0, 1, 2], [0, 0, 0, 2]), ([1, 1, 1, 1], [1, 1, 1, 1]), ([0, 1, 2, 3], [3, 2, 1, 0]),
    ([0, 1, 2, 3], [3, 9, 9, 9]), ([0, 1, 2, 3], [9, 9, 9, 9])])
def test_counting_copies_is_listing_them(one: list[int], two: list[int]) -> None:
    """Many pairs, every pair, one to one, one pair (exactly nothing), and none (nothing)."""
    pairs = pairs_of(np.array(one), np.array(two))
    found = released_pair_contrast_loss(rows_of(FIRST, SECOND, one, two)).item()
    exact = contrast(FIRST.astype(complex), SECOND.astype(complex), pairs)
    assert found == pytest.approx(np.real(exact), rel=1e-5, abs=1e-6)
    assert (abs(found) < 1e-6) == (len(pairs) < 2)


def test_items_that_are_not_believed_are_in_no_pair() -> None:
    some = rows_of(FIRST, SECOND, [0, 0, 1, 2], [0, 0, 1, 9], [True, False, True, True])
    same = rows_of(FIRST, SECOND, [0, 0, 1, 2], [0, 8, 1, 9])
    assert released_pair_contrast_loss(some).item() == released_pair_contrast_loss(same).item()


def test_which_rows_are_kept() -> None:
    """Rows with a pair replace those before; without, the earlier ones stay, values and all."""
    nothing = PairedRows.none(4, 5, 5)
    good = rows_of(FIRST, SECOND, [0, 1, 2, 2], [1, 2, 9, 9])
    unbelieved = rows_of(SECOND, FIRST, [0, 1, 2, 2], [1, 2, 9, 9], [False] * 4)
    strangers = rows_of(SECOND, FIRST, [0, 1, 2, 2], [5, 6, 7, 8])
    learnt = jt.array(uniform("learnt", (4, 5)))

    def same(found: PairedRows, expected: PairedRows) -> bool:
        return all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(found, expected))

    assert same(with_previous(good, strangers, learnt), good)
    assert same(with_previous(strangers, good, learnt), good)
    assert same(with_previous(unbelieved, good, learnt), good)
    assert same(with_previous(strangers, nothing, learnt), strangers)


def test_earlier_rows_teach_todays_bottleneck() -> None:
    """Where the gradient of the value then meets what the bottleneck was given then."""
    good = rows_of(FIRST, SECOND, [0, 1, 2, 2], [1, 2, 2, 9])
    strangers = rows_of(SECOND, FIRST, [0, 1, 2, 2], [5, 6, 7, 8])
    weight = jt.array(uniform("weight", (5, 5)))
    rows = with_previous(strangers, good, jt.matmul(good.hidden, weight))
    found = jt.grad(released_pair_contrast_loss(rows), [weight])[0].numpy()
    first = jt.array(FIRST)
    slope = jt.grad(released_pair_contrast_loss(good._replace(first=first)), [first])[0].numpy()
    assert_near(found, FIRST.T @ slope, 1e-4)


def test_absent_classes_and_forty_classes() -> None:
    """A class on one side only is drawn to zero; the divisor is never below 31 classes."""
    label, nobody = jt.array(np.zeros(4, np.int32)), jt.zeros(4, "bool")
    for classes, divisor in ((3, 31), (40, 40)):
        found = released_centroid_loss(jt.array(FIRST), label, jt.array(SECOND), label, nobody,
                                       classes).item()
        assert found == pytest.approx(0.09 * (FIRST.mean(0) ** 2).sum() / (divisor * 5), rel=1e-5)


def test_a_row_is_a_negative_of_itself() -> None:
    """Of a single row: 1 - 0 + gamma, whatever it is."""
    found = released_orthogonal_loss(jt.array(FIRST[:1]), jt.array(np.array([3])), 0.5)
    assert found.item() == pytest.approx(1.5, abs=1e-4)


def test_large_features_do_not_overflow() -> None:
    """exp(x) alone would: x is up to 0.01 times the square of their length."""
    far = jt.array(200 * FIRST)
    assert np.isfinite(released_category_consistency_loss(far, far * 0.9).item())
