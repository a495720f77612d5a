"""A .pth of any of torchvision's networks, found by name and read without torch: same logits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden.formula import uniform, weight
from golden.golden_arrays import assert_near, read
from weights.torch_files import whole, zip_file

from crossmodal.config import CategoryModelConfig
from crossmodal.models import split_backbone
from crossmodal.models.backbones import NAMES, alexnet, build_backbone, vgg
from crossmodal.models.build import build_category_net
from crossmodal.runtime import jt
from crossmodal.runtime.digest import file_digest

HIDDEN = 16  # units of VGG's and AlexNet's hidden layers: torchvision's first one has 411 MB
CLASS_LAYERS = {"resnet": "fc", "mobilenet_v2": "classifier.1", "vgg": "classifier.6",
                "alexnet": "classifier.6"}
LARGE = ("resnet101", "resnet152")
GOLDEN = [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in NAMES]


def narrow(name: str, in_channels: int = 3) -> Any:
    family = {"alexnet": alexnet}.get(name, vgg if name.startswith("vgg") else None)
    return family.build(name, in_channels, HIDDEN) if family else build_backbone(name, in_channels)


def write_file(name: str, folder: Path) -> dict[str, np.ndarray]:
    """``<folder>/<name>-<digest>.pth`` with all of torchvision's tensors; what is in it."""
    listed = [line.split() for line in read("class_logits", f"{name}.")["tensors"].tolist()]
    arrays = {n: weight(n, tuple(map(int, shape.split("x")))) for n, shape in listed}
    counters = {n.replace("running_mean", "num_batches_tracked"): np.array(7)
                for n in arrays if n.endswith("running_mean")}
    path = folder / "new.pth"
    path.write_bytes(zip_file([whole(n, a) for n, a in {**arrays, **counters}.items()]))
    path.rename(folder / f"{name}-{file_digest(path)[:8]}.pth")
    return arrays


def test_every_network_has_golden_logits() -> None:
    assert {key.split(".")[0] for key in read("class_logits")} == set(NAMES)


@pytest.mark.parametrize("name", GOLDEN)
def test_logits(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images of 64 px; every 50th of 1000 logits, to 1e-4 of the largest."""
    monkeypatch.setattr(split_backbone, "build_backbone", narrow)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pretrained_resnet").mkdir()
    arrays = write_file(name, tmp_path / "pretrained_resnet")
    net = build_category_net(CategoryModelConfig(backbone=name, pretrained=name), 3)
    assert "torch" not in sys.modules
    report = net.weights["encoder"]
    layer = next(place for family, place in CLASS_LAYERS.items() if name.startswith(family))
    assert report["random"] == report["mismatched"] == report["unused"] == []
    assert report["left_out"] == [f"{layer}.bias", f"{layer}.weight"]
    net.eval()
    with jt.no_grad():
        image = jt.array(uniform("image", (2, 3, 64, 64)))
        vector = net.encoder.upper(net.encoder.lower(image)).numpy().astype(float)
    logits = vector @ arrays[f"{layer}.weight"].T + arrays[f"{layer}.bias"]
    assert_near(logits[:, ::50], read("class_logits", f"{name}.")["logits"], 1e-4)
