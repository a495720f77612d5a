"""One table of several tests: methods, and runs of one method that differ in their seed."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import numpy as np

from crossmodal.config import CIRCUMSTANCES, CategoryConfig, Config, to_dict, without
from crossmodal.retrieval.category_metrics import CategoryMeasures
from crossmodal.retrieval.metrics import Measures
from crossmodal.retrieval.report import PERCENT, RATES, align, below
from crossmodal.runtime.digest import text_digest


@dataclass(frozen=True)
class RunMeasures:
    """A run that was tested."""

    name: str
    config: Union[Config, CategoryConfig]  # noqa: UP007 - as it was trained
    measures: Union[Measures, CategoryMeasures]  # noqa: UP007
    notes: Sequence[str] = ()  # what a reader of its numbers must know


def comparison_table(tests: Sequence[RunMeasures], columns: Sequence[tuple[str, str]] = RATES,
                     percent: Collection[str] = PERCENT) -> str:
    """Markdown: a row for each method, mean +- standard deviation (n - 1) over its runs.

    Below it the notes: those of all runs, then those of each row, after its name.

    columns : (field of the measures, title); those in `percent` are multiplied by 100
    """
    groups: dict[str, list[RunMeasures]] = {}
    for test in tests:
        groups.setdefault(f"{_method(test.config)} {test.notes}", []).append(test)
    lines = [["method", "runs", *(title for _, title in columns)]]
    common = [note for note in tests[0].notes if all(note in test.notes for test in tests)]
    notes = list(common)
    for group in groups.values():
        found = [_spread([getattr(t.measures, key) for t in group], key in percent)
                 for key, _ in columns]
        label = _label([t.name for t in group])
        lines.append([label, str(len(group)), *found])
        notes += [f"{label}: {note}" for note in group[0].notes if note not in common]
    return align(lines) + below(notes)


def comparison_path(output: str | None, runs: Path, reports: Sequence[Path]) -> Path:
    """Where a comparison goes: ``<output>/comparison.md``, or into the folder of the runs under a
    name of its own, so that no other comparison takes its place.

    reports : the folders of the reports that are compared
    """
    if output:
        return Path(output) / "comparison.md"
    return runs / f"comparison_{text_digest(' '.join(sorted(map(str, reports))))[:8]}.md"


def _method(config: Config | CategoryConfig) -> str:
    """What runs that differ in nothing but seed, name and place share."""
    return json.dumps(without(to_dict(config), ("seed", *CIRCUMSTANCES)), sort_keys=True)


def _label(names: Sequence[str]) -> str:
    common = os.path.commonprefix(list(names)).rstrip("_-.")
    return common if len(names) > 1 and common else ", ".join(names)


def _spread(values: Sequence[float], percent: bool) -> str:
    array = np.array(values, float) * (100 if percent else 1)
    digits = 1 if percent else 3
    if len(array) == 1:
        return f"{array[0]:.{digits}f}"
    return f"{array.mean():.{digits}f} +- {array.std(ddof=1):.{digits}f}"
