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

import numpy as np
import pytest

from crossmodal.runtime import atomic, locks
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
@pytest.mark.parametrize("missing", [1, 1000])
def test_a_last_write_that_numpy_does_not_report_is_a_full_disk(old: Path, missing: int) -> None:
    """np.save of 100 kB and its header, when all but `missing` bytes have room."""
    size = 128 + 100_000
    code = (
        "import resource, signal, sys, numpy\n"
        "from crossmodal.runtime.atomic import atomic_write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size - missing}, {size - missing}))\n"
        "with atomic_write(sys.argv[1]) as file:\n"
        "    numpy.save(file, numpy.ones(100_000, numpy.uint8))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, old], capture_output=True, text=True)
    assert ended.returncode == 1 and "file.bin: the disk is full" in ended.stderr
    assert old.read_bytes() == b"old"
    assert leftovers(old) == []


def test_an_array_is_written_whole(old: Path) -> None:
    with atomic_write(old) as file:
        np.save(file, np.arange(1000))
        np.save(file, np.arange(3))
    with old.open("rb") as file:
        assert np.load(file)[-1] == 999 and np.load(file)[-1] == 2


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
        atomic._abandoned.clear()  # as in another process
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


def temporary_of(path: Path, token: str) -> Path:
    found = path.with_name(f".{path.name}.{token}.tmp")
    found.write_bytes(b"half")
    return found


@POSIX
def test_a_folder_is_looked_through_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned: list[Path] = []
    scan = os.scandir
    other = old.with_name("other.bin")
    for path in (old, other):
        temporary_of(path, "01234567")
        temporary_of(path, "89abcdef")
    for path, left in ((old, 2), (old, 2), (other, 0)):  # each write clears what is its own
        with monkeypatch.context() as patched:
            patched.setattr(atomic.os, "scandir", lambda path: scanned.append(path) or scan(path))
            with atomic_write(path) as file:
                file.write(b"new")
        assert sum(name.endswith(".tmp") for name in leftovers(old)) == left
    assert scanned == [old.parent]


@pytest.mark.parametrize("name", ["xfile.bin.01234567.tmp", ".file.bin.012345678.tmp",
                                  ".file.bin.01234567.tmp.gz", ".xfile.bin.01234567.tmp"])
def test_only_a_temporary_of_the_same_file_is_cleared(old: Path, name: str) -> None:
    (old.parent / name).write_bytes(b"keep")
    with atomic_write(old) as file:
        file.write(b"new")
    assert leftovers(old) == [name]


@POSIX
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks(
    old: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Files are written; a temporary whose writer may be alive stays."""

    def refuse(descriptor: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    living = temporary_of(old, "01234567")
    with atomic_write(old) as file:
        file.write(b"new")
    assert old.read_bytes() == b"new" and leftovers(old) == [living.name]
    with locks.locked(old.with_name("lock")):
        assert not locks.is_held(old.with_name("lock"))


@POSIX
def test_other_errors_of_a_lock_are_not_hidden(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: object, operation: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(locks.fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output error"), locks.locked(old):
        pass
