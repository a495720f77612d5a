"""A file that takes longer to read than any sound one is refused by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from mesh_files import TRIANGLES, off_text

from crossmodal.geometry.formats import off
from crossmodal.geometry.mesh import MeshError, load_mesh
from crossmodal.runtime import time_limit


def test_endless_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(path: Path) -> Any:
        while True:
            sum(range(1000))

    path = tmp_path / "a.off"
    path.write_text(off_text(TRIANGLES))
    assert len(load_mesh(path).faces) == len(TRIANGLES)
    monkeypatch.setattr(off, "read_off", endless)
    monkeypatch.setattr(time_limit, "SECONDS", 0.2)
    with pytest.raises(MeshError, match=f"{re.escape(str(path))}: reading it takes more than"):
        load_mesh(path)
