"""The compared forms compute the same, and the report says what was measured and what was not."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, repo_root: Path):
    """Imports a module of the folder benchmarks, which is not installed."""
    monkeypatch.syspath_prepend(str(repo_root))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_the_released_loop_gives_the_same_scores(bench) -> None:
    scoring = bench("scoring")
    arrays = scoring.problem(5, 17, 3, 8)
    np.testing.assert_allclose(scoring.released_in_numpy(*arrays),
                               scoring.attention_scores(*arrays), atol=1e-6)


def test_brute_force_hausdorff_of_a_known_pair(bench) -> None:
    one, two = np.zeros((1, 3)), np.array([[2.0, 0, 0], [4.0, 0, 0]])
    # halved: 1 from the one point, 1 and 2 back, over three points
    assert bench("hausdorff").brute_force(one, two) == pytest.approx(4 / 3)


def test_a_measurement_knows_its_ratio_and_its_promise(bench) -> None:
    made = bench("measure").Measurement
    assert made("a", 0.5, 10.0, least=20).kept and made("a", 0.5, 10.0, least=20).ratio == 20
    assert not made("a", 0.6, 10.0, least=20).kept
    assert made("a", 0.5).ratio is None and made("a", skipped="no torch").kept


def test_the_table_names_what_was_left_out(bench) -> None:
    made = bench("measure").Measurement
    lines = bench("__main__").table([
        made("short", 0.002, 0.05, 20.0, facts={"peak": 1.5}), made("left out", skipped="no torch"),
    ]).splitlines()
    assert "2.00 ms" in lines[1] and "25.0 x  (at least 20 x)  peak 1.5" in lines[1]
    assert lines[2].split("  ")[-1] == "no torch"


def test_the_command_runs_one_benchmark_and_writes_it_down(repo_root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", "hausdorff", "large_gallery",
         "--out", str(tmp_path)],
        cwd=repo_root, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert "HAU, 5,000 x 5,000 points" in done.stdout and "left out by --quick" in done.stdout
    content = json.loads(next(tmp_path.glob("*.json")).read_text())
    hau, large = content["measurements"]
    assert hau["ratio"] == pytest.approx(hau["theirs"] / hau["ours"]) and hau["ratio"] > 2
    assert done.returncode == (0 if hau["kept"] else 1)
    assert large["ratio"] is None and content["machine"]["cores"] >= 1


def test_pictures_for_the_pipeline_are_a_data_set(bench, tmp_path: Path) -> None:
    pipeline = bench("input_pipeline")
    pipeline.write_data(tmp_path, 4)
    config = pipeline.override(pipeline.Config(), [
        f"data.root={tmp_path}", "data.name=bench", "data.batch_size=2",
        "data.validation_fraction=0"])
    dataset = pipeline.InstanceDataset.load(config.data, config.seed)
    assert len(dataset.train) == 4 and len(dataset.train_shapes) == 2


def test_a_python_without_torch_is_skipped_with_the_remedy(
    bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    step = bench("training_step")
    monkeypatch.setenv("BENCH_TORCH_PYTHON", str(tmp_path / "no-python"))
    monkeypatch.setattr(bench("processes"), "run_program",
                        lambda *_: {"seconds": 1.0, "peak_mib": 2.0})
    found = step.main(quick=True)[0]
    assert found.theirs is None and "BENCH_TORCH_PYTHON" in found.facts["pytorch"]
