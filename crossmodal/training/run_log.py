"""What a run writes while it trains: one json line and tensorboard scalars per logged step."""
from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.brief import brief
from crossmodal.runtime.inside import OutsideError, inside
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.os_errors import why
from crossmodal.runtime.safe_files import is_nested, parse_json, read_text

_LOG = get_logger(__name__)
NOTE = "note"  # kind of the lines that say something of the whole run


class RunLog:
    """Appends to ``<folder>/log.jsonl`` and, if asked, to ``<folder>/tensorboard/``.

    On a resumed run, lines after the step it resumes from are dropped first: the log then tells
    one story, that of an uninterrupted run.

    silent : write nothing, and only look for values that are not finite
    notes : what a reader of the numbers must know first; said once, and the log begins with them
    """

    def __init__(self, folder: Path, resumed_step: int = 0, tensorboard: bool = True,
                 silent: bool = False, notes: Sequence[str] = ()) -> None:
        self._file, self._board = None, None
        if silent:
            return
        for note in notes:
            _LOG.warning("%s", note)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.path = inside(folder, "log.jsonl")
        except OutsideError as error:
            raise DataError(f"{folder}: {error}") from error
        kept = [line for line in _lines(self.path)
                if line["step"] <= resumed_step and line["kind"] != NOTE]
        kept = [{"step": 0, "kind": NOTE, "text": text} for text in notes] + kept
        with atomic_write(self.path) as file:  # a crash here must not lose the kept lines
            file.write("".join(json.dumps(line) + "\n" for line in kept).encode())
        self._file = self.path.open("a", encoding="utf-8")  # noqa: SIM115, closed on exit
        self._board = _board(folder / "tensorboard", resumed_step) if tensorboard else None
        if self._board is not None and notes:
            self._board.add_text(NOTE, "\n\n".join(notes), resumed_step)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()

    def add(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """Record ``values`` of one step; ``kind`` is "train" or "validation".

        Raises FloatingPointError where a value is not finite: the run is of no use any more.
        """
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        self._write({"step": step, "kind": kind, **values})
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)
        if bad and kind == "train":
            raise FloatingPointError(
                f"step {step}: {', '.join(bad)} is not finite. Lower optim.lr, or set "
                "optim.gradient_clip; the last checkpoint is from before this step")

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


def _lines(path: Path) -> list[dict[str, Any]]:
    """Whole lines of an earlier log; a line cut off by a crash is dropped.

    Raises DataError for a log that cannot be read, or has a line that no run has written.
    """
    if not path.exists():
        return []
    remedy = "move it away to go on without it"
    try:
        texts = read_text(path).splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable log ({why(error)}); {remedy}") from error
    found = []
    for number, text in enumerate(texts, 1):
        try:
            line = parse_json(text)
        except ValueError:
            continue
        if not isinstance(line, dict) or not isinstance(line.get("kind"), str) or (
                type(line.get("step")) is not int) or is_nested(line, 2):
            raise DataError(f"{path}, line {number}: not what was written: {brief(line)}; "
                            f"{remedy}")
        found.append(line)
    return found


def _board(folder: Path, step: int) -> Any:
    from tensorboardX import SummaryWriter
    return SummaryWriter(str(folder), purge_step=step or None)
