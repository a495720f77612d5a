"""Pictures of a category-level test: the precision-recall curve, and both domains in a plane."""

from __future__ import annotations

import io
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from crossmodal.retrieval.category_features import DomainFeatures
from crossmodal.retrieval.category_metrics import CategoryResults
from crossmodal.retrieval.category_ranking import prepare_features
from crossmodal.retrieval.curve import DPI

POINTS = 2000  # most points that are laid out
PERPLEXITY = 30.0
FEWEST = 5  # items below this number have no neighbourhoods to keep: principal components do
LEGEND = 42  # most classes that are named beside the plot
NO_CLASS = (0.6, 0.6, 0.6)
MARKERS = {"query": ("o", 0.0), "gallery": ("^", 0.4)}  # marker, width of its edge in points


def draw_precision_recall(results: CategoryResults, notes: Sequence[str] = ()) -> bytes:
    """A PNG of the micro precision-recall curve, beside the precision of a random order.

    ``notes`` stand below it.
    """
    figure, axes = _figure((6, 4.5))
    area = results.overall.auc
    axes.plot(results.recall, results.precision, marker="." if len(results.recall) < 30 else None,
              label=f"{results.protocol}, area {area:.3f}")
    if len(results.precision):
        axes.axhline(results.precision[-1], ls=":", color="gray", label="random order")
    counted = results.queries - results.without_positive
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01),
             title=f"{counted} queries, {results.shapes} shapes, {results.preparation}")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    if notes:
        figure.supxlabel("\n".join(line for note in notes for line in wrap(note, 90)), fontsize=6)
    return _png(figure)


def draw_domains(
    source: DomainFeatures,
    target: DomainFeatures,
    preparation: str,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
    most: int = POINTS,
) -> bytes:
    """A PNG of queries (source) and gallery (target) by t-SNE: colour is class, marker is domain.

    The features are prepared as they are for ranking. Of more than `most` items an even part of
    every class is shown, the same each time.
    """
    rows = [prepare_features(source.feature, preparation, "query"),
            prepare_features(target.feature, preparation, "gallery")]
    labels = [np.asarray(source.label), np.asarray(target.label)]
    chosen = choose_points(labels, most)
    points = lay_out(np.concatenate([row[keep] for row, keep in zip(rows, chosen)]), seed)
    shown = np.split(points, [len(chosen[0])])
    figure, axes = _figure((9, 6))
    classes = np.unique(np.concatenate(labels))
    for (domain, look), place, label, keep in zip(MARKERS.items(), shown, labels, chosen):
        marker, edge = look
        colours = [_colour(classes, name) for name in label[keep].tolist()]
        axes.scatter(*place.T, c=np.array(colours), marker=marker, s=18, alpha=0.7,
                     linewidths=edge, edgecolors="black")
        axes.scatter([], [], c="black", marker=marker, s=20, label=f"{domain} ({len(keep)})")
    _name_classes(axes, classes, class_names)
    axes.set(xticks=[], yticks=[], title=f"t-SNE of {len(points)} of {sum(map(len, labels))} items")
    return _png(figure)


def choose_points(labels: Sequence[np.ndarray], most: int) -> list[np.ndarray]:
    """For each domain the rising numbers of its items to show, at most `most` in all.

    Every domain gives the same share, at least one item, evenly over its items in order of class.
    """
    total = sum(len(one) for one in labels)
    chosen = []
    for one in labels:
        count = len(one) if total <= most else max(1, most * len(one) // total)
        by_class = np.argsort(one, kind="stable")
        chosen.append(np.sort(by_class[np.linspace(0, len(one) - 1, count).astype(int)]))
    return chosen


def lay_out(rows: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n, 2) places of (n, D) rows by t-SNE from their principal components; tiny n: these only.

    The same rows and seed give the same places on the same machine.
    """
    from sklearn.manifold import TSNE  # slow to import

    start = _principal_plane(rows, seed)
    if len(rows) < FEWEST:
        return start
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4  # scale: Kobak & Berens 2019
    layout = TSNE(2, perplexity=perplexity, init=start.astype(np.float32), learning_rate="auto",
                  random_state=seed, n_jobs=1)
    places: np.ndarray = layout.fit_transform(rows.astype(np.float32))
    return places


def _principal_plane(rows: np.ndarray, seed: int) -> np.ndarray:
    """(n, 2) first principal components, with noise too small to see that parts equal items."""
    centred = rows - rows.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # rising eigenvalues
    plane = np.zeros((len(rows), 2))
    plane[:, : min(2, rows.shape[1])] = centred @ axes[:, ::-1][:, :2]
    noise = np.random.default_rng(seed).standard_normal(plane.shape)
    return plane + 1e-6 * noise


def _colour(classes: np.ndarray, label: int) -> tuple[float, float, float]:
    """A class's colour, by its place among the classes; gray for an item without class."""
    from matplotlib import colormaps

    if label < 0:
        return NO_CLASS
    named = classes[classes >= 0]
    place, count = int(np.searchsorted(named, label)), len(named)
    if count <= 20:
        red, green, blue, _ = colormaps["tab10" if count <= 10 else "tab20"](place)
        return red, green, blue
    red, green, blue, _ = colormaps["gist_rainbow"](place / count)
    bright = (1.0, 0.65)[place % 2]  # neighbours in hue differ in brightness
    return bright * red, bright * green, bright * blue


def _name_classes(axes: Any, classes: np.ndarray, names: Sequence[str] | None) -> None:
    """Classes and domains beside the plot; of very many classes only the domains."""
    for label in classes.tolist() if len(classes) <= LEGEND else []:
        colour = np.array([_colour(classes, label)])
        axes.scatter([], [], c=colour, marker="s", label=class_name(label, names))
    entries = len(axes.get_legend_handles_labels()[0])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, ncol=1 + entries // 24)


def class_name(label: int, names: Sequence[str] | None) -> str:
    """The name of a class, or its number; -1 is "no class"."""
    if label < 0:
        return "no class"
    return names[label] if names is not None and label < len(names) else str(label)


def _figure(size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()
