"""Repair of a cache in which a build was interrupted."""

from __future__ import annotations

import os
import struct
import threading
import time
from pathlib import Path

import pytest

from crossmodal.runtime import half_built

WHOLE = struct.pack(
    "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, 1, 0
) + bytes(64)
STUMP = WHOLE[:-1]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with whole files in it."""
    for name in ("jittor_core.so", "obj_files/a.cc.o", "jit/op.so", "custom_ops/mkl.so"):
        put(tmp_path / name, WHOLE)
    return tmp_path


def put(path: Path, content: bytes, age: float = 1000, key: bool = True) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age,) * 2)
    if key:
        path.with_name(path.name + ".key").write_text("g++ ...")
    return path


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_whole_cache_is_left_alone(cache: Path) -> None:
    before = names(cache)
    assert half_built.remove_stumps(cache) == []
    assert names(cache) == before


@pytest.mark.parametrize("name", ["jittor_core.so", "obj_files/a.cc.o", "jit/op.so"])
def test_a_stump_goes_with_its_key_and_nothing_else(cache: Path, name: str) -> None:
    before = names(cache)
    stump = put(cache / name, STUMP)
    assert half_built.remove_stumps(cache) == [stump]
    assert names(cache) == before - {name, name + ".key"}


def test_an_empty_file_is_a_stump(cache: Path) -> None:
    assert half_built.remove_stumps(put(cache / "jit/op.so", b"").parent) != []


def test_without_a_key_jittor_compiles_anyway(cache: Path) -> None:
    put(cache / "jit/new.so", STUMP, key=False)
    assert half_built.remove_stumps(cache) == []


def test_the_helper_library_is_loaded_before_its_key_is_read(cache: Path) -> None:
    stump = put(cache / "jit_utils_core.cpython-311.so", STUMP, key=False)
    assert half_built.remove_stumps(cache) == [stump]


def test_what_is_just_being_written_is_waited_for(cache: Path) -> None:
    path = put(cache / "jit/op.so", STUMP, age=0)
    writer = threading.Timer(0.3, lambda: path.write_bytes(WHOLE))
    writer.start()
    assert half_built.remove_stumps(cache, settled_seconds=5) == []
    writer.join()
    assert path.read_bytes() == WHOLE


def test_what_stays_unfinished_is_removed_in_the_end(cache: Path) -> None:
    path = put(cache / "jit/op.so", STUMP, age=0)
    assert half_built.remove_stumps(cache, settled_seconds=0.4) == [path]


def test_no_cache_yet(tmp_path: Path) -> None:
    assert half_built.remove_stumps(tmp_path / "nothing") == []
