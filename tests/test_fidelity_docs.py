"""The documents on the released code name keys and tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

from crossmodal.config import CategoryConfig
from crossmodal.config.typed import dotted_keys


def test_every_released_key_and_every_test_is_there(repo_root: Path) -> None:
    text = (repo_root / "docs" / "fidelity_category.md").read_text(encoding="utf-8")
    table = text.split("## ")[0]
    for key, value in CategoryConfig.RELEASED.items():
        assert f"`{key}: {value}`" in table, key
    for key in re.findall(r"`((?:data|model|loss)\.\w+)", text):
        assert key in set(dotted_keys(CategoryConfig)), key
    last = ""
    for path, name in re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", text):
        last = path or last
        if path or name:
            assert f"def {name}" in (repo_root / last).read_text(encoding="utf-8"), (last, name)
