"""docs/fidelity.md names tests that exist and every key that gives a released behaviour."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crossmodal.config import CategoryConfig, Config
from crossmodal.config.released import released_values
from crossmodal.config.typed import dotted_keys

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
INSTANCE, CATEGORY = TEXT.split("\n## Category level\n")


def test_the_tests_it_names_exist() -> None:
    last, names = "", 0
    for file, name in re.findall(r"`([\w/]*\btest_\w+\.py)?(?:::(\w+))?`", TEXT):
        last = file or last
        if file or name:
            text = (ROOT / "tests" / last).read_text(encoding="utf-8")
            assert not name or f"\ndef {name}(" in text, (last, name)
            names += bool(name)
    assert names > 60


@pytest.mark.parametrize(("kind", "text"), [(Config, INSTANCE), (CategoryConfig, CATEGORY)])
def test_every_key_has_its_row(kind: type, text: str) -> None:
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for key, value in released_values(kind).items():
        said = f"{value:g}" if isinstance(value, (int, float)) else value
        said = str(value).lower() if isinstance(value, bool) else said
        assert any(re.search(rf"`{key}: {said}(\.0)?`", row) for row in rows), key


@pytest.mark.parametrize(("kind", "text"), [(Config, INSTANCE), (CategoryConfig, CATEGORY)])
def test_every_key_it_names_is_one(kind: type, text: str) -> None:
    named = re.findall(r"`((?:data|model|loss|optim)\.\w+)\b", text)
    assert len(named) > 20 and set(named) <= set(dotted_keys(kind))
