"""What the released category-level code computes, from its formulas alone: NumPy, loops, float64.

Gradients are complex steps, so every function takes complex arrays; what the released code keeps
constant is taken by ``.real``. Written from a description of the released code (docs/fidelity.md),
and agrees with arrays made by running it (tests/released/test_category_arrays.py).

Usage, from inside tests/
    python -m golden.numpy_released_category    # writes golden/released_category.npz, half a minute
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
from golden.formula import uniform, weight

Arrays = dict[str, np.ndarray]
STEP = 1e-30
CLASSES = 31  # whatever there are


def gradient(function: Callable[[Arrays], Any], at: Arrays, name: str) -> np.ndarray:
    """d function / d at[name], one entry after the other."""
    found = np.zeros(at[name].shape)
    for place in np.ndindex(*at[name].shape):
        moved = at[name].astype(complex)
        moved[place] += 1j * STEP
        found[place] = np.imag(function({**at, name: moved})) / STEP
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    away = logits - logits.real.max(-1, keepdims=True)
    return away - np.log(np.exp(away).sum(-1, keepdims=True))


def cosine(one: np.ndarray, two: np.ndarray) -> Any:
    long = np.sqrt((one * one).sum()) * np.sqrt((two * two).sum())
    return (one * two).sum() / long if abs(long) > 0 else 0.0


def style_mix(at: Arrays) -> np.ndarray:
    """(B, C, H, W) pictures in styles of (4 B, C, h, w) views."""
    pictures, channels = at["pictures"], at["pictures"].shape[1]
    pieces = at["views"].reshape(len(pictures), channels, -1)
    found = np.zeros(pictures.shape, complex)
    for i, (p, a) in enumerate(zip(at["permutation"], at["share"])):
        for c in range(channels):
            (m, d), (m2, d2) = deviation(pictures[i, c]), deviation(pieces[p, c])
            mean = a * m.real + (1 - a) * m2.real
            spread = a * d.real + (1 - a) * d2.real
            found[i, c] = (pictures[i, c] - m) / np.sqrt(d + 1e-5) * np.sqrt(spread + 1e-5) + mean
    return found


def deviation(x: np.ndarray) -> tuple[Any, Any]:
    m = np.asarray(x.mean())
    square = np.asarray((x * (x - m)).mean())
    return m, np.sqrt(square if square.real > 1e-8 else np.asarray(1e-8))


def consistency_matrix(plain: np.ndarray, mixed: np.ndarray, turned: bool) -> np.ndarray:
    """p, or q of the transposed similarities: entry (i, j) is divided by the sum of row j."""
    x = 0.01 * plain @ mixed.T
    x = x.T if turned else x
    e = np.exp(x)
    return np.array([[e[i, j] / e[j].sum() for j in range(len(x))] for i in range(len(x))])


def consistency(at: Arrays) -> Any:
    p, q = (consistency_matrix(at["plain"], at["mixed"], turned) for turned in (False, True))
    p, q = p / p.sum() + 1e-8, q / q.sum() + 1e-8
    return 0.5 * (p * np.log(p / q)).sum() + 0.5 * (q * np.log(q / p)).sum()


def pairs_of(one: np.ndarray, two: np.ndarray) -> list[tuple[int, int]]:
    return [(i, j) for i, a in enumerate(one) for j, b in enumerate(two) if a == b]


def contrast(first: np.ndarray, second: np.ndarray, pairs: list[tuple[int, int]]) -> Any:
    """Over the list of pairs, its pictures first and then its items."""
    rows = [first[i] for i, _ in pairs] + [second[j] for _, j in pairs]
    total, count = 0.0, len(rows)
    for r in range(count):
        partner = (r + len(pairs)) % count
        others = sum(np.exp(cosine(rows[r], rows[k]) / 0.5) for k in range(count) if k != r)
        total = total - np.log(np.exp(cosine(rows[r], rows[partner]) / 0.5) / others)
    return total / count if count else 0.0


def centroids(source: np.ndarray, target: np.ndarray, one: np.ndarray, two: np.ndarray) -> Any:
    """Class means of a batch, zero for absent classes, over 31."""
    total = 0.0
    for k in range(CLASSES):
        s = source[one == k].sum(0) / max((one == k).sum(), 1)
        t = target[two == k].sum(0) / max((two == k).sum(), 1)
        total = total + ((s - t) ** 2).sum()
    return 0.3 ** 2 * total / (CLASSES * source.shape[1])


def orthogonal(rows: np.ndarray, labels: np.ndarray) -> Any:
    """Same-label pairs, and all pairs by the weights 254 and 255."""
    near, number, far, weights = 0.0, 0, 0.0, 0
    for i, one in enumerate(labels):
        for j, two in enumerate(labels):
            d = cosine(rows[i], rows[j])
            weight = 254 if one == two else 255
            far, weights = far + weight * d, weights + weight
            if i != j and one == two:
                near, number = near + d, number + 1
    return 1 - near / (number + 1e-6) + 0.5 * far / (weights + 1e-6)


def smoothed(logits: np.ndarray, labels: np.ndarray) -> Any:
    """Cross-entropy whose target spreads a 31st of 0.1 over every column."""
    total, log_p = 0.0, log_softmax(logits)
    for i, label in enumerate(labels):
        for c in range(logits.shape[1]):
            total = total - (0.9 * (c == label) + 0.1 / CLASSES) * log_p[i, c]
    return total / len(labels)


def nuclear(logits: np.ndarray) -> Any:
    """BNM: minus the mean singular value; to first order ``<U V^T, P>``."""
    p = softmax(logits) * (1 + 1e-6)
    left, values, right = np.linalg.svd(p.real, full_matrices=False)
    return -((left @ right) * p).sum() / len(values)


def ramp(iteration: int) -> float:
    return 2 / (1 + np.exp(-10 * iteration / 10000)) - 1


def adversarial(features: np.ndarray, logits: np.ndarray, layers: Arrays) -> Any:
    """Of n pictures and then n items, before any reversal; the map's softmax is a constant."""
    count, constant = len(features) // 2, softmax(logits.real)
    x = np.concatenate([p[:, None] * features for p in constant.T], 1)  # class slow, feature fast
    for name in ("first", "second"):
        x = x @ layers[f"{name}.weight"].T + layers[f"{name}.bias"]
        x = np.where(x.real > 0, x, 0)
    said = 1 / (1 + np.exp(-(x @ layers["last.weight"].T + layers["last.bias"])[:, 0]))
    rows = np.log(1 + np.exp(said)) - said * (np.arange(2 * count) < count)  # sigmoid once more
    chances = softmax(logits)
    e = 1 + np.exp((chances * np.log(chances + 1e-5)).sum(1))
    weights = np.concatenate([e[:count] / e[:count].real.sum(), e[count:] / e[count:].real.sum()])
    return (weights * rows).sum() / weights.real.sum()


def losses(given: Arrays) -> Arrays:
    """Every array of single losses."""
    batch = {name[6:]: array for name, array in given.items() if name.startswith("batch.")}
    one, two = batch["labels_pictures"], batch["labels_items"]
    mix = {name: given[f"style_mix.{name}"] for name in ("pictures", "views", "permutation",
                                                         "share")}
    found = {"style_mix.result": style_mix(mix).real,
             "style_mix.grad_views": np.zeros(mix["views"].shape)}
    along = given["style_mix.result_weights"]
    found["style_mix.grad_pictures"] = gradient(lambda at: (style_mix(at) * along).sum(), mix,
                                                "pictures")
    for name, turned in (("p", False), ("q", True)):
        found[f"consistency.{name}"] = consistency_matrix(batch["plain"], batch["mixed"], turned)
    functions: dict[str, tuple[Callable[[Arrays], Any], tuple[str, ...]]] = {
        "consistency": (consistency, ("plain", "mixed")),
        "contrast": (lambda at: contrast(at["mixed"], at["items"], pairs_of(one, two)),
                     ("mixed", "items")),
        "centroids": (lambda at: centroids(at["mixed"], at["items"], one, two),
                      ("mixed", "items")),
        "orthogonal": (lambda at: orthogonal(at["mixed"], one), ("mixed",)),
        "alone": (lambda at: orthogonal(at["mixed"], np.arange(len(one))), ("mixed",)),
        "classification": (lambda at: smoothed(at["logits_mixed"], one), ("logits_mixed",))}
    for name, (function, leaves) in functions.items():
        start, end = ("orthogonal", "_no_positives") if name == "alone" else (name, "")
        found[f"{start}.value{end}"] = np.real(function(batch))
        for leaf in leaves:
            key = leaf.replace("logits_mixed", "logits")
            found[f"{start}.grad_{key}{end}"] = gradient(function, batch, leaf)
    return {**found, **once(given, batch), "contrast.pairs": np.array(pairs_of(one, two)),
            "contrast.one_pair": np.zeros(()), "contrast.before_any_pair": np.zeros(()),
            "centroids.value_of_a_second_call": found["centroids.value"],
            "reversal.coefficient": np.array([ramp(int(i)) for i in given["reversal.iterations"]]),
            "reversal.iteration_used": np.arange(1, 4)}


def once(given: Arrays, batch: Arrays) -> Arrays:
    """The adversarial loss at iteration 700."""
    start = "adversarial.parameter."
    at = {name[len(start):]: array for name, array in given.items() if name.startswith(start)}
    names = list(at)
    at.update({name: batch[name] for name in ("mixed", "items", "logits_mixed", "logits_items")})

    def value(at: Arrays) -> Any:
        return adversarial(np.concatenate([at["mixed"], at["items"]]),
                           np.concatenate([at["logits_mixed"], at["logits_items"]]), at)

    found = {"adversarial.value": np.real(value(at))}
    for name in names:
        found[f"adversarial.grad.{name}"] = gradient(value, at, name)
    for side in ("mixed", "items"):
        found[f"adversarial.grad_{side}"] = -ramp(701) * gradient(value, at, side)
        found[f"adversarial.grad_logits_{side}"] = -ramp(700) * gradient(
            value, at, f"logits_{side}")
    return found


def inputs() -> Arrays:
    """Of the project's own arrays; the names are those of the released code's."""
    draw = uniform
    found: Arrays = {
        "style_mix.pictures": draw("pictures", (4, 16, 3, 3), 0, 2),
        "style_mix.views": draw("views", (16, 16, 3, 3), 0, 2),
        "style_mix.permutation": np.array([2, 0, 3, 0]),
        "style_mix.share": np.array([0.0, 0.3, 0.8, 0.99], np.float32),
        "style_mix.result_weights": draw("along", (4, 16, 3, 3)),
        **{f"batch.{name}": draw(name, (6, 16), -3, 3) for name in ("plain", "mixed", "items")},
        **{f"batch.logits_{name}": draw(f"logits {name}", (6, 5), -2, 2)
           for name in ("mixed", "items")},
        "batch.labels_pictures": np.array([0, 2, 2, 1, 3, 1]),
        "batch.labels_items": np.array([2, 1, 2, 4, 3, 1]),
        "reversal.iterations": np.array([0, 1, 2, 700, 5000, 20000]),
        "run.iterations": np.arange(1199, 1203), "run.base_rate": np.array(2e-3),
        "run.dropout": np.array(0.5),
        "run.pictures": draw("run pictures", (4, 4, 3, 16, 16)),
        "run.views": draw("run views", (4, 16, 3, 16, 16)),
        "run.permutation": np.array([[1, 0, 3, 2], [3, 3, 0, 1], [0, 2, 1, 1], [2, 1, 3, 0]]),
        "run.share": draw("run share", (4, 4), 0, 1),
        "run.labels_pictures": np.array([[2, 0, 2, 1], [0, 0, 1, 1], [1, 3, 0, 0], [3, 3, 2, 3]]),
        "run.labels_items": np.array([[2, 1, 1, 3], [2, 2, 3, 3], [3, 0, 2, 0], [0, 1, 1, 0]])}
    found["style_mix.pictures"][0, 0] = 0.5  # a channel that says nothing
    for inside, start in ((80, "adversarial.parameter."), (32, "run.before.discriminator.")):
        for name, shape in (("first", (12, inside)), ("second", (12, 12)), ("last", (1, 12))):
            found[f"{start}{name}.weight"] = weight(f"{start}{name}.weight", shape)
            found[f"{start}{name}.bias"] = draw(f"{start}{name}.bias", shape[:1], -0.2, 0.2)
    for name, shape in tensors().items():
        whole = name.endswith("num_batches_tracked")
        found[f"run.before.{name}"] = np.array(7) if whole else weight(name, shape)
    return {name: array.astype(np.float64) if name.startswith("run.before.") and array.ndim
            else array for name, array in found.items()}


LAYERS = {"layer1": (8, 8), "layer2": (8, 16), "layer3": (16, 16), "layer4": (16, 16)}
NORMS = {"weight": (), "bias": (), "running_mean": (), "running_var": (),
         "num_batches_tracked": ()}


def tensors() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the stand-in network."""
    found: dict[str, tuple[int, ...]] = {"conv1.weight": (8, 3, 3, 3)}
    found.update({f"bn1.{name}": (8,) for name in NORMS})
    for layer, (before, width) in LAYERS.items():
        found[f"{layer}.0.weight"] = (width, before, 3, 3)
        found.update({f"{layer}.1.{name}": (width,) for name in NORMS})
    return {**found, "bottleneck.weight": (8, 16), "bottleneck.bias": (8,),
            "classifier.weight": (4, 8), "classifier.bias": (4,)}


def main() -> Path:
    """Write the arrays; returns their file."""
    from golden.numpy_released_runs import run  # which needs this file's losses

    given = inputs()
    path = Path(__file__).resolve().parent / "released_category.npz"
    found = {**losses(given), **run(given)}
    np.savez_compressed(path, **{name: array.astype(np.float32) if array.dtype == float else array
                                 for name, array in found.items()})
    return path


if __name__ == "__main__":
    main()
