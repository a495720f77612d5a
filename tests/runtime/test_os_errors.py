"""Errors of the system are told with the file and the remedy, on one line, without their number."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from crossmodal.runtime.os_errors import told, why


@pytest.mark.parametrize(("number", "remedy"), [
    (errno.EACCES, "no permission; choose another place"), (errno.EROFS, "no permission"),
    (errno.ENOSPC, "the disk is full; free some space"), (errno.EEXIST, "a file is in the place"),
    (errno.ENOTDIR, "a file is in the place"), (errno.EISDIR, "a folder is in the place"),
    (errno.ENAMETOOLONG, "too long"), (errno.ENOENT, "no such file"), (errno.EIO, "put error")])
def test_the_systems_errors(number: int, remedy: str) -> None:
    line = told(OSError(number, os.strerror(number), "data/x"))
    assert line.startswith("data/x: ") and remedy in line and "rrno" not in line


def test_messages_of_ours_stay_as_they_are() -> None:
    assert told(FileNotFoundError("no mesh in it")) == "no mesh in it"
    assert told(OSError(errno.ENOSPC, "cannot write x: the disk is full")) == (
        "cannot write x: the disk is full")
    assert told(OSError(errno.EINVAL, "is a pipe", "x")) == "x: is a pipe"


def test_why(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        (tmp_path / "x").read_bytes()
    assert why(caught.value) == "no such file or directory"
    assert why(ValueError("a\nb")) == "a b" and why(KeyError("a")) == "KeyError 'a'"
