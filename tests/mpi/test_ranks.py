"""Several processes compute what one does; skipped where Open MPI, or a part of it, is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from boxes_data import SETTINGS, write_boxes

from crossmodal import checkpoint
from crossmodal.runtime import mpi

FOLDER = Path(__file__).resolve().parent
MISSING = mpi.obstacle() if shutil.which("mpirun") else "there is no mpirun"
needs_mpi = pytest.mark.skipif(
    bool(MISSING), reason=f"{MISSING} (Debian: apt install openmpi-bin libopenmpi-dev)")


def run_ranks(count: int, command: list[str], cwd: Path, **more: str) -> str:
    """What ``count`` processes of a Python program print; they share this machine's cores."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                   "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "CROSSMODAL_DEVICE": "cpu", **more}
    done = subprocess.run(
        ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(count), sys.executable,
         *command], cwd=cwd, env=environment, text=True, timeout=900,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@needs_mpi
@pytest.mark.slow
@pytest.mark.parametrize("way", ["kernels", "plain"])
def test_two_processes_give_the_loss_and_the_gradients_of_one(tmp_path: Path, way: str) -> None:
    """Losses, gradients and running statistics, with batch normalisation over the whole batch."""
    found = []
    for count in (1, 2):
        out = tmp_path / f"{count}.npz"
        run_ranks(count, [str(FOLDER / "rank_step.py"), str(out), way], FOLDER)
        with np.load(out) as file:
            found.append({name: file[name] for name in file.files})
    one, two = found
    assert (int(one.pop("processes")), int(two.pop("processes"))) == (1, 2)
    assert one.keys() == two.keys()
    for name, array in one.items():
        difference, loss = np.linalg.norm(two[name] - array), name.startswith("loss")
        assert difference < (1e-4 if loss else 2e-3 * max(np.linalg.norm(array), 1e-3)), name


@needs_mpi
@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """The training script under mpirun: same losses, one log, one checkpoint, which can go on."""
    write_boxes(tmp_path)
    (tmp_path / "boxes.yaml").write_text(SETTINGS)
    inside = FOLDER.parents[1] / "Instance-level"

    def train(count: int, *options: str) -> list[dict[str, float]]:
        settings = {"data.root": tmp_path, "log.save_root": tmp_path / "runs",
                    "log.run_name": count, "model.dropout": 0.0, "log.log_every": 1}
        given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        printed = run_ranks(count, ["RetrievalNet_sag_con.py", "--config",
                                    str(tmp_path / "boxes.yaml"), *given, *options], inside)
        assert printed.count("results in") == 1
        text = (tmp_path / "runs" / str(count) / "log.jsonl").read_text()
        return [line for line in map(json.loads, text.splitlines()) if line["kind"] == "train"]

    one, two = train(1, "--set", "optim.epochs=1"), train(2, "--set", "optim.epochs=1")
    assert len(one) == len(two) > 3
    assert one[0]["loss"] == pytest.approx(two[0]["loss"], rel=1e-4)
    for a, b in zip(one, two):  # Adam's first steps are of one size, whatever rounding does
        assert a["loss"] == pytest.approx(b["loss"], rel=0.1)
    more = train(2, "--set", "optim.epochs=2", "--resume")
    assert len(more) == 2 * len(two) and more[:len(two)] == two
    state = checkpoint.load(tmp_path / "runs" / "2").state
    assert state["progress"]["total_steps"] == len(more)


@needs_mpi
def test_a_batch_that_cannot_be_dealt_evenly_is_refused(tmp_path: Path) -> None:
    write_boxes(tmp_path)
    (tmp_path / "boxes.yaml").write_text(SETTINGS)
    with pytest.raises(AssertionError, match="cannot be dealt evenly to 2 processes"):
        run_ranks(2, ["RetrievalNet_sag_con.py", "--config", str(tmp_path / "boxes.yaml"),
                      "--set", f"data.root={tmp_path}", "--set", f"log.save_root={tmp_path}",
                      "--set", "data.batch_size=5"], FOLDER.parents[1] / "Instance-level")


@needs_mpi
def test_an_error_in_one_process_ends_all(tmp_path: Path) -> None:
    """Only the first one sees that the folder is taken; the other waits for it meanwhile."""
    write_boxes(tmp_path)
    (tmp_path / "boxes.yaml").write_text(SETTINGS)
    (tmp_path / "boxes" / "last.safetensors").write_bytes(b"")
    with pytest.raises(AssertionError, match="already holds a run"):
        run_ranks(2, ["RetrievalNet_sag_con.py", "--config", str(tmp_path / "boxes.yaml"),
                      "--set", f"data.root={tmp_path}", "--set", f"log.save_root={tmp_path}"],
                  FOLDER.parents[1] / "Instance-level")
