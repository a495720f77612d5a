"""How long reading one file may take: what a file of such a size needs, and no more."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 8.0  # of processor time, for a file of up to FREE bytes
FREE = 16 * 2**20
SECONDS_PER_BYTE = 0.5 / 2**20  # beyond
AGAIN = 0.5  # seconds until a reader that goes on all the same is stopped once more
_at_work = False


class TooSlow(ValueError):
    """A file takes longer to read than any sound one of its size."""


@contextmanager
def time_limit(size: int) -> Iterator[None]:
    """Raise TooSlow where the block takes more processor time than a file of `size` bytes needs.

    The time of the processor, so a busy machine makes no file slow. It works in a process's first
    thread, on systems that have such timers; the innermost block's limit is that of the outermost.
    """
    global _at_work
    possible = hasattr(signal, "setitimer") and (
        threading.current_thread() is threading.main_thread())
    if _at_work or not possible:
        yield
        return
    limit = SECONDS + SECONDS_PER_BYTE * max(0, size - FREE)

    errors: list[TooSlow] = []

    def stop(number: int, frame: FrameType | None) -> None:
        errors.append(TooSlow(f"reading it takes more than {limit:.0f} s of processor time, which "
                              "no sound file of its size does"))
        raise errors[-1]

    before = signal.signal(signal.SIGPROF, stop)
    _at_work = True
    try:
        signal.setitimer(signal.ITIMER_PROF, limit, AGAIN)
        yield
    except TooSlow:
        raise
    except Exception as error:  # noqa: BLE001 - a reader took ours for one of its own
        if errors:
            raise errors[-1] from error
        raise
    else:
        if errors:
            raise errors[-1]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        _at_work = False
