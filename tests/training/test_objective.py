"""The sum of the losses: golden value and gradients, and which terms a configuration asks for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from golden.formula import unit_rows
from golden.golden_arrays import compare, read

from crossmodal.config import ConfigError, LossConfig
from crossmodal.models.retrieval_net import Embeddings
from crossmodal.models.view_attention import ViewAttention, attention_scores
from crossmodal.runtime import jt
from crossmodal.training.objective import objective, weighted_sum

ALL = {"instance", "category", "plain_instance", "plain_category", "consistency", "contrast"}


def whole(plain: jt.Var, mixed: jt.Var, tokens: jt.Var, w_in: jt.Var, image_shape: jt.Var,
          shape_category: jt.Var) -> jt.Var:
    """The objective of a network whose embeddings are given."""
    net = SimpleNamespace(score=lambda queries, views: attention_scores(queries, views, w_in))
    same = image_shape.unsqueeze(1) == jt.arange(6).unsqueeze(0)
    category = shape_category[image_shape].unsqueeze(1) == shape_category.unsqueeze(0)
    terms = objective(net, Embeddings(plain, mixed, tokens), same, category, image_shape,
                      LossConfig())
    return weighted_sum(terms, LossConfig())


def terms(loss: LossConfig, with_bridge: bool = True) -> dict[str, jt.Var]:
    plain, mixed = (jt.array(unit_rows(name, (6, 8))) for name in ("plain", "mixed"))
    found = Embeddings(plain, mixed if with_bridge else None, jt.array(unit_rows("t", (6, 3, 8))))
    same = jt.array(np.eye(6, dtype=bool))
    net = SimpleNamespace(score=ViewAttention(8))
    return objective(net, found, same, same, jt.arange(6), loss)


def test_golden() -> None:
    """Six images, two of one shape; gradients of the whole sum in all that is learnt."""
    compare(whole, read("objective", "objective."))


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
