"""The losses of an iteration as Python numbers."""

from __future__ import annotations

import numpy as np
import pytest

from crossmodal.runtime import jt
from crossmodal.training.loss_values import loss_values


def test_names_and_numbers_stay_together() -> None:
    terms = {"first": jt.array(np.float32(2.5)), "second": jt.array(np.float32(-1))}
    found = loss_values(terms["first"] + terms["second"], terms)
    assert list(found.items()) == [("loss", 1.5), ("first", 2.5), ("second", -1.0)]


def test_what_is_not_finite_stays_so() -> None:
    found = loss_values(jt.array(np.float32(np.inf)), {"a": jt.array(np.float32(np.nan))})
    assert found["loss"] == np.inf and found["a"] == pytest.approx(np.nan, nan_ok=True)
