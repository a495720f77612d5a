"""Arrays of every type and layout go into Jittor and come out of it as NumPy has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crossmodal.runtime import jt

Layout = Callable[[np.ndarray], np.ndarray]

WHOLE = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
         "longlong", "ulonglong"]
REAL = ["float16", "float32", "float64", "longdouble"]
NARROWED = {"float64": "float32", "int64": "int32", "uint64": "int32"}  # jt.array's, in C order
GIB = 2**30


def unaligned(array: np.ndarray) -> np.ndarray:
    """At an odd address, as a field of a packed record is."""
    place = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    place[...] = array
    return place


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS: dict[str, Layout] = {
    "C": np.copy,
    "Fortran": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.transpose(2, 0, 1)).transpose(1, 2, 0),
    "strided": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 2)[::2, :, ::3],
    "negative strides": lambda a: a[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "read-only": read_only,
    "unaligned": unaligned,
    "0-d": lambda a: a[1, 2, 3:4].reshape(()),
    "a number a row": lambda a: a[:, :1, :1],
    "empty": lambda a: a[:, :0],
    "empty strided": lambda a: a[:, ::2][:, :0],
}


def numbers(kind: str) -> np.ndarray:
    """(2, 3, 4): the largest and smallest there are in 32 bits, and some between."""
    dtype = np.dtype(kind)
    flat = np.arange(24) % 7
    if dtype.kind == "f":
        values = ((flat - 3) * 1.37).astype(dtype)
        values[[0, 5]] = np.finfo(np.float16).max, np.finfo(np.float16).tiny
    else:
        values = flat.astype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype if dtype.itemsize < 8 else np.int32)
        values[[0, 5]] = limits.max, max(limits.min, np.iinfo(dtype).min)
    return values.reshape(2, 3, 4)


@pytest.mark.parametrize("byte_order", ["native", "swapped"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", [*WHOLE, *REAL])
def test_in_and_out(kind: str, layout: str, byte_order: str) -> None:
    array = LAYOUTS[layout](numbers(kind))
    if byte_order == "swapped":
        array = array.astype(array.dtype.newbyteorder("S"), order="K")
    var = jt.array(array)
    found = var.numpy()
    expected = np.atleast_1d(array)  # Jittor knows no arrays without a dimension
    assert found.shape == tuple(var.shape) == expected.shape
    assert found.dtype == np.dtype(str(var.dtype)) and found.flags.c_contiguous
    np.testing.assert_array_equal(found, expected.astype(found.dtype))
    np.testing.assert_array_equal(var.data, found)
    wide = {8: np.dtype(kind).newbyteorder("="), 16: np.dtype(np.float64)}
    wanted = wide.get(np.dtype(kind).itemsize, np.dtype(kind))
    assert str(var.dtype) in (wanted.name, NARROWED.get(wanted.name))


@pytest.mark.parametrize("kind", ["float64", "int64", "uint64"])
def test_a_type_asked_for_is_kept(kind: str) -> None:
    array = numbers(kind)
    for layout in ("C", "Fortran", "strided"):
        found = jt.array(LAYOUTS[layout](array), dtype=kind).numpy()
        assert found.dtype == np.dtype(kind)
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("kind", ["complex64", "complex128", "datetime64[s]", "U3", "S3", "object"])
def test_what_jittor_has_no_type_for_is_an_error(kind: str) -> None:
    for layout in (np.copy, np.asfortranarray):
        with pytest.raises(RuntimeError, match="(?i)not support"):
            jt.array(layout(np.ones((2, 3)).astype(kind)))


def test_records_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="(?i)not support"):
        jt.array(np.zeros(3, dtype=[("x", "f4"), ("y", "i4")]))


@pytest.mark.parametrize("data", [
    3, 2.5, True, [1, 2], [[1.5, 2.5], [3.5, 4.5]], (1, 2), [True, False],
    np.float32(2.5), np.float64(2.5), np.int64(3), np.uint8(3), np.float16(2.5)])
def test_numbers_and_lists(data: object) -> None:
    np.testing.assert_array_equal(jt.array(data).numpy(), np.atleast_1d(data))


@pytest.mark.parametrize("index", [
    np.int8(-2), np.uint8(3), np.int16(3), np.int32(3), np.int64(-1), np.uint64(3)])
def test_a_number_of_numpys_as_an_index(index: np.integer) -> None:
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    array = np.concatenate([array, array + 100])
    np.testing.assert_array_equal(jt.array(array)[index].numpy(), np.atleast_1d(array[index]))
    column = type(index)(int(index) % 3)
    np.testing.assert_array_equal(jt.array(array)[1:, column].numpy(), array[1:, column])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_beside_a_var(layout: str) -> None:
    array = LAYOUTS[layout](numbers("float32"))
    ones = np.ones(np.atleast_1d(array).shape, np.float32)
    np.testing.assert_array_equal((jt.array(ones) + array).numpy(), ones + array)


@pytest.mark.parametrize("layout", ["C", "Fortran", "transposed", "strided", "negative strides"])
def test_assigned(layout: str) -> None:
    array = LAYOUTS[layout](numbers("float32"))
    var = jt.zeros(array.shape)
    var.assign(array)
    np.testing.assert_array_equal(var.numpy(), array)


@pytest.mark.parametrize("layout", ["C", "Fortran", "negative strides", "empty"])
def test_fetched_together(layout: str) -> None:
    arrays = [LAYOUTS[layout](numbers(kind)) for kind in ("float32", "uint8", "bool")]
    for array, found in zip(arrays, jt.fetch_sync([jt.array(array) for array in arrays])):
        np.testing.assert_array_equal(found, array)


def test_what_goes_in_is_a_copy() -> None:
    for layout in LAYOUTS.values():
        array = layout(numbers("float32"))
        before, var = array.copy(), jt.array(array)
        if array.flags.writeable:
            array[...] = -1
        np.testing.assert_array_equal(var.numpy(), np.atleast_1d(before))


def free_memory() -> int:
    """Bytes that may still be used; 0 where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


@pytest.mark.skipif(free_memory() < 12 * GIB, reason="needs 12 GiB of free memory")
def test_more_than_2_gib() -> None:
    array = np.zeros((2, GIB + 5), np.uint8)
    marks = [(0, 0), (0, GIB + 4), (1, 0), (1, 17), (1, GIB - 2), (1, GIB + 4)]
    for number, place in enumerate(marks, start=1):
        array[place] = number
    found = jt.array(array).numpy()
    assert found.shape == array.shape and not found[:, 1:-7:4096].any()
    assert [int(found[place]) for place in marks] == [1, 2, 3, 4, 5, 6]
    del found
    jt.gc()
