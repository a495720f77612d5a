"""Make the golden arrays the tests compare Jittor with, from an implementation of its own.

PyTorch and Jittor cannot share a process, so this is a program of its own that needs only PyTorch
(CPU, 2.x) and numpy<2; it imports nothing of this project. Everything is computed in double
precision and stored as float32.

Usage, from anywhere
    python tests/golden/make_golden.py            # writes *.npz beside this file, a few seconds
    python tests/golden/make_golden.py released   # those alone that are named
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import formula
import numpy as np
import torch
import torch_category_losses
import torch_formulas as math
import torch_released
from torch_networks import (
    DEPTHS,
    Weights,
    alexnet,
    logits,
    mobilenet_v2,
    norm,
    resnet,
    resnet_layer,
    resnet_stem,
    vgg,
)

FOLDER = Path(__file__).resolve().parent
STEPS = 5  # of every optimiser
LOG = logging.getLogger("golden")
Arrays = dict[str, np.ndarray]
Case = tuple[Callable[..., torch.Tensor], dict[str, np.ndarray], dict[str, np.ndarray]]


def evaluate(case: Case) -> Arrays:
    """``in.*``, ``value`` and ``grad.*`` of a function; a value that is no scalar is summed along a
    direction first."""
    function, inputs, constants = case
    leaves = {n: torch.from_numpy(a).double().requires_grad_() for n, a in inputs.items()}
    value = function(**leaves, **{n: torch.from_numpy(a) for n, a in constants.items()})
    scalar = value
    if value.ndim:
        direction = formula.uniform("direction", tuple(value.shape))
        scalar = (value * torch.from_numpy(direction)).sum()
    scalar.backward()
    found = {f"in.{n}": a for n, a in {**inputs, **constants}.items()}
    found["value"] = value.detach().numpy().astype(np.float32)
    for name, leaf in leaves.items():
        found[f"grad.{name}"] = leaf.grad.numpy().astype(np.float32)
    return found


def style_cases() -> dict[str, Case]:
    content = formula.uniform("content", (4, 3, 5, 5))
    content[2, 1] = 0.0  # a channel that says nothing, as ReLU makes them
    style = formula.uniform("style", (4, 2, 3, 4, 4), -2, 3)
    constants = {"permutation": np.array([2, 0, 1, 1]),
                 "mix": np.array([0.0, 0.3, 0.8, 1.0], np.float32)}
    return {"style": (math.style_transition, {"content": content, "style": style}, constants)}


def attention_cases() -> dict[str, Case]:
    plain = {"queries": formula.unit_rows("queries", (6, 8)),
             "tokens": formula.unit_rows("tokens", (6, 3, 8)),
             "w_in": formula.uniform("w_in", (8, 8))}
    return {"plain": (math.attention_scores, plain, {}),
            "sharp": (math.attention_scores, {**plain, "w_in": 200 * plain["w_in"]}, {})}


def score_cases() -> dict[str, Case]:
    """Instance and category loss; six images, six shapes."""
    scores = {"scores": formula.uniform("scores", (6, 6))}
    extreme = {"scores": 1e4 * np.sign(scores["scores"])}
    own = {"same": np.eye(6, dtype=bool)}
    shared = {"same": np.array([0, 1, 1, 2, 3, 3])[:, None] == np.arange(6)}
    two = {"same": np.array([0, 0, 1, 1, 0, 1])[:, None] == np.array([0, 1, 0, 1, 1, 0])}
    missing = {"same": np.array([0, 0, 1, 1, 2, 2])[:, None] == np.array([0, 1, 0, 1, 1, 0])}
    found: dict[str, Case] = {
        f"instance.{name}": (math.instance_loss, values, same)
        for name, values, same in (("own", scores, own), ("shared", scores, shared),
                                   ("extreme", extreme, shared))}
    found |= {
        f"category.{name}": (math.category_loss, values, same)
        for name, values, same in (("two", scores, two), ("missing", scores, missing),
                                   ("single", scores, {"same": np.ones((6, 6), bool)}),
                                   ("extreme", extreme, two))}
    return found


def embedding_cases() -> dict[str, Case]:
    """Consistency and contrast loss; six rows on either side."""
    one, two = formula.unit_rows("one", (6, 8)), formula.unit_rows("two", (6, 8))
    found: dict[str, Case] = {
        f"consistency.{name}": (math.consistency_loss, {"plain": a, "mixed": b}, {})
        for name, a, b in (("plain", one, two), ("equal", one, one), ("extreme", 8 * one, 8 * two))}
    labels = {"pairs": (range(6), range(6)), "shared": ([0, 1, 1, 2, 3, 3], range(6)),
              "classes": ([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 3, 4]),
              "nobody": (range(6), range(10, 16))}
    for name, (first, second) in labels.items():
        found[f"contrast.{name}"] = (
            math.contrast_loss, {"first": one, "second": two},
            {"first_label": np.array(first), "second_label": np.array(second)})
    return found


def objective_case() -> dict[str, Case]:
    """The whole objective from the embeddings; images 1 and 2 show the same shape."""
    inputs = {"plain": formula.unit_rows("plain", (6, 8)),
              "mixed": formula.unit_rows("mixed", (6, 8)),
              "tokens": formula.unit_rows("tokens", (6, 3, 8)),
              "w_in": formula.uniform("w", (8, 8))}
    constants = {"image_shape": np.array([0, 1, 1, 2, 3, 4]),
                 "shape_category": np.array([0, 1, 0, 1, 1, 0])}
    return {"objective": (lambda **a: math.total(math.objective(**a)), inputs, constants)}


def networks() -> Arrays:
    """Mean over space of every stage's output, and names and shapes of all tensors."""
    found: Arrays = {}
    image = torch.from_numpy(formula.uniform("image", (2, 3, 64, 64))).double()
    for name in ("resnet18", "resnet50", "mobilenet_v2"):
        weights = Weights()
        with torch.no_grad():
            stages = (mobilenet_v2(weights, image) if name == "mobilenet_v2"
                      else resnet(weights, name, image))
        for number, stage in enumerate(stages):
            found[f"{name}.stage{number}"] = stage.mean((2, 3)).numpy().astype(np.float32)
        found[f"{name}.tensors"] = np.array(sorted(
            f"{n} {'x'.join(map(str, t.shape))}" for n, t in weights.tensors.items()))
    return found


def sequential_networks() -> Arrays:
    """Likewise of VGG-11 and AlexNet, with the feature vector; hidden layers of 16 units."""
    image = torch.from_numpy(formula.uniform("image", (2, 3, 96, 96))).double()
    found: Arrays = {}
    for name in ("vgg11", "vgg11_bn", "alexnet"):
        weights = Weights()
        with torch.no_grad():
            stages, vector = (alexnet(weights, image, 16) if name == "alexnet"
                              else vgg(weights, name, image, 16))
        for number, stage in enumerate(stages):
            found[f"{name}.stage{number}"] = stage.mean((2, 3)).numpy().astype(np.float32)
        found[f"{name}.vector"] = vector.numpy().astype(np.float32)
        found[f"{name}.tensors"] = np.array(sorted(
            f"{n} {'x'.join(map(str, t.shape))}" for n, t in weights.tensors.items()))
    return found


def class_logits() -> Arrays:
    """Every 50th of the 1000 logits of two images, and names of all tensors."""
    image = torch.from_numpy(formula.uniform("image", (2, 3, 64, 64))).double()
    plain = ["vgg11", "vgg13", "vgg16", "vgg19"]
    found: Arrays = {}
    for name in (*DEPTHS, "mobilenet_v2", *plain, *(f"{n}_bn" for n in plain), "alexnet"):
        weights = Weights()
        with torch.no_grad():
            found[f"{name}.logits"] = logits(weights, name, image, 16)[:, ::50].numpy().astype(
                np.float32)
        found[f"{name}.tensors"] = np.array(sorted(
            f"{n} {'x'.join(map(str, t.shape))}" for n, t in weights.tensors.items()))
    return found


def batch_norms() -> Arrays:
    """Batch normalisation in training on maps and on rows: output, gradients, statistics."""
    found: Arrays = {}
    for name, shape in (("maps", (4, 3, 5, 5)), ("rows", (6, 8))):
        weights = Weights(f"{name}.", training=True)
        x = torch.from_numpy(formula.uniform(name, shape, -1, 3)).double().requires_grad_()
        out = norm(weights, "bn", x)
        direction = formula.uniform("direction", shape)
        (out * torch.from_numpy(direction)).sum().backward()
        found[f"{name}.out"] = out.detach().numpy()
        found[f"{name}.grad"] = x.grad.numpy()
        for key, tensor in weights.tensors.items():
            kept = tensor if tensor.grad is None else tensor.grad
            found[key.replace(".bn", "")] = kept.numpy()
    return {key: array.astype(np.float32) for key, array in found.items()}


def optimisers() -> Arrays:
    """Five steps down a hilly function; the second tensor's rate is three times the first's."""
    plans = {"adam": dict(betas=(0.5, 0.999)), "adam_decay": dict(weight_decay=0.1),
             "adamw": dict(weight_decay=0.1), "sgd": dict(momentum=0.9, weight_decay=0.1),
             "nesterov": dict(momentum=0.9, weight_decay=0.1, nesterov=True),
             "adam_clip": dict(betas=(0.9, 0.999))}
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD,
             "nesterov": torch.optim.SGD}
    found: Arrays = {}
    for name, settings in plans.items():
        one = torch.from_numpy(formula.uniform("first", (3, 4))).double().requires_grad_()
        two = torch.from_numpy(formula.uniform("second", (4,))).double().requires_grad_()
        rule = kinds[name.split("_")[0]]([{"params": [one]}, {"params": [two]}], lr=1, **settings)
        for step in range(STEPS):
            for group, multiplier in zip(rule.param_groups, (1, 3)):
                group["lr"] = multiplier * 0.05 / (step + 1)
            rule.zero_grad()
            ((one * two + 1) ** 2 + torch.exp(one)).sum().backward()
            if name.endswith("clip"):
                torch.nn.utils.clip_grad_norm_([one, two], 2.0)
            rule.step()
            found[f"{name}.first{step}"] = one.detach().numpy().astype(np.float32)
            found[f"{name}.second{step}"] = two.detach().numpy().astype(np.float32)
    return found


class Tower:
    """ResNet-18 split after layer2, with the retrieval head; training mode, no dropout."""

    def __init__(self, name: str) -> None:
        self.weights = Weights(f"{name}.resnet.", training=True, unbiased=False)

    def lower(self, x: torch.Tensor) -> torch.Tensor:
        x = resnet_stem(self.weights, x)
        for number in (1, 2):
            x = resnet_layer(self.weights, "resnet18", number, x)
        return x

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        for number in (3, 4):
            x = resnet_layer(self.weights, "resnet18", number, x)
        pooled = norm(self.weights, "fc.0", x.mean((2, 3)))
        row = pooled @ self.weights("fc.1.weight", 8, 512).T + self.weights("fc.1.bias", 8)
        return torch.nn.functional.normalize(row, dim=1)


def training_step() -> Arrays:
    """One whole step of the network: terms, fingerprints of all gradients and statistics."""
    image_tower, view_tower, other = Tower("query_encoder"), Tower("rendering_encoder"), Weights()
    images = torch.from_numpy(formula.uniform("images", (6, 4, 64, 64))).double()
    views = torch.from_numpy(formula.uniform("views", (12, 1, 64, 64))).double()
    low_views, low_images = view_tower.lower(views), image_tower.lower(images)
    tokens = view_tower.embed(low_views).view(6, 2, 8)
    plain = image_tower.embed(low_images)
    mixed = image_tower.embed(math.style_transition(
        low_images, low_views.view(6, 2, *low_views.shape[1:]), torch.tensor([3, 0, 5, 1, 4, 2]),
        torch.tensor([0.1, 0.9, 0.4, 0.7, 0.0, 1.0]).double()))
    w_in = other("attention.linear_in.weight", 8, 8)
    terms = math.objective(plain, mixed, tokens, w_in, torch.tensor([0, 1, 1, 2, 3, 4]),
                           torch.tensor([0, 1, 0, 1, 1, 0]))
    total = math.total(terms)
    total.backward()
    found = {f"term.{name}": value.detach().numpy() for name, value in terms.items()}
    found["total"] = total.detach().numpy()
    found["gradient.attention"] = w_in.grad.numpy()
    for tower in (image_tower, view_tower):
        for name, tensor in tower.weights.tensors.items():
            kind, value = ("statistics", tensor) if tensor.grad is None else ("grad", tensor.grad)
            found[f"{kind}.{name}"] = np.array(formula.fingerprint(name, value.numpy()))
    return {key: array.astype(np.float32) for key, array in found.items()}


def store(name: str, arrays: Arrays) -> None:
    path = FOLDER / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    LOG.info("%-18s %4d arrays, %6.1f kB", path.name, len(arrays), path.stat().st_size / 1e3)


def main(only: list[str]) -> Path:
    """Write every golden file, or those of `only`; returns their folder."""
    torch.set_num_threads(2)
    cases = {"style_transition": style_cases(), "view_attention": attention_cases(),
             "losses": {**score_cases(), **embedding_cases()}, "objective": objective_case(),
             "category_losses": torch_category_losses.cases(),
             "released": torch_released.cases()}
    for name, group in cases.items():
        if only and name not in only:
            continue
        store(name, {f"{case}.{key}": array for case, content in group.items()
                     for key, array in evaluate(content).items()})
    for make in (networks, sequential_networks, class_logits, batch_norms, optimisers,
                 training_step):
        if not only or make.__name__ in only:
            store(make.__name__, make())
    return FOLDER


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1:])
