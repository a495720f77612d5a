"""The kernels compute what Jittor's own operators do, in value and gradient."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Callable

import numpy as np
import pytest

from crossmodal.kernels import library, maps, ways
from crossmodal.kernels.convolution import convolution
from crossmodal.kernels.normalisation import batch_norm, follow
from crossmodal.models.layers import BatchNorm
from crossmodal.runtime import jt, openmp

pytestmark = pytest.mark.skipif(not library.load(), reason="no kernels on this processor")
ACTIVATIONS = {"none": lambda y: y, "relu": jt.nn.relu, "relu6": jt.nn.relu6}


def draws(seed: int = 0) -> Callable[..., jt.Var]:
    rng = np.random.default_rng(seed)
    return lambda *shape: jt.array(rng.standard_normal(shape, dtype=np.float32))


def assert_same(found: jt.Var, expected: jt.Var, inputs: list[jt.Var], weight: jt.Var) -> None:
    """Both results, and their gradients towards every input, agree to rounding."""
    pairs = [(found, expected), *zip(jt.grad((found * weight).sum(), inputs),
                                     jt.grad((expected * weight).sum(), inputs))]
    for a, b in pairs:
        a, b = a.numpy(), b.numpy()
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= 2e-5 * max(1.0, np.abs(b).max())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("channels", "out", "kernel", "stride", "groups", "side"), [
    (64, 64, 3, 1, 1, 9), (64, 32, 3, 2, 1, 9), (24, 144, 1, 1, 1, 7), (144, 24, 1, 1, 1, 7),
    (144, 144, 3, 2, 144, 9), (32, 64, 1, 2, 1, 8), (64, 64, 3, 1, 1, 30),
    (3, 40, 3, 1, 1, 9), (1, 24, 5, 1, 1, 9), (64, 24, 7, 1, 1, 2), (8, 8, 7, 2, 8, 5),
])
def test_convolution(channels: int, out: int, kernel: int, stride: int, groups: int, side: int,
                     activation: str) -> None:
    """On blocked maps, with bias and shortcut; 24 channels do not fill a group.

    Few channels and wide kernels are convolved on rearranged maps, and finished after it.
    """
    draw, after = draws(), -(-side // stride)
    x, residual = draw(2, channels, side, side), draw(2, out, after, after)
    weight, bias = draw(out, channels // groups, kernel, kernel), draw(out)
    found = maps.to_plain(convolution(maps.to_blocked(x), weight, stride, kernel // 2, groups, bias,
                                      maps.to_blocked(residual), activation), out)
    expected = ACTIVATIONS[activation](
        jt.nn.conv2d(x, weight, bias, stride, kernel // 2, 1, groups) + residual)
    assert_same(found, expected, [x, weight, bias, residual], draw(*expected.shape))


@pytest.fixture
def what_ran(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    """Lines in which oneDNN says what it has computed since."""
    onednn = ctypes.CDLL(str(library.onednn.folder(library.home.jittor_home()) / "lib" /
                             library.onednn.LIBRARY))
    libc = ctypes.CDLL(None)

    def lines() -> list[str]:
        libc.fflush(None)
        return [line for line in capfd.readouterr().out.splitlines() if "convolution" in line]

    onednn.dnnl_set_verbose(1)
    yield lines
    onednn.dnnl_set_verbose(0)


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_a_shortcut_is_read_where_that_is_as_fast(
        activation: str, what_ran: Callable[[], list[str]]) -> None:
    """Beside the result; else it would have to be copied there first."""
    draw = draws()
    x, weight = draw(8, 64, 16, 16), draw(64, 64, 1, 1)
    blocked = maps.to_blocked(x)
    convolution(blocked, weight, 1, 0, 1, None, blocked, activation).sync()
    ran = what_ran()
    assert len(ran) == 1 and "post-ops:binary_add" in ran[0], ran


@pytest.mark.parametrize(("shape", "winograd"), [
    ((8, 64, 16, 16), True),
    ((32, 512, 2, 2), False),  # four of a tile's sixteen pixels
    ((1, 512, 7, 7), False),  # too few tiles for what turning the weights costs
    ((16, 8, 56, 56), False),  # too few channels for what turning the tiles costs
])
def test_winograds_way_is_taken_where_it_pays(shape: tuple[int, ...], winograd: bool,
                                              what_ran: Callable[[], list[str]]) -> None:
    """What oneDNN did not compute, our own code did, in all directions."""
    draw = draws()
    x, weight = draw(*shape), draw(shape[1], shape[1], 3, 3)
    y = convolution(maps.to_blocked(x), weight, 1, 1, 1)
    jt.sync([y, *jt.grad((y * y).sum(), [x, weight])])
    assert len(what_ran()) == (0 if winograd else 3)


def test_jittor_computes_what_onednn_has_no_fast_code_for(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = draws()
    x, residual, weight, bias = draw(2, 24, 9, 9), draw(2, 40, 9, 9), draw(40, 24, 3, 3), draw(40)
    inputs = [x, weight, bias, residual]

    def found() -> jt.Var:
        return maps.to_plain(convolution(maps.to_blocked(x), weight, 1, 1, 1, bias,
                                         maps.to_blocked(residual), "relu"), 40)

    usual = found()
    monkeypatch.setattr(ways, "is_fast", lambda sizes: False)
    assert_same(found(), usual, inputs, draw(2, 40, 9, 9))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (15, 13)])
def test_convolution_by_winograds_way(height: int, width: int, threads: int,
                                      use_threads: Callable[[int], None]) -> None:
    """Large enough for it to pay, also where its tiles of 4 x 4 stick out: nearly as exact."""
    use_threads(threads)
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((8, 64, height, width), dtype=np.float32) for _ in range(2))
    weight = rng.standard_normal((64, 64, 3, 3), dtype=np.float32)
    inputs = [jt.array(x), jt.array(weight)]
    y = maps.to_plain(convolution(maps.to_blocked(inputs[0]), inputs[1], 1, 1, 1), 64)
    found = [y, *jt.grad((y * jt.array(dy)).sum(), inputs)]
    for got, expected in zip(found, in_double_precision(x, weight, dy)):
        assert np.abs(got.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.fixture
def use_threads() -> Iterator[Callable[[int], None]]:
    before = openmp.threads()
    yield openmp.set_threads
    openmp.set_threads(before)


@pytest.mark.parametrize("channels", [64, 256])
def test_winograds_way_does_not_depend_on_the_number_of_threads(
        channels: int, use_threads: Callable[[int], None]) -> None:
    """Threads with tiles of their own (64 channels), and sharing them (256)."""
    draw, found = draws(), []
    x, weight = draw(9, channels, 20, 20), draw(channels, channels, 3, 3)
    for threads in (1, 2, 3):
        use_threads(threads)
        y = convolution(maps.to_blocked(x), weight, 1, 1, 1)
        found.append([t.numpy() for t in (y, *jt.grad((y * y).sum(), [x, weight]))])
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other))


def in_double_precision(x: np.ndarray, weight: np.ndarray,
                        dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A 3 x 3 convolution with padding 1, and its gradients towards x and weight."""
    x, weight, dy = (array.astype(np.float64) for array in (x, weight, dy))
    (height, width), edges = x.shape[2:], ((0, 0), (0, 0), (1, 1), (1, 1))
    padded, y, dweight = np.pad(x, edges), np.zeros_like(dy), np.zeros_like(weight)
    dpadded = np.zeros_like(padded)
    for i, j in np.ndindex(3, 3):
        window = np.s_[:, :, i:i + height, j:j + width]
        y += np.einsum("nchw,oc->nohw", padded[window], weight[:, :, i, j], optimize=True)
        dpadded[window] += np.einsum("nohw,oc->nchw", dy, weight[:, :, i, j], optimize=True)
        dweight[:, :, i, j] = np.einsum("nchw,nohw->oc", padded[window], dy, optimize=True)
    return y, dpadded[:, :, 1:-1, 1:-1], dweight


@pytest.mark.parametrize(("channels", "kernel"), [(1, 7), (3, 7), (4, 7), (4, 3)])
def test_first_convolution(channels: int, kernel: int) -> None:
    """On pictures of one to four channels, without bias, shortcut or activation."""
    draw = draws(channels)
    x, weight = draw(3, channels, 16, 16), draw(32, channels, kernel, kernel)
    found = maps.to_plain(convolution(x, weight, 2, kernel // 2, 1), 32)
    expected = jt.nn.conv2d(x, weight, None, 2, kernel // 2)
    assert_same(found, expected, [x, weight], draw(*expected.shape))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("channels", [24, 64])
@pytest.mark.parametrize("shortcut", [True, False])
def test_batch_norm(channels: int, activation: str, shortcut: bool) -> None:
    draw = draws()
    x, residual = draw(3, channels, 7, 5) * 2 + 1, draw(3, channels, 7, 5)
    norm = BatchNorm(channels)
    norm.weight, norm.bias = draw(channels), draw(channels)
    norm.train()
    y, mean, var = batch_norm(maps.to_blocked(x), norm.weight, norm.bias, norm.eps,
                              maps.to_blocked(residual) if shortcut else None, activation)
    expected = ACTIVATIONS[activation](norm(x) + residual if shortcut else norm(x))
    inputs = [x, norm.weight, norm.bias, *([residual] if shortcut else [])]
    assert_same(maps.to_plain(y, channels), expected, inputs, draw(*expected.shape))
    assert np.allclose(mean.numpy(), x.numpy().mean((0, 2, 3)), atol=1e-5)
    assert np.allclose(var.numpy(), x.numpy().var((0, 2, 3)), rtol=1e-5)


def test_running_statistics() -> None:
    """A tenth of the way towards one batch's mean and unbiased variance, then another's."""
    draw = draws()
    mean, variance, old = draw(2, 24), draw(2, 24) ** 2, [draw(24), draw(24) ** 2]
    found = follow(mean, variance, *old, 0.1, 50)
    for got, before, batches in zip(found, old, (mean, variance * (50 / 49))):
        expected = 0.9 * (0.9 * before + 0.1 * batches[0]) + 0.1 * batches[1]
        assert np.allclose(got.numpy(), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("shortcut", [True, False])
def test_batch_norm_of_joined_batches(shortcut: bool) -> None:
    """Each by its own statistics, as if it came alone; weight and bias serve both."""
    draw = draws()
    x, residual = draw(6, 24, 7, 5), draw(6, 24, 7, 5)
    x[3:] = x[3:] * 3 + 2
    weight, bias = draw(24), draw(24)
    inputs = [x, weight, bias, *([residual] if shortcut else [])]

    def normalised(part: slice, parts: int) -> list[jt.Var]:
        y, mean, var = batch_norm(
            maps.to_blocked(x[part]), weight, bias, 1e-5,
            maps.to_blocked(residual[part]) if shortcut else None, "relu", parts)
        return [maps.to_plain(y, 24), mean, var]

    found = normalised(slice(6), 2)
    alone = [normalised(part, 1) for part in (slice(3), slice(3, 6))]
    expected = [jt.concat(list(both), dim=0) for both in zip(*alone)]
    assert_same(found[0], expected[0], inputs, draw(6, 24, 7, 5))
    for statistic, both in zip(found[1:], expected[1:]):
        assert np.array_equal(statistic.numpy(), both.numpy())


def test_batch_norm_of_a_channel_far_from_zero() -> None:
    """Sums in double precision: a mean 1000 times the spread costs no digit that matters."""
    x = draws()(2, 16, 40, 40) + 1000.0
    one, zero = jt.ones(16), jt.zeros(16)
    y, _, var = batch_norm(maps.to_blocked(x), one, zero, 1e-5)
    exact = x.numpy().astype(np.float64)
    exact = (exact - exact.mean((0, 2, 3), keepdims=True)) / \
        np.sqrt(exact.var((0, 2, 3), keepdims=True) + 1e-5)
    assert np.abs(maps.to_plain(y, 16).numpy() - exact).max() < 2e-3


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 1), (2, 2, 0)])
def test_max_pool(kernel: int, stride: int, padding: int) -> None:
    draw = draws()
    x = draw(2, 24, 9, 11)
    found = maps.to_plain(maps.max_pool(maps.to_blocked(x), kernel, stride, padding), 24)
    expected = jt.nn.Pool(kernel, stride, padding, op="maximum")(x)
    assert_same(found, expected, [x], draw(*expected.shape))


@pytest.mark.parametrize("at", [(0, 0), (1, 1), (1, 2), (2, 2)])
def test_a_nan_is_the_largest_value(at: tuple[int, int]) -> None:
    """A broken network must not look whole after its first pool, wherever in a window it broke."""
    x = np.zeros((1, 16, 4, 4), np.float32)
    x[0, 3][at] = np.nan
    found = maps.to_plain(maps.max_pool(maps.to_blocked(jt.array(x)), 3, 2, 1), 16).numpy()
    assert np.isnan(found[0, 3]).sum() == 2 ** sum(i % 2 for i in at)  # every window it lies in
    assert not np.isnan(np.delete(found, 3, 1)).any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shortcut", [True, False])
def test_a_nan_passes_normalisation_and_activation(activation: str, shortcut: bool) -> None:
    """What follows a broken convolution in training, and the statistics that it leaves."""
    x = np.ones((2, 16, 3, 3), np.float32)
    x[1, 3, 1, 1] = np.nan
    y, mean, var = batch_norm(maps.to_blocked(jt.array(x)), jt.ones(16), jt.zeros(16), 1e-5,
                              maps.to_blocked(jt.ones_like(jt.array(x))) if shortcut else None,
                              activation)
    broken = np.arange(16) == 3
    assert np.array_equal(np.isnan(maps.to_plain(y, 16).numpy()).all((0, 2, 3)), broken)
    assert np.array_equal(np.isnan(mean.numpy()[0]), broken)
    assert np.array_equal(np.isnan(var.numpy()[0]), broken)


def test_mean() -> None:
    draw = draws()
    x = draw(2, 24, 9, 11)
    assert_same(maps.mean(maps.to_blocked(x), 24), x.mean([2, 3]), [x], draw(2, 24))


def test_there_and_back() -> None:
    """Channels that fill up a group are zero, and nothing is lost."""
    x = draws()(2, 24, 3, 5)
    blocked = maps.to_blocked(x)
    assert blocked.shape == [*maps.blocked_shape(2, 24, 3, 5)]
    flat = np.moveaxis(blocked.numpy(), 4, 2).reshape(2, -1, 3, 5)
    assert np.array_equal(flat[:, :24], x.numpy()) and not flat[:, 24:].any()
    assert np.array_equal(maps.to_plain(blocked, 24).numpy(), x.numpy())


def test_sums_do_not_depend_on_the_number_of_threads(use_threads: Callable[[int], None]) -> None:
    draw, found = draws(), []
    x, one, zero = draw(5, 48, 30, 30), jt.ones(48), jt.zeros(48)
    for threads in (1, 2, 3):
        use_threads(threads)
        y, mean, var = batch_norm(maps.to_blocked(x), one, zero, 1e-5, None, "relu")
        slope = jt.grad((y * y).sum(), [x])[0]
        found.append([tensor.numpy() for tensor in (y, mean, var, slope)])
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other))
