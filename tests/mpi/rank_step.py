"""One training step of a tiny network, by as many processes as ``mpirun`` starts.

    mpirun -np 2 python rank_step.py OUT.npz [plain]

Writes the losses, every gradient, and the running statistics after the step. "plain": by Jittor's
operators, not by the project's kernels.
"""

from __future__ import annotations

import sys

import numpy as np

from crossmodal.config import LossConfig, ModelConfig
from crossmodal.kernels import library
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.style_transition import StyleDraw
from crossmodal.models.tensors import named_tensors
from crossmodal.runtime import jt, ranks, seeds
from crossmodal.training.objective import objective, weighted_sum

BATCH, VIEWS, SIDE = 4, 2, 32


def main(out: str, plain: bool) -> None:
    if plain:
        library.load = lambda: False  # type: ignore[assignment]
    seeds.seed_everything(1)
    model = ModelConfig(query_backbone="resnet18", view_backbone="resnet18", z_dim=16, dropout=0.0)
    net = build_retrieval_net(model, pretrained=False)
    net.train()
    ranks.start_alike(named_tensors(net))
    rng, rows = np.random.default_rng(0), ranks.part(BATCH)
    images = rng.standard_normal((BATCH, 4, SIDE, SIDE), dtype=np.float32)[rows]
    views = rng.standard_normal((BATCH, VIEWS, 1, SIDE, SIDE), dtype=np.float32)[rows]
    draw = StyleDraw.of(BATCH, BATCH, 1, 0)
    own = jt.array(np.eye(BATCH, dtype=bool))
    category = jt.array(np.arange(BATCH)[:, None] % 2 == np.arange(BATCH) % 2)
    terms = objective(net, net(jt.array(images), jt.array(views), draw), own, category,
                      jt.arange(BATCH), LossConfig())
    total = weighted_sum(terms, LossConfig())
    names, tensors = zip(*net.named_parameters())
    gradients = ranks.mean_of_all(jt.grad(total, list(tensors)))
    found = {f"loss.{name}": term.numpy() for name, term in {**terms, "total": total}.items()}
    found.update({f"gradient.{name}": g.numpy() for name, g in zip(names, gradients)})
    found.update({f"running.{name}": tensor.numpy() for name, tensor in named_tensors(net).items()
                  if "running" in name})
    found["processes"] = np.array(ranks.size())
    if ranks.is_first():
        np.savez(out, **found)


if __name__ == "__main__":
    main(sys.argv[1], "plain" in sys.argv[2:])
