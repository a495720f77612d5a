"""A backbone in PyTorch for benchmarks/networks.py: prints seconds of a step and of a pass.

The networks are the ones the golden arrays of the tests are made with, here in single precision.
Needs PyTorch and NumPy only; run by that Python, so nothing of the package is imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from benchmarks.measure import seconds

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "golden"))
from torch_networks import Weights, mobilenet_v2, resnet  # noqa: E402

FORMATS = {"plain": torch.contiguous_format, "channels last": torch.channels_last}


class SingleWeights(Weights):
    """Tensors by name in single precision, random, on one device and in one memory format."""

    def __init__(self, device: str, layout: torch.memory_format) -> None:
        super().__init__(training=True)
        self.device, self.layout = device, layout

    def __call__(self, name: str, *shape: int) -> torch.Tensor:
        if name not in self.tensors:
            fan_in = max(1, torch.Size(shape[1:]).numel())
            tensor = torch.randn(shape) * (2 / fan_in) ** 0.5 if len(shape) > 1 \
                else torch.zeros(shape) if "mean" in name or "bias" in name else torch.ones(shape)
            tensor = tensor.to(self.device)
            if len(shape) == 4:
                tensor = tensor.to(memory_format=self.layout)
            self.tensors[name] = tensor.requires_grad_("running" not in name)
        return self.tensors[name]


def main(name: str, batch: int, side: int, steps: int, device: str = "auto",
         precision: str = "float32") -> None:
    """Least of so many or more in the faster memory format, after one that warms up."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    ways = [measure(name, batch, side, steps, device, precision, layout)
            for layout in FORMATS.values()]
    found = {what: min(way[what] for way in ways) for what in ("training", "inference")}
    sys.stdout.write(json.dumps({**found, "device": device, "version": torch.__version__}) + "\n")


def measure(name: str, batch: int, side: int, steps: int, device: str, precision: str,
            layout: torch.memory_format) -> dict[str, float]:
    torch.manual_seed(0)
    weights = SingleWeights(device, layout)
    images = torch.randn(batch, 3, side, side).to(device).to(memory_format=layout)
    optimiser: list[torch.optim.Optimizer] = []

    def features() -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "mixed"):
            stages = mobilenet_v2(weights, images) if name == "mobilenet_v2" \
                else resnet(weights, name, images)
        return stages[-1].float().mean((2, 3))

    def step() -> None:
        found = features()
        loss = (found * found).mean()
        if not optimiser:
            optimiser.append(torch.optim.Adam(
                [t for t in weights.tensors.values() if t.requires_grad], 1e-5, fused=True))
        optimiser[0].zero_grad()
        loss.backward()
        optimiser[0].step()
        loss.item()

    def use() -> None:
        with torch.inference_mode():
            features().cpu()

    found = {"training": seconds(step, steps)}
    weights.training = False
    return {**found, "inference": seconds(use, steps)}


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
