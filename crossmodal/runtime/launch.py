"""How a script that computes starts: Jittor is loaded, or one line says why that cannot be."""

from __future__ import annotations

import sys

from crossmodal.runtime import mpi
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.jittor_setup import load_jittor
from crossmodal.runtime.log import get_logger

_LOG = get_logger(__name__)


def load_or_exit() -> None:
    """Load Jittor, building it if need be; end the program with the reason where it cannot run.

    To be called before a script imports what needs Jittor: an import has nobody who would catch
    the error. Of several processes on one machine the first says it.
    """
    try:
        load_jittor()
    except SetupError as error:
        if mpi.local_rank() == 0:
            _LOG.error("%s", error)
        sys.exit(1)
