"""Files that may be anything."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from crossmodal.runtime.limits import VARIABLE, TooLarge
from crossmodal.runtime.safe_files import (
    is_file,
    open_regular,
    parse_json,
    read_json,
    read_member,
    read_npy,
    read_npz,
    read_text,
)


@pytest.fixture(autouse=True)
def no_limit_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def npy_of(shape: tuple[int, ...], kind: str = "<f8", data: bytes = b"") -> bytes:
    """An .npy that claims a shape, whatever its data."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue() + data


def test_only_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("pipe", "pipe or a device"), (".", "is a folder"), ("no", "No such")):
        with pytest.raises(OSError, match=reason):
            open_regular(tmp_path / name)


@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.float32(3),
    np.empty((0, 4)), np.array(["a", "bc"]), np.array([True]), np.arange(3, dtype=">i2")],
    ids=["C", "Fortran", "scalar", "empty", "texts", "truth", "big end"])
def test_arrays_come_back_as_numpy_reads_them(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", a=array, b=array)
    found = [read_npy(tmp_path / "a.npy"), read_npy(tmp_path / "a.npy", mapped=True),
             read_npz(tmp_path / "a.npz")["b"], read_npz(tmp_path / "a.npz", ["a"])["a"]]
    for one in found:
        np.testing.assert_array_equal(one, array)
        assert one.dtype == array.dtype and one.shape == np.shape(array)
    assert found[0].flags.writeable and found[2].flags.writeable
    assert set(read_npz(tmp_path / "a.npz", ["a", "c"])) == {"a"}


@pytest.mark.parametrize("data", [
    npy_of((2**50,)), npy_of((3, 2**60)), npy_of((-1, 8)), npy_of((10,), data=bytes(79)),
    npy_of((1,), "|O", bytes(8)), npy_of((2**60,), "|S0"), npy_of((2, 2), "V8", bytes(32)),
    b"", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x03\x00" + bytes(100), b"no array at all"])
def test_claims_of_arrays_are_not_believed(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", data)
    tracemalloc.start()
    for read in (read_npy, lambda path: read_npy(path, mapped=True)):
        with pytest.raises(ValueError) as caught:
            read(tmp_path / "a.npy")
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError):
        read_npz(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_zip_bomb_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "abcd":
            archive.writestr(f"{name}.npy", npy_of((10 * 2**20,), data=bytes(80 * 2**20)))
    with pytest.raises(TooLarge, match=r"4 arrays in it would take 320\.0 MiB"):
        read_npz(tmp_path / "a.npz")
    assert len(read_npz(tmp_path / "a.npz", ["a"])["a"]) == 10 * 2**20
    with zipfile.ZipFile(tmp_path / "a.npz") as archive, pytest.raises(TooLarge):
        monkeypatch.setenv(VARIABLE, str(64 * 2**20))
        read_member(archive, "a.npy", 1000)


@pytest.mark.parametrize("cut", [100, 200, 300])
def test_torn_archives(tmp_path: Path, cut: int) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.random.default_rng(0).random(1000))
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[:-cut])
    with pytest.raises(ValueError):
        read_npz(tmp_path / "a.npz")
    torn = bytearray(data)
    torn[cut] ^= 255
    (tmp_path / "a.npz").write_bytes(torn)
    with pytest.raises(ValueError):
        read_npz(tmp_path / "a.npz")


def test_rare_kinds_of_packing_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", npy_of((1,), data=bytes(8)))
    with pytest.raises(ValueError, match="packed by method 14"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"[1,", b"", b"\xff\xfe[1]",
                                  b"[" + b"9" * 10_000 + b"]"])
def test_json_that_is_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(ValueError) as caught:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("header", [
    b"{'descr': ((((", b"-" * 6000 + b"1", b"\tif 1:\n  2\n 3", b"{[]: 1}",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}",
    b"{'descr': '<U1000000000', 'fortran_order': False, 'shape': (0,)}"])
def test_headers_that_numpy_fails_on(tmp_path: Path, header: bytes) -> None:
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1)
    (tmp_path / "a.npy").write_bytes(start + header + b"\n" + bytes(8))
    with pytest.raises(ValueError) as caught:
        read_npy(tmp_path / "a.npy")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_is_file_of_names_that_no_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert is_file(tmp_path / "a") and not is_file(tmp_path)
    assert not any(is_file(tmp_path / name) for name in ("a\0b", "x" * 300, "\ud800", "b"))


def test_json_and_texts(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "a.json") == {"a": 1}
    with pytest.raises(TooLarge, match="11 bytes; at most 5 bytes"):
        read_text(tmp_path / "a.json", 5)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 600 + "]" * 600])
def test_the_depth_of_json_is_limited_whatever_python_allows(text: str) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)  # as Jittor does: deeper texts would end the process
    try:
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_json(text)
        flat = ["[" * 1000 + '\\"[{', *([] for _ in range(1000))]
        assert parse_json(json.dumps(flat)) == flat
    finally:
        sys.setrecursionlimit(before)
