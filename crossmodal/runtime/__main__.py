"""Says what was found on this machine, and whether Jittor computes on it.

Usage
-----
    python -m crossmodal.runtime            # versions, CPU/GPU, oneDNN, cache; runs a convolution
    python -m crossmodal.runtime --check    # also gradients, matrix product and sort against NumPy
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from crossmodal.runtime import report, self_check
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.jittor_setup import load_jittor


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0 when all is well, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m crossmodal.runtime", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help="compare Jittor with NumPy")
    check_all = parser.parse_args(arguments).check
    try:
        jt = load_jittor()
        from crossmodal.kernels import library, ways  # need Jittor

        lines = {**report.describe(jt), "CPU kernels": library.describe()}
        detours = ways.detours() if library.load() else []
    except SetupError as error:
        print(f"crossmodal.runtime: {error}", file=sys.stderr)  # noqa: T201
        return 1
    differences = self_check.run_checks(jt, None if check_all else ["arrays", "convolution"])
    failed = self_check.failures(differences)
    for name, difference in differences.items():
        verdict = "WRONG" if name in failed else "ok"
        lines[name] = f"{verdict}, differs from NumPy by {difference:.1e}"
    for name, text in [*lines.items(), *(("slower than others", line) for line in detours)]:
        print(f"{name:<28}{text}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
