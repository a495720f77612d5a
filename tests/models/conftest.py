"""Small networks with weights from the golden files' formula."""

from __future__ import annotations

from typing import Callable

import numpy as np
import pytest
from golden.formula import uniform, weight

from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.runtime import jt


def formula_net(dropout: float = 0.0) -> RetrievalNet:
    """Two ResNet-18 towers, embeddings of 8, in training mode."""
    net = RetrievalNet("resnet18", "resnet18", dim=8, dropout=dropout)
    tensors = named_tensors(net)
    assign(tensors, {n: weight(n, tuple(t.shape)) for n, t in tensors.items()})
    net.train()
    return net


@pytest.fixture
def make_net() -> Callable[..., RetrievalNet]:
    """Builds a network the test may change."""
    return formula_net


@pytest.fixture(scope="session")
def images() -> jt.Var:
    """(6, 4, 64, 64), the golden training step's."""
    return jt.array(uniform("images", (6, 4, 64, 64)))


@pytest.fixture(scope="session")
def views() -> jt.Var:
    """(6, 2, 1, 64, 64), the golden training step's."""
    return jt.array(np.asarray(uniform("views", (12, 1, 64, 64)).reshape(6, 2, 1, 64, 64)))
