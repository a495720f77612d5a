"""Command-line options that every prepare program has, and how a program ends on an error."""

from __future__ import annotations

import argparse
from typing import Any, Callable

from crossmodal.data.errors import DataError
from crossmodal.data.safe_pickle import BadPickle, UnsafePickle
from crossmodal.prepare.items import LAYOUTS
from crossmodal.prepare.manifest import SettingsChanged
from crossmodal.prepare.runner import AllFailed
from crossmodal.prepare.upright import AXES
from crossmodal.runtime.inside import OutsideError
from crossmodal.runtime.limits import TooLarge, add_memory_option
from crossmodal.runtime.options import add_workers
from crossmodal.runtime.os_errors import told

ERRORS = (DataError, BadPickle, UnsafePickle, SettingsChanged, AllFailed, OutsideError, TooLarge)


def program_parser(description: str, more: str = "") -> argparse.ArgumentParser:
    """A parser whose --help is a module's docstring, and another's after the options."""
    return argparse.ArgumentParser(description=description, epilog=more or None,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add --workers, --redo and --max-memory."""
    add_workers(parser)
    parser.add_argument(
        "--redo", action="store_true", help="make everything again, also with changed settings"
    )
    add_memory_option(parser)


def add_mesh_options(parser: argparse.ArgumentParser) -> None:
    """Add --layout and --up: how a folder of meshes is to be understood."""
    parser.add_argument("--layout", choices=LAYOUTS, default=LAYOUTS[0],
                        help="files: every mesh file is a shape; folders: CATEGORY/NAME/... is "
                        "one; auto (default): every file, but model.obj is named by its folder")
    parser.add_argument("--up", choices=sorted(AXES), metavar="AXIS",
                        help="the axis that points up, as in --up z or --up=-z (default: z in "
                        ".stl, .3mf and .step, y in other formats)")


def run_program(main: Callable[..., object], options: dict[str, Any]) -> None:
    """Call ``main(**options)``; what its user can put right ends it in a message, no traceback."""
    try:
        main(**options)
    except OSError as error:
        raise SystemExit(f"error: {told(error)}") from error
    except ERRORS as error:
        raise SystemExit(f"error: {error}") from error
