"""Training steps in Jittor for benchmarks/training_step.py: prints seconds and peak memory."""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from crossmodal.config import Config, ModelConfig
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.style_transition import StyleDraw
from crossmodal.runtime import jt
from crossmodal.runtime.device import use_device
from crossmodal.runtime.log import peak_memory_mib
from crossmodal.training.objective import objective, weighted_sum
from crossmodal.training.optimiser import Group, Optimiser


def main(batch: int, views: int, side: int, steps: int) -> None:
    """Least of `steps` steps after one that compiles."""
    device, config = use_device(), Config()
    net = build_retrieval_net(ModelConfig(dropout=0.0), pretrained=False)
    net.train()
    optimiser = Optimiser([Group("all", dict(net.named_parameters()))], betas=config.optim.betas)
    rng = np.random.default_rng(0)
    images = jt.array(rng.standard_normal((batch, 4, side, side), dtype=np.float32))
    shapes = jt.array(rng.standard_normal((batch, views, 1, side, side), dtype=np.float32))
    draw = StyleDraw(jt.array(np.roll(np.arange(batch), 1).astype(np.int32)),
                     jt.array(rng.random(batch, dtype=np.float32)))
    own = jt.array(np.eye(batch, dtype=bool))
    category = jt.array(np.arange(batch)[:, None] % 2 == np.arange(batch) % 2)
    times = []
    for _ in range(steps + 1):
        started = time.perf_counter()
        terms = objective(net, net(images, shapes, draw), own, category, jt.arange(batch),
                          config.loss)
        total = weighted_sum(terms, config.loss)
        optimiser.step(total, config.optim.lr)
        jt.sync_all(True)
        total.item()
        times.append(time.perf_counter() - started)
    sys.stdout.write(json.dumps({"seconds": min(times[1:]), "device": device,
                                 "peak_mib": peak_memory_mib()}) + "\n")


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
