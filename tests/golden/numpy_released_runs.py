"""Whole iterations of the released category-level training, in NumPy: network, losses, optimiser.

The backbone has no gradient, so only the heads are moved, by complex steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from golden.numpy_released_category import (
    LAYERS,
    Arrays,
    adversarial,
    centroids,
    consistency,
    contrast,
    gradient,
    nuclear,
    orthogonal,
    pairs_of,
    ramp,
    smoothed,
    style_mix,
)

HEADS = ("bottleneck.weight", "bottleneck.bias", "classifier.weight", "classifier.bias")
DECAY, MOMENTUM, TIMES = 1e-3, 0.9, 10.0  # of the heads' rate


class Backbone:
    """The stand-in, in training mode; ``order`` says what each layer saw."""

    def __init__(self, state: Arrays) -> None:
        self.state, self.order = state, []

    def stem(self, x: np.ndarray) -> np.ndarray:
        x = np.maximum(self.norm("bn1", convolved(x, self.state["conv1.weight"], 2)), 0)
        around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
        size = (x.shape[2] - 1) // 2 + 1
        return np.max([around[:, :, i:i + 2 * size:2, j:j + 2 * size:2][:, :, :size, :size]
                       for i in range(3) for j in range(3)], axis=0)

    def layer(self, name: str, x: np.ndarray) -> np.ndarray:
        stride = 2 if name == "layer2" else 1
        return np.maximum(self.norm(f"{name}.1", convolved(
            x, self.state[f"{name}.0.weight"], stride)), 0)

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        """By the batch; the running variance follows the unbiased one."""
        self.order.append(f"{name.replace('.1', '')} {len(x)}")
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
        count, state = x.size // x.shape[1], self.state
        for key, new in (("running_mean", mean), ("running_var", var * count / (count - 1))):
            old = state[f"{name}.{key}"]
            state[f"{name}.{key}"] = old + 0.1 * (new - old)
        state[f"{name}.num_batches_tracked"] = state[f"{name}.num_batches_tracked"] + 1
        tall = [v[:, None, None] for v in (mean, var, state[f"{name}.weight"],
                                           state[f"{name}.bias"])]
        return (x - tall[0]) / np.sqrt(tall[1] + 1e-5) * tall[2] + tall[3]

    def pooled(self, given: dict[str, np.ndarray], permutation: np.ndarray, share: np.ndarray
               ) -> dict[str, np.ndarray]:
        """What the bottleneck is given of views, mixed and plain pictures."""
        maps = {name: self.stem(given[name]) for name in ("mixed", "plain", "items")}
        for layer in LAYERS:
            if layer == "layer3":
                maps["mixed"] = style_mix({"pictures": maps["mixed"], "views": maps["items"],
                                           "permutation": permutation, "share": share}).real
            maps = {name: self.layer(layer, maps[name]) for name in ("items", "mixed", "plain")}
        return {name: x.mean((2, 3)) for name, x in maps.items()}


def convolved(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """3 x 3, padding 1."""
    around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    size = (x.shape[2] - 1) // stride + 1
    return sum(np.einsum("oc,nchw->nohw", weight[:, :, i, j],
                         around[:, :, i:i + stride * size:stride, j:j + stride * size:stride]
                         [:, :, :size, :size]) for i in range(3) for j in range(3))


class Step:
    """The losses of an iteration as functions of the heads' tensors."""

    def __init__(self, hidden: dict[str, np.ndarray], heads: Arrays, iteration: int,
                 labels: tuple[np.ndarray, np.ndarray], before: tuple[Any, ...] | None) -> None:
        self.hidden, self.iteration, self.labels = hidden, iteration, labels
        self.items = self.embed(heads, "items").reshape(len(labels[1]), 4, -1).max(1)
        pairs = pairs_of(*labels)
        self.listed = (hidden["mixed"], self.embed(heads, "mixed"), self.items, pairs) \
            if pairs else before

    def embed(self, at: Arrays, name: str) -> np.ndarray:
        return self.hidden[name] @ at["bottleneck.weight"].T + at["bottleneck.bias"]

    def terms(self, at: Arrays) -> dict[str, Any]:
        """All but the adversarial one; the items' features are constants."""
        plain, mixed = self.embed(at, "plain"), self.embed(at, "mixed")
        logits, item_logits = classify(at, mixed), classify(at, self.items)
        hidden, then, items, pairs = self.listed
        again = hidden @ at["bottleneck.weight"].T + at["bottleneck.bias"]
        return {"classification": smoothed(logits, self.labels[0]),
                "target_classification": smoothed(item_logits, self.labels[1]),
                "regulariser": nuclear(item_logits),
                "centroids": centroids(mixed, self.items, *self.labels),
                "consistency": consistency({"plain": plain, "mixed": mixed}),
                "contrast": contrast(then + again - again.real, items, pairs),
                "orthogonal": orthogonal(mixed, self.labels[0])}

    def adversarial(self, at: Arrays, features: Arrays, logits: Arrays) -> Any:
        """With the discriminator of ``at``, and the tensors that features and logits come from."""
        rows = [np.concatenate([self.embed(by, "mixed"), self.items]) for by in (features, logits)]
        return adversarial(rows[0], classify(logits, rows[1]), {
            name[14:]: array for name, array in at.items() if name.startswith("discriminator.")})

    def weighted(self, terms: dict[str, Any]) -> Any:
        late = 0.1 if self.iteration > 1200 else 0.0
        return (terms["classification"] + terms["target_classification"]
                + 0.1 * (terms["regulariser"] + terms["centroids"] + terms["contrast"])
                + 10 * terms["consistency"] + late * terms["orthogonal"])

    def slope(self, at: Arrays, name: str) -> np.ndarray:
        """The released gradient: what is reversed is reversed here."""
        if name.startswith("discriminator."):
            return gradient(lambda moved: self.adversarial(moved, at, at), at, name)
        first, later = ramp(self.iteration + 1), ramp(self.iteration)
        return gradient(lambda moved: self.weighted(self.terms(moved))
                        - first * self.adversarial(at, moved, at)
                        - later * self.adversarial(at, at, moved), at, name)


def classify(at: Arrays, rows: np.ndarray) -> np.ndarray:
    return rows @ at["classifier.weight"].T + at["classifier.bias"]


def run(given: Arrays) -> Arrays:
    """All ``run.*`` that are not given."""
    state = {name[11:]: array for name, array in given.items() if name.startswith("run.before.")}
    heads = [name for name in state if name in HEADS or name.startswith("discriminator.")]
    speed: Arrays = {name: np.zeros(state[name].shape) for name in heads}
    found: dict[str, list[Any]] = {}
    before = None
    for t, iteration in enumerate(given["run.iterations"].tolist()):
        backbone = Backbone(state)
        pictures = given["run.pictures"][t].astype(float)
        hidden = backbone.pooled({"mixed": pictures, "plain": pictures,
                                  "items": given["run.views"][t].astype(float)},
                                 given["run.permutation"][t], given["run.share"][t].astype(float))
        at = {name: state[name] for name in heads}
        step = Step(hidden, at, iteration, (given["run.labels_pictures"][t],
                                            given["run.labels_items"][t]), before)
        before, terms = step.listed, step.terms(at)
        terms["adversarial"] = step.adversarial(at, at, at)
        terms["total"] = step.weighted(terms) + terms["adversarial"]
        now = {f"run.{name}": np.real(value) for name, value in terms.items()}
        now.update({f"run.{name}": step.embed(at, name) for name in ("plain", "mixed")})
        now["run.items"] = step.items
        rate = float(given["run.base_rate"]) * (1 + 0.001 * iteration) ** -0.75
        now["run.rate_and_decay"] = np.array([[rate * times, DECAY] for times in (1, 10, 10, 10)])
        for name in heads:
            slope = step.slope(at, name)
            if name in HEADS:
                now[f"run.grad.{name}"] = slope
            slope = slope + DECAY * state[name]
            speed[name] = MOMENTUM * speed[name] + slope
            state[name] = state[name] - rate * TIMES * (slope + MOMENTUM * speed[name])
        now.update({f"run.after.{name}": state[name] for name in state
                    if name in heads or "running" in name or "tracked" in name})
        for name, value in now.items():
            found.setdefault(name, []).append(value)
    return {**{name: np.array(values) for name, values in found.items()},
            "run.order": np.array(sorted(backbone.order, key=lambda text: text.split()[0])),
            "run.without_gradient": np.array([name for name in state if name not in heads
                                              and name.rpartition(".")[2] in ("weight", "bias")])}
