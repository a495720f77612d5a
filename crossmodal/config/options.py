"""Command-line options of every script that has settings."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Callable

from crossmodal.config.listing import settings_text
from crossmodal.config.typed import ConfigError
from crossmodal.runtime import mpi
from crossmodal.runtime.limits import add_memory_option
from crossmodal.runtime.log import get_logger, say

_LOG = get_logger(__name__)


def add_setting_options(parser: argparse.ArgumentParser, kind: type[Any]) -> None:
    """Add --set and --settings, of a tree of settings, and --max-memory."""
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="override one setting, as in data.batch_size=8; may be repeated")
    parser.add_argument("--settings", action=_Listing, nargs=0, const=kind,
                        default=argparse.SUPPRESS,
                        help="list all settings with their defaults, ranges and meanings, and end")
    add_memory_option(parser)


def settled_or_exit(read: Callable[[], object]) -> None:
    """Read the settings, before Jittor is loaded; end the program where something is wrong.

    Of several processes on one machine the first says what.
    """
    try:
        read()
    except ConfigError as error:
        if mpi.local_rank() == 0:
            _LOG.error("%s", error)
        sys.exit(1)


class _Listing(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        say(settings_text(self.const) + "\n")
        parser.exit()
