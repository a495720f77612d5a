"""Training on a GPU follows training on the CPU, from the same seed; skipped without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from boxes_data import SETTINGS, write_boxes

from crossmodal.runtime import cuda_probe

INSIDE = Path(__file__).resolve().parents[1] / "Instance-level"
STEPS = 6
FOUND = cuda_probe.probe()
pytestmark = [pytest.mark.gpu, pytest.mark.slow,
              pytest.mark.skipif(not FOUND.usable, reason=f"no GPU to use: {FOUND.obstacle}")]


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory):
    """Trains the tiny network with some settings; its losses, step by step."""
    root = tmp_path_factory.mktemp("gpu")
    write_boxes(root)
    (root / "boxes.yaml").write_text(SETTINGS)

    def train(name: str, **settings: object) -> list[float]:
        settings = {"data.root": root, "log.save_root": root / "runs", "log.run_name": name,
                    "model.dropout": 0.0, "optim.max_steps": STEPS, "optim.lr": 1e-5, **settings}
        given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        done = subprocess.run(
            [sys.executable, "RetrievalNet_sag_con.py", "--config", str(root / "boxes.yaml"),
             "--overwrite", *given], cwd=INSIDE, env={**os.environ, "CROSSMODAL_DEVICE": "auto"},
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
        assert done.returncode == 0, done.stdout[-3000:]
        lines = (root / "runs" / name / "log.jsonl").read_text().splitlines()
        speed = json.loads((root / "runs" / name / "speed.json").read_text())
        assert speed["device"] == settings["device"] and speed["images_per_second"] > 0
        return [line["loss"] for line in map(json.loads, lines) if line["kind"] == "train"]

    return train


def test_the_gpu_trains_as_the_cpu_does(losses) -> None:
    """To 0.1 % at the first step, to 2 % after some: rounding grows."""
    cpu, gpu = losses("cpu", device="cpu"), losses("cuda", device="cuda")
    assert len(cpu) == len(gpu) == STEPS
    assert gpu[0] == pytest.approx(cpu[0], rel=1e-3)
    assert gpu == pytest.approx(cpu, rel=2e-2)


def test_mixed_precision_trains_as_single_precision_does(losses) -> None:
    """To 5 %: bfloat16 has eight bits of mantissa."""
    single = losses("single", device="cuda")
    mixed = losses("mixed", device="cuda", **{"optim.precision": "mixed"})
    assert mixed == pytest.approx(single, rel=5e-2) and mixed != single
