"""Run the benchmarks and print what they found, as ratios where there is something to compare.

    python -m benchmarks                 # everything, about twenty minutes
    python -m benchmarks --quick         # without the large gallery, fewer repetitions
    python -m benchmarks --only scoring hausdorff

Also writes benchmarks/results/<time>.json. Exit code 1 when a promised ratio was not reached.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, one_line
from benchmarks.measure import Measurement
from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.log import get_logger

logger = get_logger("benchmarks")
BENCHMARKS = ("scoring", "losses", "hausdorff", "networks", "training_step", "input_pipeline",
              "large_gallery", "cold_start")
RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit code."""
    options = _parse(arguments)
    machine = describe()
    found: list[Measurement] = []
    for name in options.only or BENCHMARKS:
        logger.info("measuring %s ...", name)
        try:
            found += importlib.import_module(f"benchmarks.{name}").main(options.quick)
        except (OSError, ValueError, RuntimeError, AssertionError,
                subprocess.CalledProcessError) as error:  # the others are worth having
            logger.error("%s failed: %s", name, error)
            found.append(Measurement(name, skipped=f"failed: {error}"))
    sys.stdout.write(f"{one_line(machine)}\n\n{table(found)}")
    path = write_json(found, machine, options.out)
    sys.stdout.write(f"\nwritten to {path}\n")
    broken = [m.name for m in found if not m.kept or m.skipped.startswith("failed")]
    if broken:
        logger.error("not reached: %s", ", ".join(broken))
    return 1 if broken else 0


def table(found: Sequence[Measurement]) -> str:
    """A line per measurement."""
    width = max(len(m.name) for m in found)
    head = f"{'':<{width}}  {'ours':>10}  {'compared':>10}  {'ratio':>8}\n"
    return head + "".join(_line(m, width) for m in found)


def _line(m: Measurement, width: int) -> str:
    if m.skipped:
        return f"{m.name:<{width}}  {m.skipped}\n"
    ratio = "" if m.ratio is None else f"{m.ratio:.1f} x"
    promise = f"  (at least {m.least:g} x)" if m.least else ""
    facts = "".join(f"  {key} {_short(value)}" for key, value in m.facts.items())
    return (f"{m.name:<{width}}  {_time(m.ours):>10}  {_time(m.theirs):>10}  {ratio:>8}"
            f"{promise}{facts}\n")


def _time(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.2f} ms"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write_json(found: Sequence[Measurement], machine: dict[str, Any], folder: Path) -> Path:
    """Everything that was measured, and on what."""
    content = {"machine": machine, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
               "measurements": [{**asdict(m), "ratio": m.ratio, "kept": m.kept} for m in found]}
    path = folder / time.strftime("%Y%m%d-%H%M%S.json")
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())
    return path


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=summary)
    parser.add_argument("--quick", action="store_true", help="smaller and fewer; for a first look")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, help="these alone")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the json file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
