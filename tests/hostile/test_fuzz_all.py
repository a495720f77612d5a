"""Damaged files of every kind that is read: read or refused, soon, and with little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz import SEEDS, SLOW, all_seeds
from mutations import mutated

DRAWS = 200


@pytest.mark.parametrize("module", SEEDS)
def test_damaged_files_are_read_or_refused(module: str, tmp_path: Path) -> None:
    names = [name for name in __import__(module).SEEDS]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("fuzz.py")), "--draws", str(DRAWS),
         "--keep", str(tmp_path), "--only", *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    counts = json.loads(done.stdout)
    assert set(counts) == set(names)
    for name, found in counts.items():
        draws = DRAWS // (10 if name in SLOW else 1)
        assert sum(found.values()) == draws and found["refused"] > draws // 50, (name, found)


def test_draws_differ_and_are_the_same_each_time() -> None:
    data = next(iter(all_seeds().values()))[1]
    made = [mutated(data, draw) for draw in range(50)]
    assert made == [mutated(data, draw) for draw in range(50)] and len(set(made)) > 40
