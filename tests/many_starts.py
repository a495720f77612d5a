"""Programs started one after another from one process that has loaded Jittor already.

    python many_starts.py < commands.json > results.json

Each command, a list of words without its `python`, is run in a forked child as `python WORDS...`
would run it. Loading Jittor takes longer than all that a program does which ends with a message.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path


def run_all(commands: list[list[str]], folder: Path) -> list[tuple[int, str]]:
    """Exit status and standard error of Python commands, run inside a folder."""
    done = subprocess.run([sys.executable, __file__], cwd=folder, input=json.dumps(commands),
                          capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    return [tuple(result) for result in json.loads(done.stdout.splitlines()[-1])]


def _run(words: list[str]) -> int:
    """Be the program; its exit status."""
    sys.argv = words
    sys.path.insert(0, str(Path(words[0]).resolve().parent))
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as stop:
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        return 1
    return 0


def _forked(words: list[str]) -> tuple[int, str]:
    """Run a program in a child; its exit status and what it wrote to standard error."""
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            os.dup2(errors.fileno(), 2)
            os.dup2(2, 1)
            status = _run(words)
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)
        _, status = os.waitpid(child, 0)
        errors.seek(0)
        text = io.TextIOWrapper(errors, errors="replace").read()
    return os.waitstatus_to_exitcode(status), text


if __name__ == "__main__":
    given = json.load(sys.stdin)
    from crossmodal.runtime import jt  # noqa: F401

    sys.stdout.write(json.dumps([_forked(words) for words in given]) + "\n")
