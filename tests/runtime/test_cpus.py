"""How many cores may be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossmodal.runtime import cpus


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1)]
)
def test_a_containers_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, cores: int
) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    monkeypatch.setattr(cpus, "_QUOTA_V2", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert cpus.usable_cpus() == cores


def test_the_older_way_to_state_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quota").write_text("300000\n")
    (tmp_path / "period").write_text("100000\n")
    monkeypatch.setattr(cpus, "_QUOTA_V2", tmp_path / "nothing")
    monkeypatch.setattr(cpus, "_QUOTA_V1", tmp_path / "quota")
    monkeypatch.setattr(cpus, "_PERIOD_V1", tmp_path / "period")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert cpus.usable_cpus() == 3
    (tmp_path / "quota").write_text("-1\n")
    assert cpus.usable_cpus() == 8


def test_here() -> None:
    assert 1 <= cpus.usable_cpus() <= (os.cpu_count() or 1)
