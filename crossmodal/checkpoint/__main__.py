"""Says what a checkpoint or file of weights is; makes a released one usable here.

Usage
-----
    python -m crossmodal.checkpoint inspect FILE
    python -m crossmodal.checkpoint convert FILE --out runs/released --config configs/pix3d.yaml
    cd Instance-level && python RetrievalNet_test.py --config ./configs/pix3d.yaml \\
        --checkpoint ../runs/released

FILE: a checkpoint of this project or its run's folder, or the weights of SC-IBSR, CMIC or a
torchvision architecture as .pth, .pt, .pkl, .npz or .safetensors. No code in it is run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from crossmodal.runtime.limits import add_memory_option


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 1 after saying what is wrong."""
    options = parse(arguments)
    try:
        if options.command == "inspect":
            from crossmodal.checkpoint.describe import describe  # starts Jittor

            print("\n".join(describe(options.file)))  # noqa: T201
        else:
            from crossmodal.checkpoint.convert import convert

            path = convert(options.file, options.out, options.config, options.set, options.ignore)
            print(f"{path}: written; test it with --checkpoint {options.out}")  # noqa: T201
    except (ValueError, OSError) as error:
        print(f"crossmodal.checkpoint: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The two commands and their options."""
    parser = argparse.ArgumentParser(prog="python -m crossmodal.checkpoint", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    looked = commands.add_parser("inspect", help="say what a file is and what it holds")
    made = commands.add_parser("convert", help="make a checkpoint of a released network")
    for command in (looked, made):
        command.add_argument("file", type=Path, metavar="FILE")
        add_memory_option(command)
    made.add_argument("--out", type=Path, required=True, metavar="PLACE",
                      help="a run's folder, or a .safetensors file")
    made.add_argument("--config", help="settings of the checkpoint but for its model's, such as "
                      "configs/pix3d_released.yaml; default: the paper's")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                      help="override one setting; may be repeated")
    made.add_argument("--ignore", nargs="+", default=[], metavar="PREFIX",
                      help="leave out tensors whose names begin so")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
