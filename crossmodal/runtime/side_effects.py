"""Importing Jittor changes the whole process; here most of that is taken back.

It reseeds `random` and NumPy from the clock, turns off the verification of HTTPS certificates,
ends the process on Ctrl-C without cleaning up, and ends it when any child process is killed. It
also leaves processes behind that compiled its core.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import random
import signal
import ssl
from collections.abc import Iterator
from typing import Any

import numpy as np

_SIGNALS = ("SIGINT", "SIGCHLD")
_LARGEST_SIGACTION = 1024  # bytes; the C structure is 152 on Linux, and we never look inside


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Run the import of Jittor; random states, certificates and signals are as before after it."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    context = getattr(ssl, "_create_default_https_context", None)
    try:
        with _signal_actions_kept():
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if context is not None:
            ssl._create_default_https_context = context


def end_compilers(utils: Any) -> None:
    """End the idle processes that compiled Jittor's core; where it needs some, it starts others.

    A Ctrl-C goes to them too. Their pool waits for ever for those it killed when a program ends.

    utils : the module ``jittor_utils``
    """
    if utils.pool_size:
        atexit.unregister(utils.pool_cleanup)
        utils.pool_cleanup()
        utils.pool_size = 0


@contextlib.contextmanager
def _signal_actions_kept() -> Iterator[None]:
    """Put signal handlers back as the C library knows them.

    Jittor sets its own behind Python's back, and Python's `signal.signal` works in the main thread
    only.
    """
    if os.name == "nt":
        yield
        return
    library = ctypes.CDLL(None)
    actions = {
        int(getattr(signal, name)): ctypes.create_string_buffer(_LARGEST_SIGACTION)
        for name in _SIGNALS
    }
    for number, action in actions.items():
        library.sigaction(number, None, action)
    try:
        yield
    finally:
        for number, action in actions.items():
            library.sigaction(number, action, None)
