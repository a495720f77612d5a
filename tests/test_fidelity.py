"""docs/fidelity.md names tests that exist and every key that gives a released behaviour."""

from __future__ import annotations

import re
from pathlib import Path

from crossmodal.config.instance_released import RELEASED_KEYS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")


def test_the_tests_it_names_exist() -> None:
    named = re.findall(r"`(?:tests/)?([\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) > 20
    for file, name in named:
        assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), name


def test_every_key_has_its_row() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ")]
    for key in RELEASED_KEYS:
        assert any(f"`{key}: " in row for row in rows), key
