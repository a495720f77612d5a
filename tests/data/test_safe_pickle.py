"""Numbers and arrays come through whole; anything that could run code is refused unrun."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.data import safe_pickle
from crossmodal.data.safe_pickle import BadPickle, UnsafePickle


def through(value: Any, protocol: int) -> Any:
    return safe_pickle.load(io.BytesIO(pickle.dumps(value, protocol)))


def same(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and one.shape == two.shape and np.array_equal(one, two)
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[k], two[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two))
    return bool(one == two)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_released_kind_of_file(protocol: int) -> None:
    rng = np.random.default_rng(0)
    value = {"bed": {"IKEA_1": rng.integers(0, 256, (12, 8, 8), dtype=np.uint8)},
             "sofa": OrderedDict(x=rng.normal(size=(3, 2)), y=np.asfortranarray(np.eye(3)[:2])),
             "more": [1, 2.5, None, True, "é", (np.float32(2), np.arange(0)), b"ab"]}
    assert same(value, through(value, protocol))


@pytest.mark.parametrize("dtype", ["u1", "<i8", ">f4", "f2", "?", "c8"])
def test_number_types_and_byte_orders(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    assert same(array, through(array, 4))


def test_numpy_2_module_names() -> None:
    array = np.arange(6, dtype=np.float32)
    data = pickle.dumps(array, 2).replace(b"numpy.core", b"numpy._core")
    assert b"numpy._core" in data
    assert same(array, safe_pickle.load(io.BytesIO(data)))


def test_what_is_shared_is_made_once() -> None:
    nested: list[Any] = [np.arange(3)]
    for _ in range(200):  # 2^200 entries, for a reader that makes each of them
        nested = [nested, nested]
    found = through(nested, 4)
    for _ in range(200):
        assert found[0] is found[1]
        found = found[0]
    assert np.array_equal(found[0], np.arange(3))


def test_what_contains_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(BadPickle, match="contains itself"):
        through(ring, 4)


def test_a_python_2_pickle() -> None:
    # Protocol 2, array bytes as a Python 2 `str` (SHORT_BINSTRING), key as `str`.
    data = (b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b"
            b"\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
            b"J\xff\xff\xff\xffK\x00tb\x89U\x02\xfe\x07tbs.")
    assert same({"a": np.array([254, 7], np.uint8)}, safe_pickle.load(io.BytesIO(data)))


class Runs:
    """Pickles into a call of `function` with `arguments`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_hostile_pickle_is_refused_and_nothing_runs(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "ran"
    for call in (Runs(os.system, f"touch {marker}"), Runs(open, str(marker), "w"),
                 Runs(eval, f"open({str(marker)!r}, 'w')"), Runs(os.mkdir, str(marker))):
        path = tmp_path / "hostile.pkl"
        path.write_bytes(pickle.dumps({"bed": {"a": call}}, protocol))
        with pytest.raises(UnsafePickle, match="hostile.pkl.*refused"):
            safe_pickle.load(path)
        assert not marker.exists()


@pytest.mark.parametrize(
    "stream",
    [
        b"cnumpy.core.multiarray\n_reconstruct\n}(S'x'\nI1\nub.",  # set an attribute of a function
        b"cnumpy\ndtype\nN}(S'__call__'\nI1\nu\x86b.",  # the same through slots
        b"cbuiltins\ngetattr\n.",
        b"cnumpy.core.multiarray\nfromstring\n.",
        b"cnumpy\nload\n.",
        b"cnumpy\nndarray\n.",
        b"\x80\x02cnumpy\ndtype\n)\x81.",  # NEWOBJ
        b"S'id'\nP0\n.",
        b"Pfile\n.",
    ],
)
def test_tricks_are_refused(stream: bytes) -> None:
    with pytest.raises((UnsafePickle, BadPickle)):
        safe_pickle.load(io.BytesIO(stream))


@pytest.mark.parametrize(
    "array",
    [
        np.array([{"a": 1}], dtype=object),
        np.zeros(2, dtype=[("a", "f4"), ("b", "O")]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
)
def test_arrays_of_other_things_are_refused(array: np.ndarray) -> None:
    with pytest.raises(UnsafePickle):
        through(array, 4)


def test_array_with_too_few_bytes() -> None:
    data = pickle.dumps(np.zeros(100, np.uint8), 2)
    shorter = data.replace(b"Kd\x85", b"Ke\x85")
    assert shorter != data
    with pytest.raises(BadPickle, match="101"):
        safe_pickle.load(io.BytesIO(shorter))


def test_truncated_and_empty_files_are_named(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": np.zeros((4, 4))}, 4)
    for length in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        path = tmp_path / f"cut{length}.pkl"
        path.write_bytes(whole[:length])
        with pytest.raises(BadPickle, match=path.name):
            safe_pickle.load(path)


def test_self_reference_is_an_error() -> None:
    loop: list = []
    loop.append(loop)
    with pytest.raises(BadPickle):
        through(loop, 4)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_noise_never_raises_anything_else(data: bytes) -> None:
    with contextlib.suppress(UnsafePickle, BadPickle):
        safe_pickle.load(io.BytesIO(data))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_flipped_byte_never_raises_anything_else(position: int, byte: int) -> None:
    data = bytearray(pickle.dumps({"a": {"b": np.arange(6, dtype=np.float32)}}, 2))
    data[position % len(data)] = byte
    with contextlib.suppress(UnsafePickle, BadPickle):
        safe_pickle.load(io.BytesIO(bytes(data)))


def test_the_hand_written_streams_are_pickles() -> None:
    assert list(pickletools.genops(b"cnumpy\nload\n."))
