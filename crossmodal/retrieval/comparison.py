"""One table of several tests: methods, and runs of one method that differ in their seed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crossmodal.config import Config, config_hash
from crossmodal.retrieval.metrics import Measures
from crossmodal.retrieval.report import PERCENT, RATES, align


@dataclass(frozen=True)
class RunMeasures:
    """A run that was tested."""

    name: str
    config: Config  # as it was trained
    measures: Measures


def comparison_table(tests: Sequence[RunMeasures]) -> str:
    """Markdown: a row for each method, mean +- standard deviation (n - 1) over its runs."""
    groups: dict[str, list[RunMeasures]] = {}
    for test in tests:
        groups.setdefault(_method(test.config), []).append(test)
    lines = [["method", "runs", *(title for _, title in RATES)]]
    for group in groups.values():
        found = [_spread([getattr(t.measures, key) for t in group], key in PERCENT)
                 for key, _ in RATES]
        lines.append([_label([t.name for t in group]), str(len(group)), *found])
    return align(lines)


def _method(config: Config) -> str:
    """What runs that differ in nothing but seed and name share."""
    return config_hash(replace(config, seed=0, log=replace(config.log, run_name=None)))


def _label(names: Sequence[str]) -> str:
    common = os.path.commonprefix(list(names)).rstrip("_-.")
    return common if len(names) > 1 and common else ", ".join(names)


def _spread(values: Sequence[float], percent: bool) -> str:
    array = np.array(values, float) * (100 if percent else 1)
    digits = 1 if percent else 3
    if len(array) == 1:
        return f"{array[0]:.{digits}f}"
    return f"{array.mean():.{digits}f} +- {array.std(ddof=1):.{digits}f}"
