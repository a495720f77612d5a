"""Training as a user starts it: it learns, and no stop, kill or number of workers changes a bit."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Callable
from unittest import mock

import numpy as np
import pytest
from boxes_data import SETTINGS, write_boxes
from training_runs import assert_same_checkpoint, assert_same_progress, wait

from crossmodal import checkpoint
from crossmodal.config import Config, ConfigError, OptimConfig, load_config
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.loader import Loader, LoaderError
from crossmodal.training import run_state

STEPS, PER_EPOCH = 24, 6
SCRIPT = "RetrievalNet_sag_con.py"
pytestmark = pytest.mark.slow


class Bench:
    """The tiny data set, and runs of the training script on it."""

    def __init__(self, root: Path, repo_root: Path) -> None:
        self.root, self.inside = root, repo_root / "Instance-level"
        write_boxes(root)
        (root / "boxes.yaml").write_text(SETTINGS)

    def folder(self, name: str) -> Path:
        return self.root / "runs" / name

    def command(self, name: str, options: tuple[str, ...]) -> list[str]:
        settings = {"data.root": self.root, "log.save_root": self.root / "runs",
                    "log.run_name": name, "optim.epochs": STEPS // PER_EPOCH}
        given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        config = str(self.root / "boxes.yaml")
        return [sys.executable, SCRIPT, "--config", config, *given, *options]

    def train(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run to the end, from inside the script's folder."""
        return subprocess.run(self.command(name, options), cwd=self.inside, text=True, timeout=900,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(name, options), cwd=self.inside,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def steps(self, name: str) -> list[int]:
        """Steps in the log so far."""
        path = self.folder(name) / "log.jsonl"
        whole = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
        return [line["step"] for line in map(json.loads, whole) if line["kind"] == "train"]

    def log(self, name: str) -> str:
        return (self.folder(name) / "log.jsonl").read_text()


def assert_same_run(bench: Bench, one: str, two: str) -> None:
    """Logs, weights, moments and counters of two finished runs agree to the last bit."""
    assert bench.log(one) == bench.log(two)
    for which in ("last", "best"):
        assert_same_checkpoint(bench.folder(one), bench.folder(two), which)
        assert_same_progress(bench.folder(one), bench.folder(two), which)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"), repo_root)


@pytest.fixture(scope="module")
def whole(bench: Bench) -> str:
    """The name of an uninterrupted run; its output is in output.txt beside its log."""
    done = bench.train("whole")
    assert done.returncode == 0, done.stdout[-3000:]
    (bench.folder("whole") / "output.txt").write_text(done.stdout)
    return "whole"


@pytest.fixture
def other(bench: Bench) -> Any:
    """The name of a run that is cleared away after the test: its checkpoints are large."""
    yield "other"
    shutil.rmtree(bench.folder("other"), ignore_errors=True)


def test_it_learns_and_leaves_what_it_should(bench: Bench, whole: str) -> None:
    lines = [json.loads(text) for text in bench.log(whole).splitlines()]
    losses = [line["loss"] for line in lines if line["kind"] == "train"]
    assert len(losses) == STEPS and bench.steps(whole) == list(range(1, STEPS + 1))
    assert np.mean(losses[-PER_EPOCH:]) < 0.85 * np.mean(losses[:PER_EPOCH])
    validated = [line for line in lines if line["kind"] == "validation"]
    assert [line["step"] for line in validated] == [6, 12, 18, 24]
    names = {path.name for path in bench.folder(whole).iterdir()}
    assert names == {"config.yaml", "log.jsonl", "speed.json", "last.safetensors",
                     "best.safetensors", "output.txt"}
    output = (bench.folder(whole) / "output.txt").read_text()
    assert "peak memory" in output and "next: python RetrievalNet_test.py --config" in output
    best = checkpoint.load(bench.folder(whole), "best").state["progress"]
    assert best["best"] == max(line["mrr"] for line in validated)


def test_two_workers_change_nothing(bench: Bench, whole: str, other: str) -> None:
    done = bench.train(other, "--set", "data.workers=2")
    assert done.returncode == 0, done.stdout[-3000:]
    assert_same_run(bench, other, whole)


def test_sigterm_saves_in_the_middle_of_an_epoch(bench: Bench, whole: str, other: str) -> None:
    process = bench.start(other)
    wait(process, lambda: len(bench.steps(other)) >= 8)
    process.terminate()
    assert process.wait(timeout=120) == 0
    progress = checkpoint.load(bench.folder(other)).state["progress"]
    assert progress["total_steps"] == bench.steps(other)[-1] < STEPS
    done = bench.train(other, "--resume")
    assert done.returncode == 0, done.stdout[-3000:]
    assert_same_run(bench, other, whole)


def test_killed_again_and_again_it_becomes_the_same_run(bench: Bench, whole: str,
                                                        other: str) -> None:
    """kill -9 before the first checkpoint, in the middle of epochs, and while a file is written."""
    folder = bench.folder(other)

    def writing() -> bool:
        return len(bench.steps(other)) > 8 and any(folder.glob("*.tmp"))

    moments: list[Callable[[], bool]] = [lambda: len(bench.steps(other)) >= 3,
                                         lambda: len(bench.steps(other)) >= 8, writing,
                                         lambda: len(bench.steps(other)) >= 20]
    for number, moment in enumerate(moments):
        again = (folder / "last.safetensors").exists()
        assert again == (number >= 2)
        process = bench.start(other, *(["--resume"] if again else []))
        if not again and number:
            wait(process, lambda: len(bench.steps(other)) < 3)  # the new log has begun
        wait(process, moment)
        process.kill()
        process.wait()
        for path in folder.glob("*.safetensors"):
            assert checkpoint.load(path).model  # whole, or not there
    done = bench.train(other, "--resume")
    assert done.returncode == 0, done.stdout[-3000:]
    assert_same_run(bench, other, whole)
    assert not list(folder.glob("*.tmp"))


def test_a_run_on_stored_features_resumes_too(bench: Bench, other: str) -> None:
    settings = [part for text in ("data.image_variants=2", "data.view_variants=2",
                                  "model.freeze=layer2", "model.split=layer2")
                for part in ("--set", text)]
    done = bench.train("stored", *settings)
    assert done.returncode == 0, done.stdout[-3000:]
    half = bench.train(other, *settings, "--set", "optim.max_steps=12")
    assert half.returncode == 0, half.stdout[-3000:]
    done = bench.train(other, *settings, "--resume")
    assert done.returncode == 0, done.stdout[-3000:]
    assert_same_run(bench, other, "stored")
    shutil.rmtree(bench.folder("stored"))


def test_aligned_heads_are_kept_for_the_next_run(bench: Bench, other: str) -> None:
    settings = [part for text in ("model.head_start=aligned", "head.steps=5", "optim.max_steps=3",
                                  "model.freeze=layer1") for part in ("--set", text)]
    first = bench.train("first", *settings)
    assert first.returncode == 0 and "heads aligned on" in first.stdout, first.stdout[-3000:]
    second = bench.train(other, *settings)
    assert second.returncode == 0 and "heads aligned on" not in second.stdout
    assert_same_run(bench, other, "first")
    shutil.rmtree(bench.folder("first"))


def test_without_validation_every_epoch_is_saved_too(bench: Bench, other: str) -> None:
    process = bench.start(other, "--set", "data.validation_fraction=0")
    wait(process, lambda: len(bench.steps(other)) >= PER_EPOCH + 2)
    process.kill()
    process.wait()
    progress = checkpoint.load(bench.folder(other)).state["progress"]
    assert progress["total_steps"] == PER_EPOCH and progress["history"] == []


@pytest.mark.parametrize("options, complaint", [
    ((), "already holds a run: go on with --resume"),
    (("--resume", "--set", "optim.lr=0.5"), "optim.lr: 0.0001 -> 0.5"),
    (("--resume", "--set", "model.z_dim=32"), "model.z_dim: 16 -> 32"),
    (("--set", "data.batchsize=4"), "unknown key 'data.batchsize'; did you mean 'data.batch_size'"),
    (("--config", "./configs/nowhere.yaml"), "configs/nowhere.yaml does not exist"),
    (("--set", "data.name=spheres"), "spheres"),
    (("--set", "model.query_backbone=resnet19"), "did you mean 'resnet18'"),
])
def test_what_cannot_be_is_said_in_one_line(bench: Bench, whole: str, options: tuple[str, ...],
                                            complaint: str) -> None:
    before = (bench.folder(whole) / "config.yaml").read_text()
    name = whole if not options or "--resume" in options else "refused"
    done = bench.train(name, *options)
    assert done.returncode == 1
    assert complaint in done.stdout.splitlines()[-1] and "Traceback" not in done.stdout
    assert (bench.folder(whole) / "config.yaml").read_text() == before


@pytest.fixture(scope="module")
def script(repo_root: Path) -> ModuleType:
    """The training script as a module."""
    place = repo_root / "Instance-level" / SCRIPT
    specification = importlib.util.spec_from_file_location("train_instance", place)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_plan_is_epochs_or_fewer_steps(script: ModuleType) -> None:
    for limit, expected in ((0, 70), (30, 30), (100, 70)):
        config = Config(optim=OptimConfig(epochs=7, max_steps=limit))
        assert script.planned_steps(config, 10) == expected
    stepwise = Config(optim=OptimConfig(schedule="step", step_epochs=[2, 4]))
    rate = script.planned_schedule(stepwise, 10, 70)
    assert [rate(step) for step in (0, 19, 20, 40)] == pytest.approx([1, 1, 0.1, 0.01])


def main(script: ModuleType, bench: Bench, name: str, *options: str) -> None:
    """Train in this process."""
    script.main(bench.command(name, options)[2:])


@pytest.fixture
def short(script: ModuleType, bench: Bench, other: str) -> str:
    """The name of a run of no step."""
    main(script, bench, other, "--set", "optim.epochs=0")
    return other


@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--resume",)])
def test_a_run_at_work_keeps_its_folder(script: ModuleType, bench: Bench, short: str,
                                        options: tuple[str, ...]) -> None:
    with run_state.reserved(bench.folder(short), resume=True):
        with pytest.raises(ConfigError, match="another run is at work in this folder"):
            main(script, bench, short, "--set", "optim.epochs=0", *options)


@pytest.mark.parametrize("settings, fails, error", [
    (("model.head_start=pca", "head.only=nowhere"), None, ConfigError),
    (("model.freeze=layer2", "model.split=layer2", "data.image_variants=2",
      "data.view_variants=2"), "lowered_batches", OSError),
])
def test_a_start_that_fails_costs_no_earlier_run(
        script: ModuleType, bench: Bench, short: str, monkeypatch: pytest.MonkeyPatch,
        settings: tuple[str, ...], fails: str | None, error: type[Exception]) -> None:
    if fails:
        monkeypatch.setattr(script, fails, mock.Mock(side_effect=OSError("the disk is full")))
    before = {path.name: path.read_bytes() for path in bench.folder(short).iterdir()}
    with pytest.raises(error):
        main(script, bench, short, "--overwrite",
             *(part for text in settings for part in ("--set", text)))
    assert before == {path.name: path.read_bytes() for path in bench.folder(short).iterdir()}


def test_a_run_is_not_continued_on_other_data(script: ModuleType, bench: Bench,
                                              short: str) -> None:
    path = bench.root / "boxes" / "boxes_train.json"
    text = path.read_text()
    try:
        path.write_text(json.dumps(json.loads(text)[:-3]))
        with pytest.raises(checkpoint.CheckpointError, match=r"other data \(data changed\)"):
            main(script, bench, short, "--resume")
    finally:
        path.write_text(text)


def test_data_may_move_but_not_change(script: ModuleType, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "boxes").symlink_to(bench.root / "boxes")
    here, there = (InstanceDataset.load(load_config(
        bench.root / "boxes.yaml", [f"data.root={root}"]).data) for root in (bench.root, tmp_path))
    assert here.folder != there.folder and here.train[0].mask is not None
    found = script.data_digest(here)
    assert script.data_digest(there) == found
    for part in ("train", "validation", "train_shapes", "gallery"):
        assert script.data_digest(replace(here, **{part: getattr(here, part)[1:]})) != found
    masked = [here.train[0]._replace(mask=None), *here.train[1:]]
    assert script.data_digest(replace(here, train=masked)) != found


@pytest.mark.parametrize("asked", [True, False])
def test_a_stop_that_ends_the_workers_too_is_saved(
        script: ModuleType, bench: Bench, short: str, monkeypatch: pytest.MonkeyPatch,
        asked: bool) -> None:
    def stopping(loader: Loader[Any], epoch: int = 0, start: int = 0) -> Any:
        for count, batch in enumerate(make(loader, epoch, start)):
            if count == 2:
                training.stop.requested = asked
                raise LoaderError("data worker 1 was killed by SIGTERM")
            yield batch

    make = Loader.epoch
    config = load_config(bench.root / "boxes.yaml", bench.command(short, ())[5::2])
    training = script.Training(config, overwrite=True)
    monkeypatch.setattr(Loader, "epoch", stopping)
    if not asked:
        with pytest.raises(LoaderError):
            training.run()
        return
    training.run()
    progress = checkpoint.load(bench.folder(short)).state["progress"]
    assert (progress["epoch"], progress["step"], progress["total_steps"]) == (0, 2, 2)
    assert bench.steps(short) == [1, 2]
