"""Looking at meshes before they are trusted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from small_items import write_box

from crossmodal.prepare import inspect


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "meshes"
    write_box(folder / "chair" / "whole.obj", (1, 2, 4))
    (folder / "chair" / "broken.obj").write_text("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (folder / "chair" / "other.fbx").write_text("x")
    two = trimesh.Scene([trimesh.creation.box((1, 1, 1)),
                         trimesh.creation.box((1, 1, 1)).apply_translation((3, 0, 0))])
    (folder / "table").mkdir()
    two.export(folder / "table" / "two.glb")
    return folder


def test_a_line_for_every_mesh_and_what_cannot_be_used(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = inspect.main(library, workers=0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("chair/whole: 1 part, 12 faces, closed, 1 x 2 x 4, up x")
    assert lines[0].startswith("chair/broken: cannot be used: ") and "not finite" in lines[0]
    assert lines[2].startswith("table/two: 2 parts, 24 faces, closed, 4 x 1 x 1, up ")
    assert lines[3] == "4 found: 2 can be used, 1 not supported, 1 broken"
    assert list(looks) == ["chair/broken", "chair/whole", "table/two"]


def test_a_sheet_shows_one_view_of_each(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = inspect.main(library, tmp_path / "sheet.png", workers=2)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("L"))
    assert sheet.min() < 60 and sheet.max() == 255
    view = looks["chair/whole"].view
    assert view is not None and view.min() < 250 and looks["chair/broken"].view is None
    assert "sheet.png: one view of each mesh" in capsys.readouterr().out


def test_one_file(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspect.main(library / "chair" / "whole.obj")
    out = capsys.readouterr().out
    assert out.startswith("whole.obj: 1 part, 12 faces") and "1 found: 1 can be used" in out


def test_a_name_that_is_no_utf8_is_spelt_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"st\xfchl")
    write_box(tmp_path / f"{name}.npz")
    inspect.main(tmp_path)
    assert capsys.readouterr().out.startswith("st\\udcfchl: 1 part")
