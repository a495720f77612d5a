"""Reads yaml as its version 1.2 has it: a number is what looks like one to a person.

PyYAML follows version 1.1, in which ``010`` is 8, ``1:30`` is 90, ``2026-12-01`` is a date and
``<<`` copies keys. Here a number that starts with a 0, as the ShapeNet synset ``03001627`` does, is
a text, and so are ``1:30`` and ``2026-12-01``. An alias counts as much as what it stands for, so
that a few lines of them cannot mean gigabytes.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import in_words

LARGEST = 256 * 2**10  # letters of a text
MOST = 30_000  # keys and values in it; some ten thousand a second are read
DEEPEST = 64  # lists and mappings in one another
LONGEST_NUMBER = 400  # letters
_CORE = ("null", "bool", "int", "float", "str", "seq", "map")
_PREFIX = "tag:yaml.org,2002:"
_INT = re.compile(r"^(?:[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(r"""^(?:[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?
                        |[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$""", re.VERBOSE)


class BadYaml(yaml.YAMLError, ValueError):
    """A text that is no plain yaml; the message is one line and says where."""


class _Loader(yaml.SafeLoader):
    """A safe loader of plain values; it refuses a key that comes twice, and what grows by aliases.

    PyYAML would take the last of two equal keys.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.count = 0
        self.sizes: dict[int, int] = {}  # id of a finished node -> letters, aliases written out

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if self.depth >= DEEPEST:
            raise _Refused(f"nested more than {DEEPEST} deep", event.start_mark)
        if self.count >= MOST:
            raise _Refused(f"more than {MOST} keys and values", event.start_mark)
        self.depth, self.count = self.depth + 1, self.count + 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(event, yaml.AliasEvent) and id(node) not in self.sizes:
            raise _Refused(f"*{event.anchor} stands within itself", event.start_mark)
        self.sizes.setdefault(id(node), self._size(node))
        if self.sizes[id(node)] > 4 * LARGEST:
            raise _Refused(f"with its aliases written out it has more than {4 * LARGEST} letters",
                           event.start_mark)
        return node

    def _size(self, node: Any) -> int:
        """Letters of a node whose parts are finished."""
        if isinstance(node, yaml.ScalarNode):
            return len(node.value) + 1
        parts = [part for pair in node.value for part in pair] \
            if isinstance(node, yaml.MappingNode) else node.value
        return 1 + sum(self.sizes[id(part)] for part in parts)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            kind = node.tag.rpartition(":")[2]
            raise _Refused(f"{brief(node.value)} is no {brief(kind)}", node.start_mark) from error

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for name, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(name, yaml.ScalarNode):
                raise _Refused("a key must be a word", name.start_mark)
            key = self.construct_object(name, deep=True)
            if key in seen:
                raise _Refused(f"the key {brief(key)} comes twice", name.start_mark)
            if key == "<<":
                raise _Refused("merge keys (<<) are not read; write the keys out", name.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_whole_number(self, node: Any) -> int:
        text = self._number(node)
        return int(text, 0) if text.startswith("0") else int(text)

    def construct_real_number(self, node: Any) -> float:
        self._number(node)
        return float(super().construct_yaml_float(node))

    def construct_other(self, node: Any) -> Any:
        raise _Refused(f"the tag {brief(node.tag)} is not read; write plain values",
                       node.start_mark)

    def _number(self, node: Any) -> str:
        text = str(self.construct_scalar(node))
        if len(text) > LONGEST_NUMBER:
            raise _Refused(f"a number of {len(text)} digits", node.start_mark)
        return text


class _Refused(yaml.MarkedYAMLError):
    """What `_Loader` does not read, and where."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag in (f"{_PREFIX}null", f"{_PREFIX}bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{_PREFIX}int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_PREFIX}float", _FLOAT, list("-+.0123456789"))
_Loader.yaml_constructors = {tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items()
                             if tag in {f"{_PREFIX}{name}" for name in _CORE}}
_Loader.add_constructor(f"{_PREFIX}int", _Loader.construct_whole_number)
_Loader.add_constructor(f"{_PREFIX}float", _Loader.construct_real_number)
_Loader.add_constructor(None, _Loader.construct_other)


def load(text: str) -> Any:
    """The plain values in a yaml text. Raises BadYaml for what is none."""
    if len(text) > LARGEST:
        raise BadYaml(f"a yaml text of {in_words(len(text))}; at most {in_words(LARGEST)} are read")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise BadYaml(_in_place(error)) from error
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError,
            RecursionError, MemoryError) as error:  # the parser's own ways to fail
        raise BadYaml(one_line(error)) from error


def _in_place(error: yaml.MarkedYAMLError) -> str:
    """``line 3, column 5: what is wrong``."""
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = error.problem or type(error).__name__
    if error.context and problem.startswith(("but ", "second ")):
        problem = f"{error.context}, {problem}"
    return place + one_line(problem)
