"""The sum of the losses: golden value and gradients, and which terms a configuration asks for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from golden.formula import unit_rows
from golden.golden_arrays import assert_near, compare, evaluate, read

from crossmodal.config import ConfigError, LossConfig
from crossmodal.losses import contrast_loss
from crossmodal.models.layers import l2_normalise
from crossmodal.models.retrieval_net import Embeddings
from crossmodal.models.view_attention import ViewAttention, attention_scores
from crossmodal.runtime import jt
from crossmodal.training.objective import objective, weighted_sum

PAPER = LossConfig()
RELEASED = LossConfig(plain_query=0.0, consistency_form="released", contrast_form="released")
ALL = {"instance", "category", "plain_instance", "plain_category", "consistency", "contrast"}


def whole(plain: jt.Var, mixed: jt.Var, tokens: jt.Var, w_in: jt.Var, image_shape: jt.Var,
          shape_category: jt.Var, loss: LossConfig = PAPER) -> jt.Var:
    """The objective of a network whose embeddings are given."""
    net = SimpleNamespace(score=lambda queries, views: attention_scores(queries, views, w_in))
    same = image_shape.unsqueeze(1) == jt.arange(6).unsqueeze(0)
    category = shape_category[image_shape].unsqueeze(1) == shape_category.unsqueeze(0)
    terms = objective(net, Embeddings(plain, mixed, tokens), same, category, image_shape, loss)
    return weighted_sum(terms, loss)


def terms(loss: LossConfig, with_bridge: bool = True) -> dict[str, jt.Var]:
    plain, mixed = (jt.array(unit_rows(name, (6, 8))) for name in ("plain", "mixed"))
    found = Embeddings(plain, mixed if with_bridge else None, jt.array(unit_rows("t", (6, 3, 8))))
    same = jt.array(np.eye(6, dtype=bool))
    net = SimpleNamespace(score=ViewAttention(8))
    return objective(net, found, same, same, jt.arange(6), loss)


def test_golden() -> None:
    """Six images, two of one shape; gradients of the whole sum in all that is learnt."""
    compare(whole, read("objective", "objective."))


def test_golden_as_released() -> None:
    """The same batch: no gradient in the plain query, none of consistency and contrast."""
    golden = read("released", "objective.")
    compare(lambda **a: whole(**a, loss=RELEASED), golden)
    assert not golden["grad.plain"].any() and golden["grad.mixed"].any()


def gradients(loss: LossConfig) -> dict[str, np.ndarray]:
    golden = read("objective", "objective.in.")
    leaves = {name: golden.pop(name) for name in ("plain", "mixed", "tokens", "w_in")}
    return evaluate(lambda **a: whole(**a, loss=loss), leaves, golden)[1]


def test_from_the_released_bridge_nothing_is_learnt() -> None:
    """Gradients of the sum are those of L_inst + 0.2 L_cat; with the paper's they are not."""
    scores_only = gradients(LossConfig(plain_query=0.0, consistency=0.0, contrast=0.0))
    shown = gradients(RELEASED)
    learnt = gradients(LossConfig(plain_query=0.0))
    for name, expected in scores_only.items():
        assert_near(shown[name], expected, 1e-5, name)
    for name in ("plain", "mixed", "tokens"):
        assert np.abs(learnt[name] - scores_only[name]).max() > 1e-3


@pytest.mark.parametrize("change", [
    {}, {"plain_query": 0.0}, {"consistency": 0.0}, {"plain_query": 0.0, "consistency": 0.0},
    {"plain_query": 0.0, "consistency_form": "released"}, {"consistency_form": "released"},
    {"instance": 0.0, "category": 0.0}, {"instance": 0.0, "category": 0.0, "consistency": 0.0},
])
def test_plain_queries_learn_where_they_have_a_gradient(change: dict[str, float]) -> None:
    loss = replace(LossConfig(), **change)
    assert loss.plain_learns == bool(gradients(loss)["plain"].any())


def contrast_of(**settings: str) -> float:
    golden = {name: jt.array(a) for name, a in read("objective", "objective.in.").items()}
    loss = LossConfig(instance=0.0, category=0.0, consistency=0.0, plain_query=0.0, **settings)
    return whole(**golden, loss=loss).item()


@pytest.mark.parametrize("form, tokens", [("paper", "max"), ("paper", "mean"),
                                          ("released", "max")])
def test_whom_contrast_draws_together(form: str, tokens: str) -> None:
    """Images 1 and 2 show shape 1: by slot, image 2 is drawn to shape 2 and pushed off its own."""
    golden = {name: jt.array(a) for name, a in read("objective", "objective.in.").items()}
    of_tokens = {"max": golden["tokens"].max(1), "mean": golden["tokens"].mean(1)}
    partner = np.array([0, 1, 1, 2, 3, 4] if form == "paper" else range(6))
    expected = contrast_loss(golden["mixed"], l2_normalise(of_tokens[tokens]), jt.array(partner),
                             jt.arange(6)).item()
    found = contrast_of(contrast_form=form, contrast_tokens=tokens)
    assert found == pytest.approx(expected, rel=1e-5)
    others = {contrast_of(contrast_tokens=other) for other in ("max", "mean") if other != tokens}
    assert all(abs(found - other) > 1e-3 for other in others)


@pytest.mark.parametrize("off, gone", [
    ("instance", {"instance", "plain_instance"}),
    ("category", {"category", "plain_category"}),
    ("plain_query", {"plain_instance", "plain_category"}),
    ("consistency", {"consistency"}),
    ("contrast", {"contrast"}),
])
def test_a_weight_of_zero_leaves_the_term_out(off: str, gone: set[str]) -> None:
    assert set(terms(LossConfig())) == ALL
    assert set(terms(replace(LossConfig(), **{off: 0.0}))) == ALL - gone


def test_without_the_bridge_it_is_cmic_with_contrast() -> None:
    assert set(terms(LossConfig(), with_bridge=False)) == {"instance", "category", "contrast"}


def test_no_loss_at_all_is_an_error() -> None:
    nothing = replace(LossConfig(), instance=0.0, category=0.0, contrast=0.0)
    with pytest.raises(ConfigError, match="no loss is left to minimise"):
        weighted_sum(terms(nothing, with_bridge=False), nothing)


def test_weights_multiply() -> None:
    loss = LossConfig(instance=2.0, category=0.5, consistency=3.0, contrast=0.25, plain_query=0.1)
    found = terms(loss)
    expected = {"instance": 2.0, "category": 0.5, "plain_instance": 0.2, "plain_category": 0.05,
                "consistency": 3.0, "contrast": 0.25}
    total = sum(expected[name] * term.item() for name, term in found.items())
    assert weighted_sum(found, loss).item() == pytest.approx(total, rel=1e-5)
