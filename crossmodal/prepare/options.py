"""Command-line options that every prepare program has."""

from __future__ import annotations

import argparse


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add --workers and --redo."""
    parser.add_argument("--workers", type=int, help="processes (default: one per usable core)")
    parser.add_argument(
        "--redo", action="store_true", help="make everything again, also with changed settings"
    )
