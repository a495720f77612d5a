"""What the released code minimised at category level, against golden values; and that it is odd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from category_twins import domain_twin, label_smoothing_twin
from golden.golden_arrays import assert_near, cases, compare, evaluate, read

from crossmodal.config import CategoryLossConfig
from crossmodal.losses import (
    CentroidState,
    Pairs,
    contrast_loss,
    label_smoothing_loss,
    pairs_or_previous,
    twice_squashed_adversarial_loss,
)
from crossmodal.models.category_net import DomainEmbeddings, Memory
from crossmodal.runtime import jt
from crossmodal.training import category_objective as objective

ALONE = replace(CategoryLossConfig(), centroid_memory="none")
STEPS = 4


def test_smoothing_with_the_constant_31() -> None:
    compare(lambda **a: label_smoothing_loss(**a, classes=31),
            read("released_category", "smoothing."))


def test_smoothing_with_the_right_constant_is_the_default() -> None:
    given = read("released_category", "smoothing.in.")
    values = [evaluate(lambda logits, k=k: label_smoothing_loss(
        logits, jt.array(given["labels"]), classes=k), {"logits": given["logits"]}, {})[0]
        for k in (0, 4, 31)]
    assert values[0] == values[1] != values[2]
    assert_near(values[0], np.array(label_smoothing_twin(given["logits"].astype(float),
                                                         given["labels"])), 1e-5)


@pytest.mark.parametrize("case", cases("released_category", "twice."))
def test_a_second_sigmoid(case: str) -> None:
    compare(twice_squashed_adversarial_loss, read("released_category", f"twice.{case}."))


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


def embedded(plain: jt.Var, items: jt.Var) -> DomainEmbeddings:
    return DomainEmbeddings(plain, None, items)


def test_centroids_that_never_accumulate() -> None:
    """Three batches through tables of 31 rows: each begins anew, and the memory stays empty."""
    memory = Memory(CentroidState.fresh(31, 4))

    def run(source: jt.Var, target: jt.Var, source_label: jt.Var, target_label: jt.Var,
            target_usable: jt.Var) -> jt.Var:
        total = jt.array(0.0)
        for i in range(3):
            term, after = objective._centroids(
                embedded(source[i], target[i]), source_label[i], target_label[i],
                target_usable[i], memory, ALONE)
            assert after is memory
            total = total + term
        return total

    compare(run, read("released_category", "centroids."))
    assert not memory.centroids.source_seen.numpy().any()


def test_pairs_of_an_earlier_step() -> None:
    """Four batches; the second and the fourth have no pair."""
    def run(first: jt.Var, second: jt.Var, first_label: jt.Var, second_label: jt.Var,
            second_usable: jt.Var) -> jt.Var:
        kept, total = Pairs.none(6, 6), jt.array(0.0)
        for i in range(STEPS):
            kept = pairs_or_previous(
                Pairs(first_label[i], second_label[i], second_usable[i]), kept)
            total = total + contrast_loss(first[i], second[i], kept.first_label,
                                          kept.second_label, second_usable=kept.second_usable)
        return total

    compare(run, read("released_category", "contrast."))


def test_which_pairs_are_kept() -> None:
    def pairs(first: list[int], second: list[int], usable: list[bool]) -> Pairs:
        return Pairs(jt.array(np.array(first)), jt.array(np.array(second)),
                     jt.array(np.array(usable)))

    def lists(of: Pairs) -> list[list[int]]:
        return [v.numpy().tolist() for v in of]

    nothing = Pairs.none(2, 2)
    good = pairs([0, 1], [1, 2], [True, True])
    unbelieved = pairs([0, 1], [1, 2], [False, True])
    strangers = pairs([0, 1], [2, 3], [True, True])
    assert [bool(p.exist().item()) for p in (nothing, good, unbelieved, strangers)] == \
        [False, True, False, False]
    assert lists(pairs_or_previous(good, strangers)) == lists(good)
    assert lists(pairs_or_previous(strangers, good)) == lists(good)
    assert lists(pairs_or_previous(unbelieved, good)) == lists(good)
    assert lists(pairs_or_previous(strangers, nothing)) == lists(strangers)
