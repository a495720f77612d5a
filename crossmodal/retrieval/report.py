"""What a test leaves behind: numbers with their circumstances, a table, a csv, a curve, a grid."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np

from crossmodal.checkpoint import versions
from crossmodal.config.released import notes
from crossmodal.prepare.splits import split_notes
from crossmodal.retrieval.curve import draw_curve
from crossmodal.retrieval.grid import Cell, Row, draw_grid
from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.inside import inside
from crossmodal.runtime.log import get_logger, peak_memory_mib

if TYPE_CHECKING:
    from crossmodal.retrieval.results import RetrievalResults

logger = get_logger(__name__)
GRID_ROWS = 20
Picture = Callable[[int], Optional[np.ndarray]]
RATES = (("top1", "Top-1"), ("top10", "Top-10"), ("mrr", "MRR"),
         ("category_accuracy", "right category"))
PERCENT = {"top1", "top10", "category_accuracy"}


@dataclass(frozen=True)
class Pictures:
    """Where the pictures of queries and gallery items come from.

    Each takes the number of the query or item and returns (H, W, 3) or (H, W) uint8, or None (or
    raises OSError or ValueError) where the picture is missing or broken.
    """

    query: Picture
    gallery: Picture


@dataclass(frozen=True)
class RunFacts:
    """The circumstances of a test, as they go into metrics.json."""

    config_hash: str  # of crossmodal.config
    seed: int
    seconds: Mapping[str, float] = field(default_factory=dict)  # what took how long
    facts: Mapping[str, Any] = field(default_factory=dict)  # anything else: mode, checkpoint ...
    released: Sequence[str] = ()  # settings that are the released code's and not the paper's
    split: Mapping[str, Any] | None = None  # which pictures train and test, as split.json says

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know."""
        return [*notes(self.released), *split_notes(self.split)]

    def content(self) -> dict[str, Any]:
        """As it goes into metrics.json."""
        return {"seed": self.seed, "config_hash": self.config_hash,
                "released_behaviour": list(self.released), "notes": self.notes,
                "split": self.split, "versions": versions(), "seconds": dict(self.seconds),
                "peak_memory_mib": peak_memory_mib(), **self.facts}


def write_report(
    results: RetrievalResults,
    folder: Path,
    run: RunFacts,
    pictures: Pictures | None = None,
    rows: int = GRID_ROWS,
) -> Path:
    """Write everything into `folder`, each file whole or not at all; returns metrics.json's path.

    rows : queries in the picture grid, evenly spread over all of them
    """
    folder = Path(folder)
    write_text(folder / "queries.csv", csv_text(results))
    write_text(folder / "table.md", markdown_table(results, run.notes))
    with atomic_write_in(folder, "curve.png") as file:
        file.write(draw_curve(results.ranks, len(results.gallery_ids)))
    if pictures is not None:
        draw_grid(grid_rows(results, pictures, rows), inside(folder, "grid.png"))
    path = folder / "metrics.json"
    content = metrics_content(results, run)
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def metrics_content(results: RetrievalResults, run: RunFacts) -> dict[str, Any]:
    """What goes into metrics.json; numbers that cannot be measured are None."""
    per_category = {
        name: {**found.as_dict(), **results.column_means(name)}
        for name, found in results.measures_per_category().items()
    }
    return plain_values({
        "gallery_size": len(results.gallery_ids),
        "overall": {**results.measures().as_dict(), **results.column_means()},
        "per_category": per_category,
        **run.content(),
    })


def csv_text(results: RetrievalResults) -> str:
    """One line per query: id, category, rank of the first right item, columns, ids and scores."""
    shown = range(1, results.top_indices.shape[1] + 1)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["query", "category", "rank", *results.columns,
                     *(f"{what}_{i}" for i in shown for what in ("id", "score"))])
    for row, name in enumerate(results.query_ids):
        items = []
        for index, score in zip(results.top_indices[row], results.top_scores[row]):
            known = index >= 0
            items += [results.gallery_ids[index], f"{score:.6f}"] if known else ["", ""]
        rank = int(results.ranks[row]) or ""
        facts = [_number(values[row]) for values in results.columns.values()]
        writer.writerow([name, results.query_categories[row], rank, *facts, *items])
    return file.getvalue()


def markdown_table(results: RetrievalResults, notes: Sequence[str] = ()) -> str:
    """Measures per category and over all queries, aligned, in markdown; then ``notes``."""
    whole = results.measures()
    head = ["category", "queries", *(title for _, title in RATES), *results.columns]
    lines = [head]
    found = [*results.measures_per_category().items(), ("all", whole)]
    for name, measures in found:
        means = results.column_means(None if measures is whole else name)
        rates = [_rate(getattr(measures, key), key in PERCENT) for key, _ in RATES]
        facts = ["-" if math.isnan(mean) else f"{mean:.4g}" for mean in means.values()]
        lines.append([name.replace("|", "\\|"), str(measures.queries), *rates, *facts])
    said = list(notes)
    if whole.without_positive:
        said.insert(0, f"{whole.without_positive} of {whole.queries} queries have no right item in "
                       "the gallery; they are left out of Top-1, Top-10 and MRR.")
    return align(lines) + below(said)


def below(notes: Sequence[str]) -> str:
    """What stands below a table: nothing, or a line for each note."""
    return "".join(["\n", *(f"{line}\n" for line in notes)]) if notes else ""


def grid_rows(results: RetrievalResults, pictures: Pictures, rows: int) -> list[Row]:
    """The picture grid's rows for `rows` queries, evenly spread over all of them."""
    chosen = np.unique(np.linspace(0, len(results) - 1, min(rows, len(results))).astype(int))
    found = []
    for query in chosen.tolist():
        name = f"{results.query_ids[query]}\nrank {results.ranks[query] or '-'}"
        items, known = [], results.ranks[query] > 0  # else nothing is right, nor wrong
        for place, index in enumerate(results.top_indices[query].tolist()):
            if index >= 0:
                text = f"{results.gallery_ids[index]}\n{results.top_scores[query, place]:.3f}"
                items.append(Cell(picture_of(pictures.gallery, index), text,
                                  bool(results.top_right[query, place]) if known else None))
        found.append(Row(Cell(picture_of(pictures.query, query), name), items))
    return found


def picture_of(source: Picture, number: int) -> np.ndarray | None:
    """A picture, or None where it cannot be had: a missing file must not cost the report."""
    try:
        return source(number)
    except (OSError, ValueError, LookupError) as error:
        logger.warning("left out of the grid: %s", error)
        return None


def _rate(value: float, percent: bool) -> str:
    if math.isnan(value):
        return "-"
    return f"{100 * value:.1f}" if percent else f"{value:.3f}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def align(lines: list[list[str]]) -> str:
    """A markdown table of cells, the first line its head; columns after the first to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    texts = [[line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:]))]
             for line in lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [texts[0], rule, *texts[1:]])


def plain_values(value: Any) -> Any:
    """JSON values: numbers that are not finite become None, NumPy's become Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def write_text(path: Path, text: str) -> None:
    """A file, whole or not at all."""
    with atomic_write_in(path.parent, path.name) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
