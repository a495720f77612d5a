"""Pickles that mean harm: every length, key, copy and count is looked at before it is believed."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import tracemalloc
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossmodal.data import pickle_machine, safe_pickle
from crossmodal.data.errors import DataError
from crossmodal.data.safe_pickle import BadPickle, UnsafePickle
from crossmodal.data.views import open_views
from crossmodal.runtime import limits

MIB = 2**20
CODECS = b"\x80\x04c_codecs\nencode\nq\x00"
ORDERED = b"\x80\x04ccollections\nOrderedDict\nq\x00"
ARRAY = b"\x80\x04cnumpy._core.multiarray\n_reconstruct\n)R(K\x01"
U1 = b"cnumpy\ndtype\n\x8c\x02u1\x85R"


def load(stream: bytes) -> Any:
    return safe_pickle.load(io.BytesIO(stream), "a.pkl")


def refusal(stream: bytes, most: int = 8 * MIB) -> str:
    """The message about a stream, which may take so many bytes of memory."""
    tracemalloc.start()
    try:
        with pytest.raises((BadPickle, UnsafePickle)) as error:
            load(stream)
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    text = str(error.value)
    assert text.startswith("a.pkl: ") and "\n" not in text and len(text) < 500
    return text


@pytest.mark.parametrize("code, form", [
    (b"\x96", "<Q"), (b"\x8e", "<Q"), (b"\x8d", "<Q"), (b"\x95", "<Q"), (b"\x8b", "<i"),
    (b"B", "<I"), (b"X", "<I"), (b"T", "<i")])
@pytest.mark.parametrize("claim", [1000, 6 * 2**30, 2**62])
def test_lengths_are_compared_with_what_is_left(code: bytes, form: str, claim: int) -> None:
    claim = min(claim, 2 ** (8 * struct.calcsize(form) - 1) - 1)
    refusal(b"\x80\x05" + code + struct.pack(form, claim) + b".")


@pytest.mark.parametrize("form", [b"T", b"\x8b"])
def test_negative_lengths(form: bytes) -> None:
    refusal(form + struct.pack("<i", -5) + b".")


@pytest.mark.parametrize("stream", [b"I%s\n.", b"L%sL\n.", b"F%s\n.", b"]p%s\n.", b"g%s\n."])
def test_numbers_that_are_texts_are_short(stream: bytes) -> None:
    refusal(stream % (b"1" * 100_000))


def test_a_number_that_cannot_be_printed() -> None:
    assert "an integer of 5000 bytes" in refusal(b"\x8b" + struct.pack("<i", 5000) + b"\1" * 5000)
    assert load(pickle.dumps(2**2000, 2)) == 2**2000


@pytest.mark.parametrize("stream", [b"]r\xff\xff\xff\xff.", b"]p99999999999\n.", b"]p-1\n."])
def test_places_in_the_memo_cost_nothing(stream: bytes) -> None:
    assert "it stores a value as number" in refusal(stream)


def test_a_sparse_memo_is_read() -> None:
    assert load(b"(]p7\nK\x01ah\x07t" + b"." + b" " * 8) == ([1], [1])
    assert "which it has not stored" in refusal(b"]p3\n0h\x02." + b" " * 9)


def nested_pairs(count: int) -> bytes:
    """A tuple of pairs of pairs ..., 2^count entries in all, as memo number `count`."""
    return b"\x80\x04)\x94" + b"".join(
        b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(count))


PAIRS = nested_pairs(60)


@pytest.mark.parametrize("stream", [
    PAIRS + b"}h<K\x01s.", PAIRS + b"}(h<K\x01u.", PAIRS + b"(h<K\x01d.",
    PAIRS + b"ccollections\nOrderedDict\n](h<K\x01\x86e\x85R.",
    b"\x80\x04}" + b"(" + b"K\x01" * 9 + b"tK\x01s.", b"\x80\x04}]K\x01s.",
    b"\x80\x04}cnumpy\ndtype\nK\x01s."])
def test_dict_keys_are_looked_at_before_they_are_hashed(stream: bytes) -> None:
    assert "a dict key that is" in refusal(stream)


def test_keys_that_are_data() -> None:
    tree = {"a": 1, b"b": 2, 3: 3, 2.5: 4, None: 5, ("chair", 1): 6, True: OrderedDict([(1, 2)])}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert load(pickle.dumps(tree, protocol)) == tree


def test_keys_whose_hashes_clash_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_machine, "CLASHING", 50)
    clashing = {(i + 1) * (2**61 - 1): None for i in range(200)}
    assert len({hash(key) for key in clashing}) == 1
    assert "more than 50 dict keys that are no texts" in refusal(pickle.dumps(clashing))
    assert len(load(pickle.dumps({i: None for i in range(1000)}))) == 1000
    assert len(load(pickle.dumps({i: None for i in range(1, 1001)}))) == 1000
    many = [{10 * i: i for i in range(50)}] * 3 + [{10 * i: i for i in range(50)}]
    assert load(pickle.dumps(many)) == many


@pytest.mark.parametrize("stream", [b"\x80\x04\x8f.", b"\x80\x04(K\x01\x91.",
                                    pickle.dumps({1, 2}), pickle.dumps(frozenset([1]))])
def test_sets_are_no_data(stream: bytes) -> None:
    assert "set" in refusal(stream)


@pytest.mark.parametrize("stream", [b"]" * 50_000 + b".", b"](" + b"}" * 50_000 + b"e.",
                                    b"(" * 50_000 + b".", b"K\1" + b"\x85" * 50_000 + b".",
                                    b"](" + b"]\x94" * 40_000 + b"e.", b"N" * 90_000 + b"."])
def test_the_number_of_values_is_limited(stream: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANY_FILE", 10 * MIB)
    assert "--max-memory" in refusal(stream, 16 * MIB)


@pytest.mark.parametrize("head, unit", [
    (CODECS + b"X" + struct.pack("<I", 100_000) + b"a" * 100_000 + b"\x85q\x01](", b"h\0h\1R"),
    (ORDERED + b"](" + b"\x8c\x01aK\x01\x86" * 1000 + b"e\x85q\x01](", b"h\0h\1R"),
    (ARRAY + b"J" + struct.pack("<i", 100_000) + b"\x85" + U1 + b"K\0T"
     + struct.pack("<i", 100_000) + b"a" * 100_000 + b"tq\x01](", ARRAY[2:-3] + b"h\1b")])
def test_copies_of_one_thing_are_counted(
        head: bytes, unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANY_FILE", 4 * MIB)
    monkeypatch.setattr(limits, "RATIO", 1)
    assert "--max-memory" in refusal(head + unit * 5000 + b"e.", 16 * MIB)


@pytest.mark.parametrize("shape", [b"K\x01" * 1000, (b"\x8a\xf0" + b"\x01" * 240) * 50,
                                   b"J\xff\xff\xff\xff", b"G" + bytes(8)])
def test_shapes_that_no_array_has(shape: bytes) -> None:
    assert "shape" in refusal(ARRAY + b"(" + shape + b"t" + U1 + b"K\x00C\x01atb.")


@pytest.mark.parametrize("stream", [
    b"0.", b"1.", b"2.", b"t.", b"(1.", b"(0t.", b"\x86.", b"e.", b"u.", b"}(K\1u.", b"]K\1K\2s.",
    b"K\1]a.", b"(i.", b"o.", b"(o.", b"R.", b"]b.", b"K\1Nb.", b"NN\x93.", b"h\0.", b"\x97.",
    b"\x82\1.", b"\x83\1\0.", b"\x84\1\0\0\0.", b"\x90.", b"\x92.", b"\xff.", b".", b"",
    b"cnumpy\ndtype\nN\x85R.", b"cnumpy\ndtype\n(tR.", b"ccollections\nOrderedDict\nK\1\x85R.",
    b"ccollections\nOrderedDict\n](K\1ae\x85R.", b"S'x\n.", b"X\1\0\0\0\xff.", b"V\\u1\n."])
def test_tricks_with_the_stack(stream: bytes) -> None:
    refusal(stream)


def test_names_in_messages_are_short() -> None:
    assert "'aaa" in refusal(b"c" + b"a" * MIB + b"\nb\n.")
    assert "\x1b" not in refusal(b"cnumpy\n\x1b[2J\n.")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pkl")
    with pytest.raises(BadPickle, match=r"a\.pkl: cannot be read: is a pipe or a device"):
        safe_pickle.load(tmp_path / "a.pkl")


def test_large_files_are_read_as_they_were() -> None:
    floats = np.arange(1_000_000) / 3
    assert load(pickle.dumps(floats.tolist(), 4)) == floats.tolist()
    arrays = {f"a{i}": np.full(50, i, np.uint8) for i in range(20_000)}
    found = load(pickle.dumps(arrays, 2))
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def test_a_list_of_shapes_that_is_one_dict_again_and_again(tmp_path: Path) -> None:
    instances = {f"i{n}": None for n in range(1000)}
    tree = {f"c{n}": instances for n in range(1000)}
    (tmp_path / "rendering.pkl").write_bytes(pickle.dumps(tree))
    with pytest.raises(DataError, match=r"rendering\.pkl: the list of its 1000000 shapes would"):
        open_views(tmp_path / "rendering")


@pytest.mark.parametrize("stream", [
    b"]" * 5000 + b"a" * 4999 + b".", b"K\1" + b"\x85" * 5000 + b".",
    b"\x80\x04](" + b"]\x94" + b"".join(b"(j" + struct.pack("<I", i) + b"l\x94"
                                         for i in range(5000)) + b"e."])
def test_depth_is_limited_whatever_python_allows(stream: bytes) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)  # as Jittor does
    try:
        assert "nested too deeply" in refusal(stream)
    finally:
        sys.setrecursionlimit(before)
