"""Importing Jittor changes the whole process; here most of that is taken back.

It reseeds `random` and NumPy from the clock, turns off the verification of HTTPS certificates,
ends the process on Ctrl-C without cleaning up, and ends it when any child process is killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

_SIGNALS = ("SIGINT", "SIGCHLD")


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Run the import of Jittor; random states, certificates and signals are as before after it."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    context = getattr(ssl, "_create_default_https_context", None)
    handlers = _signal_handlers()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if context is not None:
            ssl._create_default_https_context = context
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _signal_handlers() -> dict[int, Any]:
    """Handlers to put back; only the main thread may do that, and only if Python set them."""
    if threading.current_thread() is not threading.main_thread() or os.name == "nt":
        return {}
    numbers = [getattr(signal, name) for name in _SIGNALS]
    handlers = {number: signal.getsignal(number) for number in numbers}
    return {number: handler for number, handler in handlers.items() if handler is not None}
