"""A file is the old version or the new one, never something between."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from crossmodal.runtime import atomic
from crossmodal.runtime.atomic import atomic_write

POSIX = pytest.mark.skipif(os.name == "nt", reason="uses POSIX permissions or signals")
SIZE = 1_000_000


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with an earlier version in it."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    return path


def leftovers(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir() if entry != path]


def test_writes_and_replaces(old: Path) -> None:
    with atomic_write(old) as file:
        file.write(b"new")
        assert old.read_bytes() == b"old"
    assert old.read_bytes() == b"new"
    assert leftovers(old) == []


def test_makes_missing_folders(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a" / "b" / "c.bin") as file:
        file.write(b"x")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"x"


def test_an_exception_keeps_the_old_file(old: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_write(old) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert old.read_bytes() == b"old"
    assert leftovers(old) == []


def test_other_errors_of_the_block_pass_unchanged(old: Path) -> None:
    error = FileNotFoundError(errno.ENOENT, "an input is missing")
    with pytest.raises(FileNotFoundError) as caught, atomic_write(old):
        raise error
    assert caught.value is error


def test_full_disk_is_explained(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match=r"file\.bin: the disk is full .*free") as caught:
        with atomic_write(old) as file:
            file.write(b"new")
    assert caught.value.errno == errno.ENOSPC
    assert old.read_bytes() == b"old"
    assert leftovers(old) == []


@POSIX
def test_a_write_cut_by_the_system_keeps_the_old_file(old: Path) -> None:
    """A real short write: the process may not make files larger than 100 kB."""
    code = (
        "import resource, signal, sys\n"
        "from crossmodal.runtime.atomic import atomic_write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "with atomic_write(sys.argv[1]) as file:\n"
        "    file.write(b'x' * 1_000_000)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, old], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "OSError" in ended.stderr
    assert old.read_bytes() == b"old"
    assert leftovers(old) == []


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(old: Path) -> None:
    old.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="no permission to write there"):
            with atomic_write(old):
                pass
    finally:
        old.parent.chmod(0o700)
    assert old.read_bytes() == b"old"


def test_refusal_of_the_system_is_explained(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(target: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(atomic, "_open_temporary", refuse)
    with pytest.raises(PermissionError, match=r"file\.bin: no permission to write there"):
        with atomic_write(old):
            pass
    assert old.read_bytes() == b"old"


def test_a_folder_that_is_a_file(old: Path) -> None:
    with pytest.raises(OSError, match=r"cannot write .*below\.bin"):
        with atomic_write(old / "below.bin"):
            pass


@POSIX
def test_permissions_stay(old: Path) -> None:
    old.chmod(0o640)
    with atomic_write(old) as file:
        file.write(b"new")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


@POSIX
def test_a_link_is_followed(old: Path) -> None:
    link = old.parent / "link.bin"
    link.symlink_to(old.name)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert old.read_bytes() == b"new"


def test_two_writers_at_once(old: Path) -> None:
    """Threads writing the same file: one of the versions, whole, and nothing left over."""

    def write(value: int) -> None:
        for _ in range(10):
            with atomic_write(old) as file:
                file.write(bytes([value]) * SIZE)

    writers = [threading.Thread(target=write, args=(value,)) for value in (1, 2, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert old.read_bytes() in [bytes([value]) * SIZE for value in (1, 2, 3)]
    assert leftovers(old) == []


@POSIX
def test_kill_9_in_the_middle(old: Path) -> None:
    """Whenever the writer is killed, the file is whole; the next write clears what it left."""
    code = (
        "import itertools, sys, time\n"
        "from crossmodal.runtime.atomic import atomic_write\n"
        "print('ready', flush=True)\n"
        "for value in itertools.cycle(range(256)):\n"
        "    with atomic_write(sys.argv[1]) as file:\n"
        "        for _ in range(50):\n"
        f"            file.write(bytes([value]) * ({SIZE} // 50))\n"
        "            file.flush()\n"
        "            time.sleep(0.001)\n"
    )
    old.write_bytes(bytes(SIZE))
    interrupted = 0
    for attempt in range(12):
        with subprocess.Popen([sys.executable, "-c", code, old], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            time.sleep(0.02 + 0.003 * attempt)  # a write takes 50 ms and more
            writer.kill()
        content = old.read_bytes()
        assert content == content[:1] * SIZE
        interrupted += bool(leftovers(old))
    assert interrupted > 0, "no kill hit a write: the test did not test anything"
    with atomic_write(old) as file:
        file.write(b"after")
    assert leftovers(old) == []


@POSIX
def test_a_living_writers_temporary_is_left_alone(old: Path) -> None:
    with atomic_write(old) as slow:
        slow.write(b"slow")
        with atomic_write(old) as quick:
            quick.write(b"quick")
        assert old.read_bytes() == b"quick"
    assert old.read_bytes() == b"slow"


def test_similar_names_are_not_cleared(old: Path) -> None:
    other = old.parent / ".file.bin.mine.tmp"
    other.write_bytes(b"keep")
    with atomic_write(old) as file:
        file.write(b"new")
    assert other.read_bytes() == b"keep"
