"""Logging that gets along with progress bars, and the peak memory of a run."""

from __future__ import annotations

import logging
import os
import sys

ROOT = "crossmodal"
LEVEL_VARIABLE = "CROSSMODAL_LOG_LEVEL"


def get_logger(name: str) -> logging.Logger:
    """Logger under "crossmodal" that writes to standard error, around any tqdm progress bar.

    The level is INFO unless the environment variable CROSSMODAL_LOG_LEVEL says otherwise.
    """
    _set_up_root()
    inside = name == ROOT or name.startswith(ROOT + ".")
    return logging.getLogger(name if inside else f"{ROOT}.{name.strip('_') or 'main'}")


def peak_memory_mib(children: bool = False) -> float:
    """Largest resident memory of this process so far, in MiB.

    Parameters
    ----------
    children : the largest finished child process instead (data workers, compilers).
    """
    high_water = None if children else _high_water_mib()
    if high_water is not None:
        return high_water
    try:
        import resource
    except ImportError:  # not on Windows
        return float("nan")
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _high_water_mib() -> float | None:
    """Linux's own account; rusage's also counts what the parent had when it started us."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 2**10
    except OSError:
        return None
    return None


class _ProgressAwareHandler(logging.Handler):
    """Writes whole lines to the current sys.stderr without tearing a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            tqdm = sys.modules.get("tqdm")
            if tqdm is not None and hasattr(tqdm, "tqdm"):
                tqdm.tqdm.write(line, file=sys.stderr)
            else:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
        except (OSError, ValueError):  # a closed stream must not end a run
            self.handleError(record)


def _set_up_root() -> None:
    """Attach our handler once."""
    root = logging.getLogger(ROOT)
    if any(isinstance(handler, _ProgressAwareHandler) for handler in root.handlers):
        return
    handler = _ProgressAwareHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    root.addHandler(handler)
    level = os.environ.get(LEVEL_VARIABLE, "INFO").upper()
    root.setLevel(level if isinstance(logging.getLevelName(level), int) else logging.INFO)


def output_encoding() -> str:
    """How standard output writes text."""
    return (sys.stdout.encoding or "utf-8").lower()


def say(text: str) -> None:
    """Print; what standard output cannot take, as of a file name that is not UTF-8, is escaped."""
    sys.stdout.write(text.encode(output_encoding(), "backslashreplace").decode(output_encoding()))
