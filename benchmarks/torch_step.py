"""Training steps in PyTorch for benchmarks/training_step.py: prints seconds.

The network and the losses are the ones the golden arrays of the tests are made with, here in single
precision. Needs PyTorch and NumPy only; run by that Python, so nothing of the project is imported.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "golden"))
import torch_formulas as formulas  # noqa: E402
from torch_networks import Weights, norm, resnet_layer, resnet_stem  # noqa: E402

DIM, WIDTH = 128, 2048


class SingleWeights(Weights):
    """Tensors by name in single precision, random."""

    def __call__(self, name: str, *shape: int) -> torch.Tensor:
        name = self.prefix + name
        if name not in self.tensors:
            fan_in = max(1, torch.Size(shape[1:]).numel())
            kernels = len(shape) > 1
            tensor = torch.randn(shape) * (2 / fan_in) ** 0.5 if kernels else torch.ones(shape)
            self.tensors[name] = tensor.requires_grad_("running" not in name)
        return self.tensors[name]


def lower(weights: Weights, x: torch.Tensor) -> torch.Tensor:
    """Stem, layer1 and layer2."""
    x = resnet_stem(weights, x)
    return resnet_layer(weights, "resnet50", 2, resnet_layer(weights, "resnet50", 1, x))


def upper(weights: Weights, x: torch.Tensor) -> torch.Tensor:
    """layer3, layer4, pooling and head: rows of length one."""
    x = resnet_layer(weights, "resnet50", 4, resnet_layer(weights, "resnet50", 3, x))
    x = norm(weights, "fc.0", x.mean((2, 3)))
    return F.normalize(F.linear(x, weights("fc.1.weight", DIM, WIDTH), weights("fc.1.bias", DIM)))


def main(batch: int, views: int, side: int, steps: int) -> None:
    """Least of `steps` steps after one that warms up."""
    torch.manual_seed(0)
    query, shape, attention = (SingleWeights(training=True) for _ in range(3))
    images = torch.randn(batch, 4, side, side)
    renders = torch.randn(batch * views, 1, side, side)
    order, mix = torch.arange(batch).roll(1), torch.rand(batch)
    optimiser, times = None, []
    for _ in range(steps + 1):
        started = time.perf_counter()
        low_views, low_images = lower(shape, renders), lower(query, images)
        tokens = upper(shape, low_views).view(batch, views, DIM)
        style = low_views.view(batch, views, *low_views.shape[1:])
        mixed = upper(query, formulas.style_transition(low_images, style, order, mix))
        plain = upper(query, low_images)
        terms = formulas.objective(plain, mixed, tokens, attention("w", DIM, DIM),
                                   torch.arange(batch), torch.arange(batch) % 2)
        loss = formulas.total(terms)
        if optimiser is None:
            found = [t for w in (query, shape, attention) for t in w.tensors.values()]
            optimiser = torch.optim.Adam([t for t in found if t.requires_grad], 5e-5, (0.5, 0.999))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()
        times.append(time.perf_counter() - started)
    sys.stdout.write(json.dumps({"seconds": min(times[1:]), "version": torch.__version__}) + "\n")


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
