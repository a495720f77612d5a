"""Reads other people's pickles of numbers and arrays without ever running code from them.

Only dicts, lists, tuples, strings, numbers and numpy arrays of numbers come out. Every class a
pickle asks for is looked up in an allow-list of inert stand-ins (`pickle_stand_ins`), and a machine
of our own runs it (`pickle_machine`), which believes no length and limits what it takes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from crossmodal.data.pickle_machine import PLAIN, Machine
from crossmodal.data.pickle_stand_ins import ALLOWED, ArrayStandIn
from crossmodal.data.pickle_stream import BadPickle, Stream, UnsafePickle
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge
from crossmodal.runtime.safe_files import open_regular

DEEPEST = 250  # levels of what is in one another; Jittor lifts Python's own limit
__all__ = ["BadPickle", "UnsafePickle", "find_class", "load", "realise"]


def load(source: str | Path | BinaryIO, name: str | None = None) -> Any:
    """The plain data in a pickle file, its arrays read-only views of the file's bytes.

    Raises UnsafePickle (refused, nothing run) or BadPickle (broken, or too large), naming the file.
    """
    if isinstance(source, (str, Path)):
        try:
            with open_regular(source) as file:
                return load(file, str(source))
        except OSError as error:
            raise BadPickle(f"{source}: cannot be read: {error.strerror or error}") from error
    where = name or getattr(source, "name", "pickle")
    try:
        with without_collection():
            return realise(Machine(Stream(source), find_class, _refer).run())
    except UnsafePickle as error:
        raise UnsafePickle(f"{where}: refused, {error}. Only numbers, text and arrays of numbers "
                           "are read; convert the file where you trust it") from error
    except BadPickle as error:
        raise BadPickle(f"{where}: broken pickle, {error}; fetch or make it again") from error
    except (TooLarge, OSError) as error:
        raise BadPickle(f"{where}: {one_line(error, 400)}") from error


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep the garbage collector from going through all that was read, again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def find_class(module: str, name: str) -> Any:
    """The stand-in of a class or function; raises UnsafePickle where there is none."""
    found = ALLOWED.get((module, name))
    if found is None:
        raise UnsafePickle(f"it asks for {_shown(module)}.{_shown(name)}")
    return found


def _shown(name: str) -> str:
    return name if len(name) <= 60 and name.isprintable() else brief(name)


def _refer(pid: Any) -> Any:
    raise UnsafePickle("it refers to objects outside the file")


def realise(tree: Any, leaf: Callable[[Any], Any] | None = None) -> Any:
    """`tree` with every stand-in, at any depth of dicts, lists and tuples, made an array.

    What the pickle refers to twice is made once: a few bytes can describe a list of lists of
    lists ... with more entries than any memory holds. `leaf` makes data of values that are of a
    kind of their own; without it they are refused.
    """
    made: dict[int, tuple[Any, int]] = {}  # by the original's id, with how deeply it is nested
    depth = highest = 0  # where `of` stands; of what it has gone through in the value in hand

    def of(value: Any) -> Any:
        nonlocal depth, highest
        if type(value) in PLAIN:
            return value
        if id(value) not in made:
            outside, highest, depth = highest, 0, depth + 1
            if depth > DEEPEST:
                raise BadPickle("it contains itself, or is nested too deeply")
            made[id(value)] = new(value), highest + 1
            highest, depth = outside, depth - 1
        found, height = made[id(value)]
        highest = max(highest, height)
        if height > DEEPEST:
            raise BadPickle("it is nested too deeply")
        return found

    def new(value: Any) -> Any:
        if isinstance(value, ArrayStandIn):
            if value.array is None:
                raise BadPickle("an array without contents")
            return value.array
        if isinstance(value, dict):
            return {name: of(item) for name, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)([of(item) for item in value])
        return _refuse(value) if leaf is None else leaf(value)

    try:
        return of(tree)
    except RecursionError as error:
        raise BadPickle("it contains itself, or is nested too deeply") from error


def _refuse(value: Any) -> Any:
    raise UnsafePickle(f"{brief(value)}, which is not data")
