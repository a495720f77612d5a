"""The released code's style statistics and stacked views: golden, by slow twins, in the network."""

from __future__ import annotations

import numpy as np
import pytest
from golden.formula import uniform, weight
from golden.golden_arrays import assert_near, compare, evaluate, read

from crossmodal.config import ConfigError
from crossmodal.models.released_style import deviations, mix_deviations, recut_deviations
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.style_transition import StyleDraw
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.models.view_stack import stack_views
from crossmodal.runtime import jt

PERMUTATION, MIX = np.array([1, 0]), np.array([0.25, 0.5], np.float32)


def by_stem(content: jt.Var, stem: jt.Var, permutation: jt.Var, mix: jt.Var) -> jt.Var:
    other = recut_deviations(stem, 4, content.shape[1])
    return mix_deviations(content, deviations(content), other, permutation, mix)


def test_golden_style_of_recut_stem_maps() -> None:
    """Value, and gradients in the pictures' features and in the stem's maps."""
    compare(by_stem, read("released", "style."))


def recut_twin(stem: np.ndarray, shapes: int, channels: int) -> list[list[list[float]]]:
    """Number after number in memory order, into one piece until it is full."""
    stacks, length = len(stem) // shapes, stem.size // shapes // channels
    found: list[list[list[float]]] = []
    for b in range(shapes):
        numbers = [float(value) for t in range(stacks) for one in stem[b * stacks + t]
                   for row in one for value in row]
        found.append([numbers[c * length:(c + 1) * length] for c in range(channels)])
    return found


@pytest.mark.parametrize("shape, shapes, channels", [((6, 4, 4, 4), 2, 6), ((6, 4, 4, 4), 2, 32),
                                                     ((2, 4, 3, 5), 2, 4)])
def test_pieces_are_cut_whatever_map_or_stack_they_come_from(shape: tuple, shapes: int,
                                                             channels: int) -> None:
    """More channels than maps, fewer, and as many, where a piece is a map."""
    stem = uniform("stem", shape, -2, 3)
    pieces = np.array(recut_twin(stem, shapes, channels))
    style = recut_deviations(jt.array(stem), shapes, channels)
    assert_near(style.mean.numpy(), pieces.mean(2), 1e-5)
    assert_near(style.spread.numpy(), pieces.std(2), 1e-5)


def test_as_many_channels_as_maps_mixes_channels_of_one_stack_and_of_several() -> None:
    """view(B, C, -1) on (3B, C, h, w): piece 0 holds maps 0, 1, 2 of stack 0, not map 0 of each."""
    stem = np.broadcast_to(np.arange(15.0).reshape(3, 5, 1, 1), (3, 5, 2, 2)).astype(np.float32)
    mean = recut_deviations(jt.array(np.ascontiguousarray(stem)), 1, 5).mean.numpy()[0]
    assert_near(mean, np.array([1, 4, 7, 10, 13]), 1e-6)  # maps 0-2, 3-5 of two stacks, ...
    assert stem.mean((0, 2, 3)).tolist() == [5, 6, 7, 8, 9]  # the paper's, by channel


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 x 16 x 3 x 3 numbers of a shape cannot be cut into"):
        recut_deviations(jt.zeros((2, 16, 3, 3)), 2, 96)


def test_where_the_released_formula_is_no_number_a_channel_counts_as_constant() -> None:
    """Constant channels, many of them so large that rounding makes their variance negative."""
    values = np.concatenate([np.zeros(1), 1000.1 + 0.37 * np.arange(63)])
    features = np.broadcast_to(values.reshape(1, 64, 1, 1), (1, 64, 7, 7)).astype(np.float32)
    spread, gradients = evaluate(lambda x: deviations(x).spread, {"x": features}, {})
    assert spread[0, 0] == pytest.approx(1e-6, rel=1e-3) and not gradients["x"][0, 0].any()
    assert spread.min() >= 0.999e-6 and np.isfinite(gradients["x"]).all()
    mixed = mix_deviations(jt.array(features), deviations(jt.array(features)),
                           deviations(jt.array(features)), jt.array(np.zeros(1, np.int32)),
                           jt.array(np.full(1, 0.5, np.float32))).numpy()
    np.testing.assert_allclose(mixed, features, 1e-4, 1e-3)


def test_views_are_stacked_as_neighbours() -> None:
    views = uniform("twelve", (2, 12, 1, 5, 4))
    for stacked in (stack_views(views, 4), stack_views(jt.array(views), 4).numpy()):
        assert stacked.shape == (2, 3, 4, 5, 4)
        for shape in range(2):
            for view in range(12):
                assert np.array_equal(stacked[shape, view // 4, view % 4], views[shape, view, 0])
    assert np.array_equal(stack_views(views, 1), views)
    with pytest.raises(ValueError, match="12 views cannot be stacked 5 at a time"):
        stack_views(views, 5)


@pytest.fixture(scope="module")
def net() -> RetrievalNet:
    """Four views a token, style of the query tower's stem with roots of deviations."""
    found = RetrievalNet("resnet18", "resnet18", dim=8, dropout=0.0, view_channels=4,
                         style_form="released")
    tensors = named_tensors(found)
    assign(tensors, {n: weight(n, tuple(t.shape)) for n, t in tensors.items()})
    found.eval()
    return found


def test_the_network_mixes_in_the_style_of_its_query_stem(net: RetrievalNet) -> None:
    """The mixed query, from what the network's parts give and NumPy's statistics of it."""
    images, views = uniform("images", (2, 4, 64, 64)), uniform("views", (2, 8, 1, 64, 64))
    tower = net.query_encoder
    with jt.no_grad():
        found = net(jt.array(images), jt.array(views),
                    StyleDraw(jt.array(PERMUTATION), jt.array(MIX)))
        stem = tower.stem(jt.array(views.reshape(4, 4, 64, 64))).numpy()
        low = tower.lower(jt.array(images)).numpy()
        other = np.array(recut_twin(stem, 2, low.shape[1]))
        keep, parts = MIX[:, None, None, None], []
        for pixels in (low.reshape(2, 128, -1).astype(np.float64), other):
            parts.append((pixels.mean(2)[..., None, None], pixels.std(2)[..., None, None]))
        (mean, spread), (mean_t, spread_t) = parts
        new = keep * spread + (1 - keep) * spread_t[PERMUTATION]
        mixed = (low - mean) / np.sqrt(spread + 1e-5) * np.sqrt(new + 1e-5) \
            + keep * mean + (1 - keep) * mean_t[PERMUTATION]
        expected = tower.head(tower.upper(jt.array(mixed.astype(np.float32)))).numpy()
    assert_near(found.mixed.numpy(), expected, 1e-4)
    assert np.abs(found.mixed.numpy() - found.plain.numpy()).max() > 1e-3


def test_a_token_is_a_stack_of_views(net: RetrievalNet) -> None:
    images, views = uniform("images", (2, 4, 64, 64)), uniform("views", (2, 8, 1, 64, 64))
    with jt.no_grad():
        tokens = net(jt.array(images), jt.array(views)).tokens.numpy()
        one = net.rendering_encoder(jt.array(views[1, 4:8, 0][None])).numpy()
    assert tokens.shape == (2, 2, 8)
    assert_near(tokens[1, 1], one[0], 1e-5)
