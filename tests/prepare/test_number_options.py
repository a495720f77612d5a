"""A number that no program can use ends it at once, with its range."""

from __future__ import annotations

import importlib
import sys

import pytest

# program, an option, what is too little or too much, and the range
WRONG = [
    ("voxelize", "--size", "513", "2 to 512"), ("render_views", "--count", "0", "1 to 1024"),
    ("render_views", "--elevation", "91", "-90 to 90"), ("render_photos", "--photos", "0", "1 to"),
    ("render_photos", "--room-share", "2", "0 to 1"), ("sample_points", "--count", "-1", "1 to"),
    ("sample_points", "--seed", "1e3", "up to"), ("shapenet", "--limit", "0", "1 to 1000000"),
    ("shapenet", "--size", "1000000", "8 to 4096"), ("kinds", "--views", "0", "1 to 1024"),
    ("kinds", "--photo-share", "1.5", "0 to 1"), ("kinds", "--train-photos", "0", "1 to 1000000"),
    ("generate", "--photos", "2", "3 to 10000"), ("generate", "--instances", "-1", "1 to 1000000"),
    ("generate", "--workers", "-3", "0 to 256"), ("mi3dor", "--views", "2.5", "1 to 1024"),
    ("ikea", "--size", "7", "8 to 4096"), ("sweethome3d", "--photos", "-1", "0 to 10000"),
    ("own_library", "--held-out", "0", "1 to 10000"), ("category_lists", "--views", "x", "1 to"),
    ("pix3d", "--size", "x", "8 to 4096"), ("inspect", "--workers", "100000", "0 to 256"),
]


@pytest.mark.parametrize(("program", "option", "text", "limits"), WRONG)
def test_a_number_out_of_range(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                               program: str, option: str, text: str, limits: str) -> None:
    module = importlib.import_module(f"crossmodal.prepare.{program}")
    read = module._options if program == "render_views" else module._parse
    monkeypatch.setattr(sys, "argv", ["program", option, text])
    with pytest.raises(SystemExit) as end:
        read()
    said = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2 and f"argument {option}: must be a " in said
    if "up to" not in limits:
        assert f"number from {limits}" in said
    assert f"not '{text}'" in said
    monkeypatch.setattr(sys, "argv", ["program", "--help"])
    with pytest.raises(SystemExit):
        read()
    assert f"({limits}" in " ".join(capsys.readouterr().out.split()) or "up to" in limits
