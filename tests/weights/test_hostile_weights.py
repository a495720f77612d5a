"""Files of weights that mean harm: what all tensors take is known before any is made."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_files import Tensor, legacy_file, whole, zip_file

from crossmodal.data.safe_pickle import UnsafePickle
from crossmodal.runtime import limits
from crossmodal.weights.convert import convert
from crossmodal.weights.errors import WeightsError
from crossmodal.weights.read import read_weights
from crossmodal.weights.safetensors_file import read_metadata

MIB = 2**20
NUMBERS = np.arange(MIB, dtype=np.float32)


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file of n bytes: 16 MiB and 16 n."""
    monkeypatch.setattr(limits, "ANY_FILE", 16 * MIB)


def entry(begin: int, end: int, shape: Any, kind: Any = "F32") -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


def safetensors(table: Any, data: bytes = b"") -> bytes:
    header = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(header)) + header + data


def refusal(path: Path, content: bytes, most: int = 40 * MIB) -> str:
    """The message about a file, which may take so many bytes of memory."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises((WeightsError, UnsafePickle)) as error:
            read_weights(path)
        assert tracemalloc.get_traced_memory()[1] < most + 2 * len(content)
    finally:
        tracemalloc.stop()
    text = str(error.value)
    assert text.startswith(str(path)) and "\n" not in text
    assert len(text) < len(str(path)) + 500
    return text


@pytest.mark.parametrize("table, what", [
    ({"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, "'a' and 'b' share bytes"),
    ({f"t{i}": entry(0, 8, [4], "BF16") for i in range(3)}, "share bytes"),
    ({"a": entry(0, 400, [100])}, "ends after the file"),
    ({"a": entry(0, 2**62, [2**60])}, "ends after the file"),
    ({"a": entry(-4, 0, [1])}, "no number"), ({"a": entry(0, 4, [1.0])}, "no number"),
    ({"a": entry(0, 4, [1] * 100)}, "no number"), ({"a": entry(0, 4, "1")}, "no number"),
    ({"a": entry(0, 4, [True])}, "no number"), ({"a": entry(0, 4, [2**70, 0])}, "no number"),
    ({"a": entry(0, 4, [1], ["F32"])}, "unknown type"),
    ({"a": entry(0, 4, [1], "x" * 100_000)}, "unknown type"),
    ({"n" * 100_000: entry(0, 8, [1])}, "does not fill"), ({"a": []}, "not a table"),
    ({"a": {"dtype": "F32"}}, "no number"), ([], "not a table"),
    ({"__metadata__": [1]}, "__metadata__ is"), ({"__metadata__": {"a": [[1]]}}, "no text"),
    (b"[" * 100_000, "nested too deeply"), (b'{"a":' + b"1" * 100_000 + b"}", "not json")])
def test_headers_of_safetensors(tmp_path: Path, table: Any, what: str) -> None:
    assert what in refusal(tmp_path / "a.safetensors", safetensors(table, bytes(16)))


def test_metadata_of_any_shape(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors({"__metadata__": {"a": "b", "n": 1}, "w": entry(0, 4, [1])},
                                 bytes(4)))
    assert read_metadata(path) == {"a": "b", "n": "1"} and list(read_weights(path)) == ["w"]
    path.write_bytes(safetensors({"__metadata__": 3}))
    with pytest.raises(WeightsError, match=r"a\.safetensors: __metadata__ is 3"):
        read_metadata(path)


def test_millions_of_tiny_tensors(tmp_path: Path) -> None:
    table = {f"t{i}": entry(0, 0, [0]) for i in range(10_000)}
    assert "its 10000 tensors would take" in refusal(tmp_path / "a.safetensors",
                                                     safetensors(table))


def test_a_header_of_many_small_values(tmp_path: Path) -> None:
    header = b'{"a":[' + b"[]," * 2_000_000 + b"0]}"
    assert "its header would take" in refusal(tmp_path / "a.safetensors", safetensors(header))


@pytest.mark.parametrize("count, kind", [(100, "<f4"), (100, "<f8"), (100, "<u2"), (100, "<i8"),
                                         (70, "<f2")])
def test_many_views_of_one_storage(tmp_path: Path, count: int, kind: str) -> None:
    data = (NUMBERS[:MIB // 4] % 9).astype(kind)
    first = Tensor("t", data, (len(data),), (1,))
    pickled = zip_file([first])
    with zipfile.ZipFile(io.BytesIO(pickled)) as archive:
        body = archive.read("archive/data.pkl")
    start, end = body.index(b"X\x01\0\0\0t"), body.index(b"u}X")
    one = body[start + 6:end]
    names = b"".join(b"X\x04\0\0\0" + b"%04d" % i + one for i in range(count))
    tree = body[:start] + names + body[end:]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", tree)
        archive.writestr("archive/data/0", data.tobytes())
    assert "--max-memory" in refusal(tmp_path / "a.pth", content.getvalue())


def test_tied_weights_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": NUMBERS, "b": NUMBERS, "c": NUMBERS.reshape(2, -1)}, 4))
    found = read_weights(path)
    assert all(np.array_equal(array.reshape(-1), NUMBERS) for array in found.values())


@pytest.mark.parametrize("size, stride", [((10**5, 10**5), (0, 0)), ((1,) * 65, (1,) * 65)])
def test_repeated_numbers(tmp_path: Path, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
    refusal(tmp_path / "a.pth", zip_file([Tensor("t", NUMBERS[:4], size, stride)]))


@pytest.mark.parametrize("kind", [b"f2", b"f4", b"f8", b"i4"])
def test_many_arrays_on_the_same_bytes(tmp_path: Path, kind: bytes) -> None:
    size = MIB
    stream = (b"\x80\x04cnumpy._core.numeric\n_frombuffer\nq\0(B" + struct.pack("<I", size)
              + bytes(size) + b"cnumpy\ndtype\n\x8c\x02" + kind + b"\x85RJ"
              + struct.pack("<i", size // int(kind[1:])) + b"\x85\x8c\x01Ctq\1}("
              + b"".join(b"\x8c\x04" + b"%04d" % i + b"h\0h\1R" for i in range(200)) + b"u.")
    assert "its 200 tensors as float32 would take" in refusal(tmp_path / "a.pkl", stream)


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def npy(count: int, data: bytes) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False,
                                                "shape": (count,)})
    return file.getvalue() + data


def test_small_archives_of_large_arrays(tmp_path: Path) -> None:
    zeros = bytes(4 * MIB)
    assert "--max-memory" in refusal(tmp_path / "a.npz", packed(
        {f"{i}.npy": npy(2 * MIB, zeros) for i in range(8)}))
    half = packed({f"{i}.npy": npy(2 * MIB, zeros) for i in range(3)})
    assert "as float32" in refusal(tmp_path / "a.npz", half)
    tree = zip_file([whole(str(i), np.zeros(4 * MIB, np.uint8)) for i in range(8)])
    with zipfile.ZipFile(io.BytesIO(tree)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert "the 8 storages in it" in refusal(tmp_path / "a.pth", packed(members))
    assert "'a/data.pkl' in it would take" in refusal(
        tmp_path / "a.pth", packed({"a/data.pkl": bytes(40 * MIB)}))


def test_methods_that_take_memory_themselves(tmp_path: Path) -> None:
    content = packed({"a/data.pkl": pickle.dumps({})}, zipfile.ZIP_BZIP2)
    assert "packed by method 12" in refusal(tmp_path / "a.pth", content)
    content = packed({"a.npy": npy(0, b"")}, zipfile.ZIP_BZIP2)
    assert "packed by method 12" in refusal(tmp_path / "a.npz", content)


def test_claims_of_storages(tmp_path: Path) -> None:
    good = zip_file([whole("w", NUMBERS[:9])])
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        body = archive.read("archive/data.pkl").replace(b"J\x09\0\0\0tQ", b"J\x63\0\0\0tQ")
    content = packed({"a/data.pkl": body, "a/data/0": NUMBERS[:9].tobytes()})
    assert "has 36 bytes and claims 99 numbers" in refusal(tmp_path / "a.pth", content)
    content = packed({"a/data.pkl": body})
    assert "its storage '0' is not in it" in refusal(tmp_path / "a.pth", content)


@pytest.mark.parametrize("count", [-1, 10, 2**40, 2**62])
def test_claims_of_the_older_stream(tmp_path: Path, count: int) -> None:
    good = legacy_file([whole("w", NUMBERS[:9])])
    lying = good.replace(struct.pack("<q", 9), struct.pack("<q", count))
    assert lying != good
    refusal(tmp_path / "a.pth", lying)


def test_wrappers_around_one_large_dict(tmp_path: Path) -> None:
    tree: Any = {str(i): i for i in range(2000)}
    for _ in range(3):  # 12^3 ways to it
        tree = dict.fromkeys(("state_dict", "model", "net", "network", "model_state_dict",
                              "module", "params", "weights", "model_ema", "ema"), tree)
    assert "no tensors in it" in refusal(tmp_path / "a.pkl", pickle.dumps(tree))


@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".safetensors", ".npz"])
@pytest.mark.parametrize("content, what", [
    (b"# settings\ndata:\n  views: 12\n", "this is a text"), (b'{"a": 1}', "this is a text"),
    (b"epoch: 3\n" * 200, "this is a text"), (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG picture"),
    (b"\xff\xd8\xff\xe0" + bytes(99), "a JPEG picture"), (b"\x7fELF" + bytes(99), "a program"),
    (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"), (b"", "the file is empty (0 bytes)")])
def test_what_stands_in_the_place_of_weights(
        tmp_path: Path, suffix: str, content: bytes, what: str) -> None:
    assert what in refusal(tmp_path / f"a{suffix}", content)


@pytest.mark.parametrize("tree", [{"a": 1}, [1], "name: x", 3, 2.5, None, (1, 2)])
def test_a_pickle_of_texts_is_called_no_text(tmp_path: Path, tree: Any) -> None:
    assert "this is" not in refusal(tmp_path / "a.pkl", pickle.dumps(tree, 0))


@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".safetensors", ".npz"])
def test_folders_and_pipes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.mkdir()
    with pytest.raises(WeightsError, match=f"a{suffix}: cannot be read: is a folder"):
        read_weights(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / f"b{suffix}")
        with pytest.raises(WeightsError, match=f"b{suffix}: cannot be read: is a pipe"):
            read_weights(tmp_path / f"b{suffix}")


def test_a_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(safetensors({"a": entry(0, 400, [100])}))
    with pytest.raises(WeightsError):
        convert(tmp_path / "a.safetensors", tmp_path / "out" / "b.safetensors")
    assert not (tmp_path / "out").exists()
