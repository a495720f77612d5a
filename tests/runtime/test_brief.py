"""Values of any size on one line."""

from __future__ import annotations

import pytest

from crossmodal.runtime.brief import brief, one_line

ITSELF: list = []
ITSELF.append(ITSELF)
LAUGHS: list = ["x"]
for _ in range(60):
    LAUGHS = [LAUGHS] * 9


@pytest.mark.parametrize(("value", "text"), [
    ("a", "'a'"), (3, "3"), (None, "None"), ([1, "b"], "[1, 'b']"), ({"a": 1}, "{'a': 1}"),
    (2**10000, "a number of 10001 bits"), (-2**300, "a number of 301 bits"),
    (ITSELF, "a list of 1"), (LAUGHS, "a list of 9"), (list(range(1000)), "a list of 1000"),
    (object(), "a object"), ((2**10000,), "a tuple of 1")])
def test_a_value_in_brief(value: object, text: str) -> None:
    assert brief(value) == text


def test_a_long_text_is_cut() -> None:
    assert brief("x" * 10**7) == "'" + "x" * 60 + "'..."


def test_messages_become_one_line() -> None:
    assert one_line(ValueError("a\n  b\tc")) == "a b c"
    assert one_line(KeyError("a")) == "KeyError 'a'"
    assert one_line(MemoryError()) == "MemoryError"
    assert len(one_line("x " * 10**6)) < 210
