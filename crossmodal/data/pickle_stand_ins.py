"""What stands for the classes and functions that a pickle of numbers and arrays may ask for.

numpy itself never sees the pickle's state, for ``dtype.__setstate__`` and ``ndarray.__setstate__``
trust it: here the sizes are compared first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from crossmodal.data.pickle_stream import BadPickle, UnsafePickle
from crossmodal.runtime.brief import brief

DIMENSIONS = 64  # numpy's own limit
_CODE = re.compile("[biufcSU][0-9]{0,3}")


class StandIn:
    """What a pickle's class or object becomes; `set_state` is given what hangs on it."""

    __slots__ = ()

    def set_state(self, state: Any) -> None:
        """Take the state that the pickle sets; raises UnsafePickle where there may be none."""
        raise UnsafePickle(f"it tries to change a {type(self).__name__}")


class Inert(StandIn):
    """A function that a pickle may call. Unlike a function or class, its parts cannot be set."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make


class PlainDict(dict):
    """An OrderedDict of the pickle; attributes that were hung on it are dropped."""

    __slots__ = ()


class DtypeStandIn(StandIn):
    """What the pickle says about a dtype; only plain numbers and fixed strings are accepted."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any = None, align: Any = False, copy: Any = False) -> None:
        self.code = _text(code)
        self.order = "="

    def set_state(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        order = order.decode("latin1") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise UnsafePickle(f"an array type with byte order {brief(order)}")
        self.order = order

    def resolve(self) -> np.dtype:
        """The dtype itself."""
        if not _CODE.fullmatch(self.code):
            raise UnsafePickle(f"an array of type {brief(self.code)}; only numbers are read")
        try:
            return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]
        except TypeError as error:
            raise BadPickle(f"the unknown array type {self.code!r}") from error


class ArrayStandIn(StandIn):
    """An array as the pickle describes it; becomes a real one in `safe_pickle.realise`."""

    __slots__ = ("array",)

    def __init__(self, array: np.ndarray | None = None) -> None:
        self.array = array

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise BadPickle("the state of an array is not (version, shape, dtype, order, bytes)")
        _, shape, dtype, fortran, data = state
        self.array = _array(data, dtype, shape, "F" if fortran else "C")


def _text(value: Any) -> str:
    if not isinstance(value, (str, bytes)):
        raise UnsafePickle(f"expected a name, found {brief(value)}")
    return value.decode("latin1") if isinstance(value, bytes) else value


def is_shape(value: Any) -> bool:
    """Whether a value is a tuple of so many lengths as an array can have."""
    return (isinstance(value, tuple) and len(value) <= DIMENSIONS
            and all(type(n) is int and 0 <= n < 2**63 for n in value))


def _array(data: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> np.ndarray:
    """A read-only array over `data`, after checking that the sizes agree."""
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(dtype, DtypeStandIn) or not isinstance(data, bytes):
        raise UnsafePickle("an array without plain bytes and type (of objects, for example)")
    kind = dtype.resolve()
    if not is_shape(shape) or math.prod(shape) * kind.itemsize != len(data):
        raise BadPickle(f"an array of shape {brief(shape)} and type {kind} with {len(data)} bytes")
    flat = np.frombuffer(data, kind) if len(data) else np.empty(0, kind)
    return flat.reshape(shape, order=order)


def _reconstruct(*_: Any) -> ArrayStandIn:
    return ArrayStandIn()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> ArrayStandIn:
    return ArrayStandIn(_array(data, dtype, shape, "F" if order == "F" else "C"))


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


def allow_list(makers: dict[tuple[str, str], Callable[..., Any]]) -> dict[tuple[str, str], Inert]:
    """(module, name) -> what stands in for it."""
    return {name: Inert(make) for name, make in makers.items()}


def _numpy_names(core: str) -> dict[tuple[str, str], Callable[..., Any]]:
    return {
        (f"{core}.multiarray", "_reconstruct"): _reconstruct,
        (f"{core}.multiarray", "scalar"): _scalar,
        (f"{core}.numeric", "_frombuffer"): _frombuffer,
    }


ORDERED_DICT = Inert(PlainDict)  # `Machine` fills it itself
ALLOWED = {("collections", "OrderedDict"): ORDERED_DICT, **allow_list({
    ("numpy", "ndarray"): _never,  # only ever handed to _reconstruct, which ignores it
    ("numpy", "dtype"): DtypeStandIn,
    ("jittor", "jittor_core.Var"): _jittor_var,
    ("jittor_core", "Var"): _jittor_var,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    **_numpy_names("numpy.core"),  # numpy 1
    **_numpy_names("numpy._core"),  # numpy 2
})}
