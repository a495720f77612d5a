"""Ctrl-C and SIGTERM as a polite request: finish the step in hand, save the run, stop."""
from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

from crossmodal.runtime.log import get_logger

_LOG = get_logger(__name__)


class StopRequest:
    """Context manager; ``requested`` turns True at the first Ctrl-C or SIGTERM.

    A second signal goes through as usual, for those who cannot wait.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for number in self._SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._restore()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()
        _LOG.warning("%s: finishing this step and saving; once more to stop at once",
                     signal.Signals(number).name)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
