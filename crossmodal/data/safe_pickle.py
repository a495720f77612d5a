"""Reads other people's pickles of numbers and arrays without ever running code from them.

Only dicts, lists, tuples, strings, numbers and numpy arrays of numbers come out. Every class a
pickle asks for is looked up in an allow-list of inert stand-ins below; numpy itself never sees the
pickle's state, because ``dtype.__setstate__`` and ``ndarray.__setstate__`` trust it.
"""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any, BinaryIO, Callable, Literal

import numpy as np


class UnsafePickle(ValueError):
    """The pickle asks for something that is not on the allow-list; nothing of it was run."""


class BadPickle(ValueError):
    """The file is not a complete pickle of what was expected."""


class DtypeStandIn:
    """What the pickle says about a dtype; only plain numbers and fixed strings are accepted."""

    def __init__(self, code: Any = None, align: Any = False, copy: Any = False) -> None:
        self.code = code if isinstance(code, str) else _text(code)
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        order = _text(order) if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise UnsafePickle(f"dtype with byte order {order!r}")
        self.order = order

    def resolve(self) -> np.dtype:
        if len(self.code) > 4 or self.code[:1] not in tuple("biufcSU"):
            raise UnsafePickle(f"array of type {self.code!r}; only numbers are read")
        try:
            return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]
        except TypeError as error:
            raise BadPickle(f"unknown array type {self.code!r}") from error


class ArrayStandIn:
    """An array as the pickle describes it; becomes a real one in `realise`."""

    def __init__(self) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise BadPickle("array state is not (version, shape, dtype, order, bytes)")
        _, shape, dtype, fortran, data = state
        self.array = _array(data, dtype, shape, "F" if fortran else "C")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin1")
    raise UnsafePickle(f"expected a name, found {type(value).__name__}")


def _array(data: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> np.ndarray:
    """A read-only array over `data`, after checking that the sizes agree."""
    if isinstance(data, str):
        data = data.encode("latin1")
    sizes_fit = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not isinstance(dtype, DtypeStandIn) or not isinstance(data, (bytes, bytearray)):
        raise UnsafePickle("array without plain bytes and dtype (object arrays are refused)")
    kind = dtype.resolve()
    if not sizes_fit or math.prod(shape) * kind.itemsize != len(data):
        raise BadPickle(f"array of shape {shape} and type {kind} with {len(data)} bytes")
    flat = np.frombuffer(data, kind) if len(data) else np.empty(0, kind)
    return flat.reshape(shape, order=order)


def _reconstruct(*_: Any) -> ArrayStandIn:
    return ArrayStandIn()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> ArrayStandIn:
    made = ArrayStandIn()
    made.array = _array(data, dtype, shape, "F" if order == "F" else "C")
    return made


def _scalar(dtype: Any, data: Any = b"") -> Any:
    return _array(data, dtype, (), "C").item()


def _jittor_var(data: Any, *_: Any) -> ArrayStandIn:
    if not isinstance(data, ArrayStandIn):
        raise UnsafePickle("a Jittor variable that is no array")
    return data


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafePickle("only latin1 text is decoded")
    return text.encode("latin1")


def _no_bytes(*arguments: Any) -> bytes:
    if arguments:
        raise UnsafePickle("bytes() with arguments")
    return b""


def _never(*_: Any) -> Any:
    raise UnsafePickle("a class used as a function")


class Inert:
    """A function a pickle may call. Unlike a function or class, a pickle cannot set its parts."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make

    def __call__(self, *arguments: Any) -> Any:
        return self.make(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise UnsafePickle("it tries to change a function")


class PlainDict(dict):
    """An OrderedDict of the pickle; attributes that were hung on it are dropped."""

    def __setstate__(self, state: Any) -> None:
        pass


def allow_list(makers: dict[tuple[str, str], Callable[..., Any]]) -> dict[tuple[str, str], Inert]:
    """(module, name) -> what stands in for it."""
    return {name: Inert(make) for name, make in makers.items()}


def _numpy_names(core: str) -> dict[tuple[str, str], Callable[..., Any]]:
    return {
        (f"{core}.multiarray", "_reconstruct"): _reconstruct,
        (f"{core}.multiarray", "scalar"): _scalar,
        (f"{core}.numeric", "_frombuffer"): _frombuffer,
    }


ALLOWED = allow_list({
    ("numpy", "ndarray"): _never,  # only ever handed to _reconstruct, which ignores it
    ("numpy", "dtype"): DtypeStandIn,
    ("collections", "OrderedDict"): PlainDict,
    ("jittor", "jittor_core.Var"): _jittor_var,
    ("jittor_core", "Var"): _jittor_var,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    **_numpy_names("numpy.core"),  # numpy 1
    **_numpy_names("numpy._core"),  # numpy 2
})


class SafeUnpickler(pickle._Unpickler):
    """An unpickler that knows `ALLOWED` and, in subclasses, `extra`; nothing else.

    The Python one, not the C one: there a torn file can claim a memo of gigabytes.
    """

    extra: dict[tuple[str, str], Inert] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = self.extra.get((module, name)) or ALLOWED.get((module, name))
        if found is None:
            raise UnsafePickle(f"it asks for {module}.{name}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickle("it refers to objects outside the file")


def realise(tree: Any, leaf: Callable[[Any], Any] | None = None) -> Any:
    """`tree` with every stand-in, at any depth of dicts, lists and tuples, made an array.

    What the pickle refers to twice is made once: a few bytes can describe a list of lists of
    lists ... with more entries than any memory holds. `leaf` makes data of values that are of a
    kind of their own; without it they are refused.
    """
    made: dict[int, Any] = {}

    def of(value: Any) -> Any:
        if value is None or isinstance(value, (str, bytes, bool, int, float, complex)):
            return value
        if id(value) not in made:
            made[id(value)] = new(value)
        return made[id(value)]

    def new(value: Any) -> Any:
        if isinstance(value, ArrayStandIn):
            if value.array is None:
                raise BadPickle("an array without contents")
            return value.array
        if isinstance(value, dict):
            return {plain_key(name): of(item) for name, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)([of(item) for item in value])
        return _refuse(value) if leaf is None else leaf(value)

    try:
        return of(tree)
    except RecursionError as error:
        raise BadPickle("it contains itself, or is nested too deeply") from error


def _refuse(value: Any) -> Any:
    raise UnsafePickle(f"a {type(value).__name__}, which is not data")


def plain_key(name: Any) -> Any:
    """A dict key that is data."""
    if not isinstance(name, (str, int, float, tuple)):
        raise UnsafePickle(f"a dict key of type {type(name).__name__}")
    return name


def load(
    source: str | Path | BinaryIO,
    unpickler: type[SafeUnpickler] = SafeUnpickler,
    name: str | None = None,
) -> Any:
    """The plain data in a pickle file, its arrays read-only views of the file's bytes.

    Raises UnsafePickle (refused, nothing run) or BadPickle (broken), naming the file.
    """
    if isinstance(source, (str, Path)):
        try:
            with Path(source).open("rb") as file:
                return load(file, unpickler, str(source))
        except OSError as error:
            raise BadPickle(f"{source}: cannot be read: {error}") from error
    where = name or getattr(source, "name", "pickle")
    try:
        # latin1: what Python 2 wrote as byte strings, numpy's array bytes included
        return realise(unpickler(source, encoding="latin1").load())
    except UnsafePickle as error:
        raise UnsafePickle(f"{where}: refused, {error}. Only numbers, text and arrays of numbers "
                           "are read; convert the file where you trust it") from error
    except BadPickle as error:
        raise BadPickle(f"{where}: broken pickle, {error}; fetch or make it again") from error
    except Exception as error:  # noqa: BLE001 - a hostile or torn stream can raise anything in the machine
        raise BadPickle(f"{where}: not a complete pickle ({type(error).__name__}: {error}); "
                        "fetch or make it again") from error
