"""Domain discriminator: golden values, its start, and dropout in training only."""

from __future__ import annotations

import numpy as np
from golden.formula import uniform, weight
from golden.golden_arrays import compare, read

from crossmodal.models.domain_discriminator import DomainDiscriminator
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.runtime import jt, seeds


def test_golden() -> None:
    net = DomainDiscriminator(6, hidden=8)
    tensors = named_tensors(net)
    assert sorted(tensors) == ["first.bias", "first.weight", "last.bias", "last.weight",
                               "second.bias", "second.weight"]
    assign(tensors, {n: weight(n, tuple(t.shape)) for n, t in tensors.items()})
    net.eval()
    compare(net, read("category_losses", "discriminator."))


def test_shapes_and_defaults() -> None:
    net = DomainDiscriminator(6)
    assert tuple(net.first.weight.shape) == (1024, 6)
    assert tuple(net.second.weight.shape) == (1024, 1024)
    assert tuple(net(jt.zeros((5, 6))).shape) == (5, 1) and net.dropout.p == 0.5


def test_output_is_a_raw_logit() -> None:
    net = DomainDiscriminator(6, hidden=8)
    net.eval()
    far = np.abs(net(jt.array(1e3 * uniform("far", (20, 6)))).numpy())
    assert far.max() > 10


def test_loaded_tensors_work_at_once() -> None:
    """Without a synchronisation between loading and the first training step."""
    net = DomainDiscriminator(6, hidden=8)
    arrays = {n: weight(n, tuple(t.shape)) for n, t in named_tensors(net).items()}
    assign(named_tensors(net), arrays)
    net.train()
    logits = net(jt.array(uniform("items", (4, 6))))
    gradient = jt.grad((logits * logits).sum(), [net.last.bias])[0]
    assert np.abs(gradient.numpy() - 2 * logits.numpy().sum()).max() < 1e-4


def test_start() -> None:
    seeds.seed_everything(3)
    net = DomainDiscriminator(200, hidden=300)
    for layer, count in ((net.first, 500), (net.second, 600), (net.last, 301)):
        values = layer.weight.numpy()
        spread = values.std() / np.sqrt(2 / count)
        assert abs(spread - 1) < 4 / np.sqrt(2 * values.size)
        assert abs(values.mean()) < 4 * np.sqrt(2 / count / values.size)
        assert np.abs(values).max() > 2 * np.sqrt(2 / count)  # a uniform draw ends at 1.73
        assert not layer.bias.numpy().any()


def test_dropout_in_training_only() -> None:
    net, x = DomainDiscriminator(6, hidden=64), jt.array(uniform("items", (4, 6)))
    net.eval()
    calm = [net(x).numpy() for _ in range(2)]
    assert (calm[0] == calm[1]).all()
    net.train()
    wild = [net(x).numpy() for _ in range(2)]
    assert (wild[0] != wild[1]).any()


def test_dropout_follows_both_hidden_layers() -> None:
    """All hidden units 1: a unit that is kept twice is 4, which one in four is."""
    net = DomainDiscriminator(1, hidden=400)
    assign(named_tensors(net), {"first.weight": np.zeros((400, 1)), "first.bias": np.ones(400),
                                "second.weight": np.eye(400), "last.weight": np.ones((1, 400))})
    net.train()
    logits = net(jt.zeros((50, 1))).numpy()
    assert (logits % 4 == 0).all() and abs(logits.mean() / 4 - 100) < 6
    net.eval()
    assert (net(jt.zeros((2, 1))).numpy() == 400).all()


def test_every_tensor_gets_a_gradient() -> None:
    net = DomainDiscriminator(6, hidden=16)
    net.train()
    tensors = named_tensors(net)
    gradients = jt.grad(net(jt.array(uniform("items", (8, 6)))).sum(), list(tensors.values()))
    for name, gradient in zip(tensors, gradients):
        assert np.abs(gradient.numpy()).max() > 0, name
