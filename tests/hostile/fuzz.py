"""Reads thousands of damaged files of every kind, and says how each kind fared.

    python tests/hostile/fuzz.py [--draws 20000] [--only pickle obj ...] [--from 0]

Every file must be read, or refused by a ValueError or an OSError that is one short line, within 10
seconds of processor time and 2 GiB of memory above this program's own. One that is not is kept in
--keep, with what happened; the exit status is then 1. The draws are the same each time.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import json
import logging
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Callable

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), *(str(HERE.parents[0] / part) for part in (
    ".", "geometry", "geometry/formats", "hostile"))]

from mutations import mutated  # noqa: E402

SEEDS = ("seeds_weights", "seeds_meshes", "seeds_pictures", "seeds_records")
SECONDS, MEMORY = 10.0, 2 * 2**30
# Kinds whose reader is scipy's, which crashes on some: each time a new process, a second. A tenth
# of the draws is made of them.
SLOW = ("mat plain",)
LONGEST_MESSAGE = 1000
Seed = tuple[str, bytes, Callable[[Path], Any]]


def all_seeds() -> dict[str, Seed]:
    """name -> (suffix, a good file, what reads it)."""
    found: dict[str, Seed] = {}
    for module in SEEDS:
        found.update(importlib.import_module(module).SEEDS)
    return found


def complaint(read: Callable[[Path], Any], path: Path) -> str:
    """``read``, ``refused``, or what went wrong."""
    _reset_peak()
    before, begin = _memory("VmRSS"), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
        how = "read"
    except (ValueError, OSError) as error:
        how, text = "refused", str(error)
        if len(text) > LONGEST_MESSAGE + 3 * len(str(path)) or "Traceback" in text:
            how = f"its message has {len(text)} letters: {text[:200]}"
    except MemoryError:
        how = "MemoryError"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        how = f"{type(error).__name__}: {error}"[:500]
    if time.process_time() - begin > SECONDS:
        return f"{how}, after {time.process_time() - begin:.1f} s"
    more = _memory("VmHWM") - before
    return f"{how}, with {more / 2**30:.1f} GiB" if more > MEMORY else how


def main() -> int:
    options = _options()
    logging.disable(logging.CRITICAL)
    _limit_memory()
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, data, read) in all_seeds().items():
            if options.only and name not in options.only:
                continue
            counts[name] = _fuzz(Path(folder), name, suffix, data, read, options)
    sys.stdout.write(json.dumps(counts, indent=1) + "\n")
    return int(any(set(found) - {"read", "refused"} for found in counts.values()))


def _fuzz(folder: Path, name: str, suffix: str, data: bytes, read: Callable[[Path], Any],
          options: argparse.Namespace) -> Counter[str]:
    counts: Counter[str] = Counter()
    plain = "".join(c if c.isalnum() else "_" for c in name)
    path = folder / f"{plain}{suffix}"
    path.write_bytes(data)
    how = complaint(read, path)
    if how != "read":
        counts[f"the good file: {how}"] += 1
    draws = options.draws // (10 if name in SLOW else 1)
    for draw in range(options.first, options.first + draws):
        path.write_bytes(mutated(data, draw))
        faulthandler.dump_traceback_later(120, exit=True)  # a hang ends the program, telling where
        how = complaint(read, path)
        faulthandler.cancel_dump_traceback_later()
        counts[how] += 1
        if how not in ("read", "refused") and options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{draw}-{path.name}").write_bytes(path.read_bytes())
    return counts


def _reset_peak() -> None:
    with contextlib.suppress(OSError):  # not on every system
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _memory(field: str) -> int:
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return 1024 * int(text.split(f"{field}:")[1].split()[0])


def _limit_memory() -> None:
    """What asks for more than 4 GiB fails, instead of taking the machine down."""
    try:
        import resource
    except ImportError:
        return
    most = _memory("VmData") + 2 * MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20_000, help="damaged files of each kind")
    parser.add_argument("--from", dest="first", type=int, default=0, help="number of the first")
    parser.add_argument("--only", nargs="*", default=[], help="kinds, by name")
    parser.add_argument("--keep", type=Path, help="folder for the files that went wrong")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
