"""A backbone in Jittor for benchmarks/networks.py: prints seconds of a step and of a pass."""

from __future__ import annotations

import json
import sys
from typing import Callable

import numpy as np

from benchmarks.measure import seconds
from crossmodal.models.layers import use_mixed_precision
from crossmodal.models.split_backbone import SplitBackbone
from crossmodal.runtime import jt
from crossmodal.runtime.device import use_device
from crossmodal.training.optimiser import Group, Optimiser


def main(name: str, batch: int, side: int, steps: int, device: str = "auto",
         precision: str = "float32") -> None:
    """Least of so many or more, after one that compiles."""
    device = use_device(device)
    net = SplitBackbone(name, 3, "layer2")
    if precision == "mixed":
        use_mixed_precision(net)
    images = jt.array(np.random.default_rng(0).standard_normal((batch, 3, side, side),
                                                               dtype=np.float32)).stop_grad()
    net.train()
    optimiser = Optimiser([Group("all", dict(net.named_parameters()))])

    def step() -> None:
        features = net.upper(net.lower(images))
        loss = (features * features).mean()
        optimiser.step(loss, 1e-5)
        jt.sync_all(True)
        loss.item()

    def use() -> None:
        with jt.no_grad():
            net.upper(net.lower(images)).numpy()

    found = {"training": seconds(step, steps), "device": device,
             "convolution_share": convolution_share(step) if device == "cpu" else None}
    net.eval()
    found["inference"] = seconds(use, steps)
    sys.stdout.write(json.dumps(found) + "\n")


def convolution_share(step: Callable[[], None]) -> float:
    """Which part of a step's operator time the convolutions take, their gradients included."""
    with jt.profile_scope(0, 1) as report:
        step()
    head, rows = report[0], report[1:]
    name, total = head.index("Name"), head.index("TotalTime")
    times = [(row[name], float(row[total])) for row in rows]
    convolutions = sum(t for text, t in times if "crossmodal_convolution" in text or "conv" in
                       text.split("«")[0])
    return convolutions / sum(t for _, t in times)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
