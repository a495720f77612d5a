"""From starting a training to its first finished step: with an empty Jittor home, and again.

The demo's networks (two ResNet-18) on pictures made for the purpose, one step, saved. The first
run builds Jittor and compiles every operator; the second finds all of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.input_pipeline import write_data
from benchmarks.measure import Measurement

INSIDE = Path(__file__).resolve().parents[1] / "Instance-level"
SETTINGS = {"data.name": "bench", "data.categories": "[]", "data.batch_size": 8,
            "data.validation_fraction": 0, "data.image_size": 96, "data.view_size": 96,
            "data.views_per_step": 4, "data.workers": 0, "model.query_backbone": "resnet18",
            "model.view_backbone": "resnet18", "optim.max_steps": 1, "log.tensorboard": "false"}


def main(quick: bool = False) -> list[Measurement]:
    """Seconds of both runs; nothing where only a first look is asked for."""
    if quick:
        return [Measurement("cold start", skipped="minutes: left out of a first look")]
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), 16)
        cold, warm = (_seconds(Path(folder), name) for name in ("cold", "warm"))
    return [Measurement("first training step, Jittor to be built", cold),
            Measurement("first training step, Jittor built and operators compiled", warm)]


def _seconds(folder: Path, name: str) -> float:
    settings = {**SETTINGS, "data.root": folder, "log.save_root": folder, "log.run_name": name}
    given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    environment = {**os.environ, "HOME": str(folder / "home")}
    environment.pop("JITTOR_HOME", None)
    (folder / "home").mkdir(exist_ok=True)
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "RetrievalNet_sag_con.py", "--config",
                           "./configs/demo.yaml", *given], cwd=INSIDE, env=environment,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"the {name} run failed: {done.stdout[-1000:]}")
    return time.perf_counter() - started
