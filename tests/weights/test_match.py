"""Names, first convolutions, and the report that leaves no tensor unmentioned."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from crossmodal.weights.match import adapt_stem, match, stacked_stem
from crossmodal.weights.names import to_torchvision
from crossmodal.weights.read import read_weights

logger = logging.getLogger("test")


def test_every_tensor_is_reported_once() -> None:
    tensors = {"a": np.ones(2), "b": np.ones((2, 3)), "extra": np.ones(1), "fc.bias": np.ones(1)}
    expected = {"a": (2,), "b": (3, 2), "c": (4,)}
    selected, report = match(tensors, expected, "file.npz", ignore=("fc.",))
    assert list(selected) == report.loaded == ["a"]
    assert report.random == ["c"] and report.unused == ["extra"] and not report.complete
    assert report.left_out == report.as_dict()["left_out"] == ["fc.bias"]
    assert report.mismatched == [("b", (2, 3), (3, 2))]
    assert report.lines() == [
        "file.npz: 1 of 3 tensors loaded",
        "  1 stay at their random start: c",
        "  1 of another shape, left random: b (2, 3) for (3, 2)",
        "  1 not used: extra",
        "  1 left out: fc.bias",
    ]
    assert report.as_dict()["random"] == ["c"]


def test_an_incomplete_load_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        match({"a": np.ones(2)}, {"a": (2,)}, "one")[1].log(logger)
        match({}, {f"layer{i}": (2,) for i in range(12)}, "two")[1].log(logger)
    levels = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert levels[0] == ("INFO", "one: 1 of 1 tensors loaded")
    assert levels[1][0] == "WARNING" and "layer9 and 2 more" in levels[2][1]


def test_stems_by_hand() -> None:
    rgb = np.array([1.0, 2.0, 6.0], np.float32).reshape(1, 3, 1, 1)
    assert adapt_stem(rgb, 1, gray="mean").ravel().tolist() == [3]
    assert adapt_stem(rgb, 1, gray="sum").ravel().tolist() == [9]
    assert adapt_stem(rgb, 3).ravel().tolist() == [1, 2, 6]
    assert adapt_stem(rgb, 4, mask="mean").ravel().tolist() == [1, 2, 6, 3]
    assert adapt_stem(rgb, 4, mask="zero").ravel().tolist() == [1, 2, 6, 0]
    for stem in (adapt_stem(rgb, 1), adapt_stem(rgb, 4)):
        assert stem.dtype == np.float32


def test_stems_that_have_no_rule() -> None:
    with pytest.raises(ValueError, match="2 channels"):
        adapt_stem(np.zeros((1, 3, 1, 1)), 2)
    with pytest.raises(ValueError, match="\\(O, 3, k, k\\)"):
        adapt_stem(np.zeros((1, 4, 1, 1)), 1)


def test_old_mobilenet_names() -> None:
    old = ["features.0.0.weight", "features.1.conv.0.weight", "features.1.conv.1.bias",
           "features.1.conv.3.weight", "features.1.conv.4.running_var",
           "features.2.conv.0.weight", "features.2.conv.1.bias", "features.2.conv.3.weight",
           "features.2.conv.4.weight", "features.2.conv.6.weight", "features.2.conv.7.running_mean",
           "features.18.1.weight", "features.2.conv.7.num_batches_tracked"]
    new = ["features.0.0.weight", "features.1.conv.0.0.weight", "features.1.conv.0.1.bias",
           "features.1.conv.1.weight", "features.1.conv.2.running_var",
           "features.2.conv.0.0.weight", "features.2.conv.0.1.bias", "features.2.conv.1.0.weight",
           "features.2.conv.1.1.weight", "features.2.conv.2.weight",
           "features.2.conv.3.running_mean", "features.18.1.weight"]
    tensors = {name: np.full(1, i) for i, name in enumerate(old)}
    found = to_torchvision(tensors)
    assert list(found) == new
    assert [int(a[0]) for a in found.values()] == list(range(len(new)))
    assert list(to_torchvision(found)) == new


def test_an_older_mobilenet_has_the_current_names_and_shapes(shared_data: Path) -> None:
    path = shared_data / "data" / "weights" / "mobilenetv2_imagenet_noclassifier.npz"
    found = to_torchvision(read_weights(path))
    assert len(found) == 260
    assert found["features.1.conv.1.weight"].shape == (16, 32, 1, 1)
    assert found["features.17.conv.1.0.weight"].shape == (960, 1, 3, 3)
    assert found["features.17.conv.2.weight"].shape == (320, 960, 1, 1)
    assert found["features.17.conv.3.running_var"].shape == (320,)


def test_a_partial_resnet_says_what_it_lacks(shared_data: Path) -> None:
    folder = shared_data / "data" / "weights"
    found = read_weights(folder / "resnet50_v1_partial_conv1_layer1_layer2.npz")
    missing = (folder / "resnet50_partial_missing_keys.txt").read_text().split()
    expected = {name: array.shape for name, array in found.items()}
    expected.update(dict.fromkeys(missing, (1,)))
    _, report = match(found, expected, "partial")
    assert report.random == missing and len(missing) == 29
    assert "29 stay at their random start" in report.lines()[1]


def test_the_stem_of_stacked_views_by_hand() -> None:
    rgb = np.array([1.0, 2.0, 6.0], np.float32).reshape(1, 3, 1, 1)
    assert stacked_stem(rgb, 4, gray="sum").ravel().tolist() == [2.25] * 4
    assert np.array_equal(stacked_stem(rgb, 1), adapt_stem(rgb, 1))
