"""The machine that runs a pickle: it makes plain data, and calls none but the functions given.

It is not Python's own, which believes every length, hashes every key, and sets whatever attribute
it is told to. Sets are refused, and so is every object that `find` has no `StandIn` for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crossmodal.data.pickle_stand_ins import ORDERED_DICT, Inert, PlainDict, StandIn
from crossmodal.data.pickle_stream import CALL, COST, HOLDER, BadPickle, Stream, UnsafePickle
from crossmodal.data.pickle_values import VALUES, index, number
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge

PLAIN = frozenset({int, float, complex, bool, type(None), str, bytes})
LONGEST_KEY, FEW = 8, 100  # parts of a tuple; keys among which a clash of hashes costs nothing
CLASHING = 5000  # number keys of larger dicts: they can be chosen so that their hashes clash
ABSENT = object()


class Machine:
    """One pickle's run.

    find : (module, name) -> the Inert or other stand-in of that name; raises UnsafePickle
    refer : what stands for an object outside the pickle; raises UnsafePickle
    """

    def __init__(self, stream: Stream, find: Callable[[str, str], Any],
                 refer: Callable[[Any], Any]) -> None:
        self.stream, self.find, self.refer = stream, find, refer
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.clashing = 0

    def run(self) -> Any:
        """What the pickle describes. Raises UnsafePickle, BadPickle, or TooLarge."""
        try:
            return self._run()
        except (UnsafePickle, BadPickle, TooLarge):
            raise
        except MemoryError as error:
            raise BadPickle("the memory does not hold what is in it") from error
        except IndexError as error:
            raise BadPickle("it takes values that it has not made") from error
        except UnicodeDecodeError as error:
            raise BadPickle(f"a text that is none ({error.reason})") from error
        except Exception as error:  # noqa: BLE001 - a call of a torn stream can raise anything
            raise BadPickle(f"{type(error).__name__}: {one_line(error)}") from error

    def _run(self) -> Any:
        stream, push, read = self.stream, self.stack.append, self.stream.file.read
        while True:
            code = read(1)
            stream.memory -= COST
            if stream.memory < 0:
                stream.spend(0)
            make = VALUES.get(code)
            if make is not None:
                push(make(stream))
            elif code in OPERATIONS:
                stream.memory -= HOLDER if code in HOLDERS else 0
                OPERATIONS[code](self)
            elif code == b".":
                return self.stack.pop()
            else:
                raise _refusal(code)

    def since_mark(self) -> list[Any]:
        """The values since the last mark, off the stack."""
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def drop(self) -> None:
        if self.marks and self.marks[-1] >= len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise BadPickle("it takes values that it has not made")
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def frame(self) -> None:
        length = number("<Q")(self.stream)
        if length > self.stream.size - self.stream.file.tell():
            raise BadPickle(f"it ends in the middle of a part of {length} bytes")

    def extend(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise BadPickle(f"it adds to {brief(self.stack[-1])}")
        self.stack[-1].extend(values)

    def fill(self, target: Any, values: list[Any]) -> None:
        """Set keys and values, which take turns, of a dict."""
        if not isinstance(target, dict) or len(values) % 2:
            raise BadPickle(f"it sets keys of {brief(target)}")
        self.stream.spend(HOLDER // 2 * len(values))
        for key, value in zip(values[::2], values[1::2]):
            if type(key) is not str:
                self._check_key(key, len(target))
            target[key] = value

    def _check_key(self, key: Any, count: int) -> None:
        """Raise UnsafePickle unless `key` is data of a kind that is quickly hashed and told apart.

        count : keys that the dict has; 0, 1, 2 ... as its keys never clash
        """
        parts = key if type(key) is tuple else (key,)
        if len(parts) > LONGEST_KEY or not all(type(part) in PLAIN for part in parts):
            raise UnsafePickle(f"a dict key that is {brief(key)}")
        if count < FEW or all(type(part) in (str, bytes) for part in parts) or (
                type(key) is int and key in (count, count + 1)):
            return
        self.clashing += 1
        if self.clashing > CLASHING:
            raise UnsafePickle(f"more than {CLASHING} dict keys that are no texts")

    def call(self, function: Any, arguments: Any) -> Any:
        """What a stand-in makes of `arguments`; raises UnsafePickle for anything else."""
        if type(function) is not Inert or type(arguments) is not tuple:
            raise UnsafePickle(f"it calls {brief(function)}")
        self.stream.spend(CALL + sum(map(_weight, arguments)))
        if function is ORDERED_DICT:
            return self._ordered(*arguments)
        try:
            return function.make(*arguments)
        except TypeError as error:
            raise BadPickle(f"a call that does not take {len(arguments)} values") from error

    def _ordered(self, pairs: Any = (), *_: Any) -> PlainDict:
        made = PlainDict()
        for pair in pairs.items() if isinstance(pairs, dict) else pairs:
            if type(pair) not in (list, tuple) or len(pair) != 2:
                raise BadPickle(f"an OrderedDict of {brief(pair)}")
            self.fill(made, list(pair))
        return made

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, PlainDict):
            return
        if not isinstance(target, StandIn):
            raise UnsafePickle(f"it tries to change {brief(target)}")
        self.stream.spend(CALL + (sum(map(_weight, state)) if type(state) is tuple else 0))
        target.set_state(state)

    def keep(self, place: int) -> None:
        """Store what was made last as number `place` of the memo."""
        gap = place - len(self.memo)
        if not 0 <= place <= self.stream.size:
            raise BadPickle(f"it stores a value as number {brief(place)}")
        if gap >= 0:
            self.stream.spend(8 * gap)
            self.memo.extend([ABSENT] * (gap + 1))
        self.memo[place] = self.stack[-1]

    def fetch(self, place: int) -> None:
        """Push number `place` of the memo."""
        if not 0 <= place < len(self.memo) or self.memo[place] is ABSENT:
            raise BadPickle(f"it looks for value number {brief(place)}, which it has not stored")
        self.stack.append(self.memo[place])

    def named(self) -> Any:
        self.stream.spend(HOLDER)
        module, name = (self.stream.line().decode() for _ in range(2))
        return self.find(module, name)

    def named_on_stack(self) -> Any:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise BadPickle("a class whose name is no text")
        return self.find(module, name)

    def reduce(self) -> Any:
        arguments = self.stack.pop()
        return self.call(self.stack.pop(), arguments)

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.fill(self.stack[-1], [key, value])

    def set_items(self) -> None:
        values = self.since_mark()
        self.fill(self.stack[-1], values)

    def call_marked(self) -> Any:
        function, *arguments = self.since_mark()
        return self.call(function, tuple(arguments))

    def made_dict(self) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self.fill(made, self.since_mark())
        return made


def _weight(argument: Any) -> int:
    """Bytes that a copy of an argument takes; bytes are never copied."""
    if isinstance(argument, (list, tuple, dict)):
        return COST * len(argument)
    return len(argument) if type(argument) is str else 0


def _refusal(code: bytes) -> Exception:
    return UnsafePickle(REFUSED[code]) if code in REFUSED else BadPickle(
        f"{code!r} where an opcode belongs" if code else "it ends in the middle")


def _pushed(make: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.stack.append(make(machine))


REFUSED = {**dict.fromkeys((b"\x8f", b"\x90", b"\x91"), "it holds a set, which is not data"),
           **dict.fromkeys((b"\x81", b"\x92"), "it makes an object of a class"),
           **dict.fromkeys((b"\x82", b"\x83", b"\x84"), "it asks for a class by its number"),
           b"\x97": "it refers to objects outside the file"}
HOLDERS = frozenset({b"(", b"]", b"}", b"\x85", b"\x86", b"\x87"})
OPERATIONS: dict[bytes, Callable[[Machine], Any]] = {
    b"(": lambda machine: machine.marks.append(len(machine.stack)),
    b"0": Machine.drop, b"1": Machine.since_mark,
    b"2": lambda machine: machine.stack.append(machine.stack[-1]),
    b"]": _pushed(lambda _: []), b"}": _pushed(lambda _: {}),
    b"t": _pushed(lambda machine: tuple(machine.since_mark())), b"l": _pushed(Machine.since_mark),
    b"\x85": lambda machine: machine.tuple_of(1), b"\x86": lambda machine: machine.tuple_of(2),
    b"\x87": lambda machine: machine.tuple_of(3), b"d": _pushed(Machine.made_dict),
    b"a": lambda machine: machine.extend([machine.stack.pop()]),
    b"e": lambda machine: machine.extend(machine.since_mark()),
    b"s": Machine.set_item,
    b"u": Machine.set_items,
    b"R": _pushed(Machine.reduce), b"b": Machine.build, b"o": _pushed(Machine.call_marked),
    b"c": _pushed(Machine.named), b"\x93": _pushed(Machine.named_on_stack),
    b"i": _pushed(lambda machine: machine.call(machine.named(), tuple(machine.since_mark()))),
    b"P": _pushed(lambda machine: machine.refer(machine.stream.line().decode())),
    b"Q": _pushed(lambda machine: machine.refer(machine.stack.pop())),
    b"p": lambda machine: machine.keep(index(machine.stream)),
    b"q": lambda machine: machine.keep(machine.stream.take(1)[0]),
    b"r": lambda machine: machine.keep(number("<I")(machine.stream)),
    b"\x94": lambda machine: machine.keep(len(machine.memo)),
    b"g": lambda machine: machine.fetch(index(machine.stream)),
    b"h": lambda machine: machine.fetch(machine.stream.take(1)[0]),
    b"j": lambda machine: machine.fetch(number("<I")(machine.stream)),
    b"\x80": lambda machine: machine.stream.take(1), b"\x95": Machine.frame,
    b"\x98": lambda machine: None,  # bytes cannot be written to anyway
}
