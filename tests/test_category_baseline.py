"""The category level around a training: the floor, stored features, a checkpoint by itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from category_bench import TRAIN, Bench, assert_same_run
from training_runs import wait

from crossmodal import checkpoint

pytestmark = pytest.mark.slow
STORED = ("--set", "data.image_variants=2", "--set", "data.view_variants=2", "--set",
          "model.freeze=layer2", "--num_iterations", "12")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Bench:
    return Bench(tmp_path_factory.mktemp("baseline"), repo_root)


@pytest.fixture(scope="module")
def stored(bench: Bench) -> str:
    """The name of a run on stored features."""
    bench.train("stored", *STORED)
    return "stored"


@pytest.mark.parametrize("what", ["features", "centroids"])
def test_the_untrained_backbone_is_measured(bench: Bench, what: str,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    folder = bench.test_script.main(bench.options("nobody", "--untrained", what))
    assert "| triangle |" in capsys.readouterr().out
    assert folder == bench.folder("nobody") / f"untrained_{what}"
    found = json.loads((folder / "metrics.json").read_text())
    assert found["model"] == f"untrained {what}"
    assert found["counts"]["queries"] == 12 and 0 < found["overall"]["map"] <= 1


def test_training_on_stored_features_resumes_to_the_same_run(bench: Bench, stored: str) -> None:
    assert list((bench.root / "runs" / "cache").glob("lower_*.npy"))
    process = bench.start("other", *STORED)
    wait(process, lambda: len(bench.log("other")) >= 4)
    process.terminate()
    assert process.wait(120) == 0
    assert checkpoint.load(bench.folder("other")).state["progress"]["total_steps"] < 12
    bench.train("other", *STORED, "--resume")
    assert_same_run(bench, "other", stored)
    shutil.rmtree(bench.folder("other"))


def test_stored_features_change_what_lies_above_them_alone(bench: Bench, stored: str) -> None:
    bench.train_script.main(bench.options("start", *STORED[:-1], "0"))
    before, after = (checkpoint.load(bench.folder(n)).model for n in ("start", stored))
    moved = {name.split(".")[3] for name, array in before.items()
             if name.startswith("net.encoder.") and not np.array_equal(array, after[name])}
    assert moved == {"layer3", "layer4"}


def test_a_checkpoint_knows_its_data(bench: Bench, stored: str,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    folder = bench.test_script.main(["--checkpoint", str(bench.folder(stored))])
    assert folder == bench.folder(stored) / "test" and "| disc " in capsys.readouterr().out


def test_two_reports_never_share_a_folder(bench: Bench, stored: str, tmp_path: Path) -> None:
    twin = tmp_path / stored
    shutil.copytree(bench.folder(stored), twin)
    complaint = bench.refused(bench.test_script, stored, "--checkpoint",
                              str(bench.folder(stored)), str(twin), "--output", str(tmp_path))
    assert "two reports would lie in one folder" in complaint


def test_a_wrong_gpu_number_is_no_crash(bench: Bench) -> None:
    """The script starts anew with that GPU; without one it computes on the CPU."""
    done = bench.run(TRAIN, "gpu", "--gpu_id", "0", "--num_iterations", "0", "--set", "device=cpu")
    assert done.returncode == 0 and done.stdout.count("settings:") == 1, done.stdout[-2000:]
