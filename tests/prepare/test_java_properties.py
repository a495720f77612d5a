"""Java properties: what the format allows, value by value."""

from __future__ import annotations

import pytest

from crossmodal.prepare.java_properties import parse_properties


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a=1\nb = 2\nc:3\nd 4", {"a": "1", "b": "2", "c": "3", "d": "4"}),
        ("# note\n! note\n\n  a=1", {"a": "1"}),
        ("id#1=Blend Swap#chair", {"id#1": "Blend Swap#chair"}),
        ("name=Bill 10\\u20ac", {"name": "Bill 10€"}),
        ("a=one \\\n    two", {"a": "one two"}),
        ("a=1\\\\\nb=2", {"a": "1\\", "b": "2"}),
        ("a\\=b=c\\td", {"a=b": "c\td"}),
        ("a=1\r\nb=2\rc=3", {"a": "1", "b": "2", "c": "3"}),
        ("empty=\nalone", {"empty": "", "alone": ""}),
        ("a=1\na=2", {"a": "2"}),
        ("last=line \\", {"last": "line "}),
    ],
)
def test_values(text: str, found: dict[str, str]) -> None:
    assert parse_properties(text.encode("iso-8859-1")) == found


def test_latin_letters() -> None:
    assert parse_properties("name=Fauteuil \xe9l\xe9gant".encode("latin-1")) == {
        "name": "Fauteuil élégant"
    }
