"""Backbones in training and in use, against the same networks in PyTorch, images a second.

ResNet-18, ResNet-50 and MobileNetV2 at 224 px, random weights and inputs; a training step is the
forward pass, the gradient of the mean square of the pooled features, and Adam. PyTorch may use
either memory format, and its fused Adam: the faster of its ways counts. Both have processes of
their own, in turn, twice, and the least time counts. On a GPU where one answers.
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Measurement
from benchmarks.processes import run_in_turn, torch_missing

NAMES = ("resnet18", "resnet50", "mobilenet_v2")
SIZES = {"batch": 16, "side": 224, "steps": 5}
QUICK = {"batch": 4, "side": 112, "steps": 2}
ROUNDS = 2
LEAST = 1.0  # times PyTorch's images a second


def main(quick: bool = False) -> list[Measurement]:
    """Two lines for each network: training, inference."""
    found: list[Measurement] = []
    for name in NAMES:
        sizes, rounds = {**(QUICK if quick else SIZES), "name": name}, 1 if quick else ROUNDS
        found += compare(name, sizes, rounds)
        if found[-1].facts["device"] == "cuda":
            found += compare(name, {**sizes, "precision": "mixed"}, rounds)
    return found


def compare(name: str, sizes: dict[str, Any], rounds: int) -> list[Measurement]:
    """Least seconds of a step in both."""
    ours, theirs = run_in_turn("network_jittor.py", "network_torch.py", sizes, rounds)
    return [_line(name, sizes, what, ours, theirs) for what in ("training", "inference")]


def _line(name: str, sizes: dict[str, Any], what: str, ours: list[dict[str, Any]],
          theirs: list[dict[str, Any]]) -> Measurement:
    own = min(run[what] for run in ours)
    facts = {"images_per_second": sizes["batch"] / own, "device": ours[0]["device"]}
    if what == "training" and ours[0].get("convolution_share") is not None:
        facts["convolution_share"] = ours[0]["convolution_share"]
    precision = sizes.get("precision", "float32")
    title = f"{name}, {precision}, {sizes['batch']} x {sizes['side']} px, {what}, against PyTorch"
    if not theirs:
        return Measurement(title, own, facts={**facts, "pytorch": torch_missing()})
    facts["torch"] = theirs[0]["version"]
    return Measurement(title, own, min(run[what] for run in theirs), LEAST, facts=facts)
