"""What a category-level test leaves behind: numbers, a table, curves, features, a picture grid."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.retrieval.category_features import DomainFeatures, save_features
from crossmodal.retrieval.category_metrics import CategoryMeasures, CategoryResults
from crossmodal.retrieval.category_plots import class_name, draw_domains, draw_precision_recall
from crossmodal.retrieval.grid import Cell, Row, draw_grid
from crossmodal.retrieval.report import (
    GRID_ROWS,
    Pictures,
    RunFacts,
    align,
    picture_of,
    plain_values,
    write_text,
)
from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.inside import inside

COLUMNS = (("nn", "NN"), ("ft", "FT"), ("st", "ST"), ("f", "F"), ("dcg", "DCG"),
           ("anmrr", "ANMRR"), ("auc", "AUC"), ("map", "mAP"), ("anmrr_mpeg7", "ANMRR (MPEG-7)"))
COUNTS = ("queries", "without_positive", "shapes", "distractors", "query_classes",
          "gallery_classes", "largest_class", "f_cutoff")


@dataclass(frozen=True)
class MeasuredDomains:
    """What was measured: queries are the source, the gallery is the target."""

    source: DomainFeatures
    target: DomainFeatures


def write_category_report(
    results: CategoryResults,
    folder: Path,
    run: RunFacts,
    domains: MeasuredDomains | None = None,
    pictures: Pictures | None = None,
    class_names: Sequence[str] | None = None,
    rows: int = GRID_ROWS,
) -> Path:
    """Write everything into `folder`, each file whole or not at all; returns metrics.json's path.

    Always table.md, precision_recall.png and metrics.json; with `domains` source.mat, target.mat,
    features.npz and tsne.png; with `pictures` grid.png.

    Parameters
    ----------
    class_names : names of the classes 0, 1, ..; a class without a name goes by its number
    rows : queries in the picture grid, evenly spread over all of them in order of class

    Raises
    ------
    ValueError : the domains are not what was measured.
    """
    folder = Path(folder)
    if domains is not None:
        _check_domains(results, domains)
    content = category_content(results, run, class_names)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / "metrics.json", text + "\n")  # first: no picture may cost the numbers
    write_text(folder / "table.md", category_table(results, class_names, run.notes))
    _write_bytes(folder / "precision_recall.png", draw_precision_recall(results, run.notes))
    if domains is not None:
        save_features(folder, domains.source, domains.target)
        _write_bytes(folder / "tsne.png", draw_domains(
            domains.source, domains.target, results.preparation, class_names, run.seed))
    if pictures is not None:
        draw_grid(category_grid_rows(results, pictures, rows, class_names),
                  inside(folder, "grid.png"))
    return folder / "metrics.json"


def _check_domains(results: CategoryResults, domains: MeasuredDomains) -> None:
    for side, mine, measured in (("source", domains.source, results.query_labels),
                                 ("target", domains.target, results.gallery_labels)):
        if not np.array_equal(mine.label, measured):
            raise ValueError(f"the {side} domain has other labels than what was measured: give "
                             "the features that went into measure_categories, in their order")


def category_content(
    results: CategoryResults, run: RunFacts, class_names: Sequence[str] | None = None
) -> dict[str, Any]:
    """What goes into metrics.json; numbers that cannot be measured are None."""
    content: dict[str, Any] = plain_values({
        "protocol": results.protocol,
        "feature_preparation": results.preparation,
        "gallery_size": results.shapes,
        "counts": {name: getattr(results, name) for name in COUNTS},
        "overall": results.overall.as_dict(),
        "per_category": {_key(results, label, class_names): measures.as_dict()
                         for label, measures in results.per_class.items()},
        **run.content(),
    })
    return content


def _key(results: CategoryResults, label: int, names: Sequence[str] | None) -> str:
    """A class's name, with its number where another class has the same name."""
    name = class_name(label, names)
    twins = [other for other in results.per_class if class_name(other, names) == name]
    return name if len(twins) == 1 else f"{name} ({label})"


def category_table(results: CategoryResults, class_names: Sequence[str] | None = None,
                   notes: Sequence[str] = ()) -> str:
    """All measures per class and over all queries, aligned, in markdown; then how they were taken.

    Of ANMRR less is better. ``notes`` come last, a line each.
    """
    lines = [["class", "queries", *(title for _, title in COLUMNS)]]
    for label, measures in results.per_class.items():
        lines.append(_line(_key(results, label, class_names), measures))
    lines.append(_line("all", results.overall))
    return f"{align(lines)}\n{measured_on(results, notes)}"


def measured_on(results: CategoryResults, notes: Sequence[str] = ()) -> str:
    """How the numbers were taken, and on what; then ``notes``."""
    note = (f"protocol {results.protocol}, features {results.preparation}: {results.queries} "
            f"queries of {results.query_classes} classes, {results.shapes} shapes of "
            f"{results.gallery_classes} classes ({results.distractors} without class).\n")
    if results.without_positive:
        note += (f"{results.without_positive} of {results.queries} queries have no shape of their "
                 "class in the gallery; they are left out of all numbers.\n")
    return note + "".join(f"{line}\n" for line in notes)


def _line(name: str, measures: CategoryMeasures) -> list[str]:
    values = [getattr(measures, key) for key, _ in COLUMNS]
    numbers = ["-" if math.isnan(value) else f"{value:.3f}" for value in values]
    return [name.replace("|", "\\|"), str(measures.queries), *numbers]


def category_grid_rows(
    results: CategoryResults,
    pictures: Pictures,
    rows: int = GRID_ROWS,
    class_names: Sequence[str] | None = None,
) -> list[Row]:
    """The picture grid's rows: queries of all classes, their nearest shapes, right class green.

    The shapes are the nearest ones, also where the protocol drops the first from its numbers.
    """
    by_class = np.argsort(results.query_labels, kind="stable")
    places = np.linspace(0, len(by_class) - 1, min(rows, len(by_class))).astype(int)
    found = []
    for query in by_class[places].tolist():
        mine = int(results.query_labels[query])
        known = mine in results.gallery_labels  # else nothing is right, nor wrong
        items = []
        for shape, distance in zip(results.top_indices[query].tolist(),
                                   results.top_distances[query].tolist()):
            label = int(results.gallery_labels[shape])
            caption = f"{class_name(label, class_names)}\n{distance:.3f}"
            right = label == mine if known else None
            items.append(Cell(picture_of(pictures.gallery, shape), caption, right))
        caption = f"{class_name(mine, class_names)}\nquery {query}"
        found.append(Row(Cell(picture_of(pictures.query, query), caption), items))
    return found


def _write_bytes(path: Path, content: bytes) -> None:
    with atomic_write_in(path.parent, path.name) as file:
        file.write(content)
