"""Category-level training and test as a user starts them; no stop and no target label matters."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable
from unittest import mock

import numpy as np
import pytest
from category_bench import TEST, TRAIN, Bench, assert_same_arrays, assert_same_run
from category_data import KINDS, write_list
from scipy.io import loadmat
from training_runs import wait

from crossmodal import checkpoint
from crossmodal.config import CategoryConfig, load_tree
from crossmodal.data.loader import Loader, LoaderError
from crossmodal.training import run_state

STEPS, START_OF_OPL = 24, 12
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Bench:
    return Bench(tmp_path_factory.mktemp("category"), repo_root)


@pytest.fixture(scope="module")
def whole(bench: Bench) -> str:
    """The name of an uninterrupted run; its output is in output.txt beside its log."""
    output = bench.train("whole")
    (bench.folder("whole") / "output.txt").write_text(output)
    return "whole"


@pytest.fixture(scope="module")
def untrained(bench: Bench) -> str:
    """The name of a run that saved the network as it starts."""
    bench.train_script.main(bench.options("untrained", "--num_iterations", "0"))
    return "untrained"


@pytest.fixture
def other(bench: Bench) -> Any:
    """The name of a run that is cleared away after the test: its checkpoints are large."""
    yield "other"
    shutil.rmtree(bench.folder("other"), ignore_errors=True)


def test_it_learns_and_leaves_what_it_should(bench: Bench, whole: str) -> None:
    lines = bench.log(whole)
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    learnt = [line["classification"] for line in lines]
    assert np.mean(learnt[-6:]) < 0.7 * np.mean(learnt[:6])
    assert [("orthogonal" in line) for line in lines] == [i >= START_OF_OPL for i in range(STEPS)]
    assert {"adversarial", "regulariser", "centroid", "consistency", "contrast"} <= set(lines[0])
    assert [line["step"] for line in bench.log(whole, "validation")] == [8, 16, 24]
    assert {path.name for path in bench.folder(whole).iterdir()} >= {
        "config.yaml", "log.jsonl", "last.safetensors", "output.txt"}
    output = (bench.folder(whole) / "output.txt").read_text()
    assert "18 source pictures of 3 classes, 12 unlabelled target items of 4 views" in output
    assert "peak memory" in output and "next: python test.py --checkpoint" in output
    saved = checkpoint.load(bench.folder(whole))
    assert saved.state["classes"] == list(KINDS)
    assert saved.model["source_seen"].all() and saved.model["target"].any()  # moving centroids


def test_the_whole_network_has_moved(bench: Bench, whole: str, untrained: str) -> None:
    """By far more than weight decay alone would shrink it: 24 x 0.001 x 0.0005."""
    before, after = (checkpoint.load(bench.folder(n)).model for n in (untrained, whole))
    weights = [n for n, array in before.items() if n.startswith("net.") and array.ndim >= 2]
    assert len(weights) == 20 + 2  # ResNet-18's convolutions, bottleneck, classifier
    for name in weights:
        change = np.linalg.norm(after[name] - before[name]) / np.linalg.norm(before[name])
        assert change > 1e-3, name


def test_neither_workers_nor_validations_change_a_bit(bench: Bench, whole: str,
                                                      other: str) -> None:
    bench.train(other, "--set", "data.workers=2", "--test_interval", "0")
    assert_same_arrays(bench, other, whole)


def test_the_labels_of_the_target_are_never_read(bench: Bench, whole: str, other: str,
                                                 tmp_path: Path) -> None:
    garbage = ("", " who knows?", " -7", " 2.5", "\tdisc", " 99999999999999999999")
    folder, twin = bench.root / "kinds", tmp_path / "kinds"
    twin.mkdir()
    for name in ("photo", "view", "source_train.txt", "classes.txt"):
        (twin / name).symlink_to(folder / name)
    names = [line.rsplit(" ", 1)[0]
             for line in (folder / "target_train.txt").read_text().splitlines()]
    write_list(twin / "target_train.txt",
               [f"{name}{garbage[i % len(garbage)]}" for i, name in enumerate(names)])
    bench.train(other, "--set", f"data.root={tmp_path}")
    assert_same_run(bench, other, whole)


def test_sigterm_saves_and_resuming_changes_nothing(bench: Bench, whole: str, other: str) -> None:
    process = bench.start(other)
    wait(process, lambda: len(bench.log(other)) >= 5)
    process.terminate()
    assert process.wait(timeout=120) == 0
    progress = checkpoint.load(bench.folder(other)).state["progress"]
    assert progress["total_steps"] == bench.log(other)[-1]["step"] < STEPS
    bench.train(other, "--resume")
    assert_same_run(bench, other, whole)


def test_killed_again_and_again_it_becomes_the_same_run(bench: Bench, whole: str,
                                                        other: str) -> None:
    for steps, more in ((12, ()), (21, ("--resume",))):  # checkpoints are at 10 and 20
        process = bench.start(other, *more)
        wait(process, lambda steps=steps: len(bench.log(other)) >= steps)
        process.kill()
        process.wait()
        assert checkpoint.load(bench.folder(other)).state["progress"]["total_steps"] == \
            steps // 10 * 10
    bench.train(other, "--resume")
    assert_same_run(bench, other, whole)
    assert not list(bench.folder(other).glob("*.tmp"))


def test_a_run_is_not_overwritten_unless_told(bench: Bench, untrained: str) -> None:
    done = bench.run(TRAIN, untrained, "--num_iterations", "0")
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert "already holds a run: go on with --resume" in done.stdout.splitlines()[-1]
    path = bench.folder(untrained) / "last.safetensors"
    found = [path.read_bytes()]
    for seed in ("5", "3104"):
        bench.train_script.main(bench.options(untrained, "--num_iterations", "0", "--overwrite",
                                              "--set", f"seed={seed}"))
        found.append(path.read_bytes())
    assert found[0] == found[2] != found[1]
    bench.refused(bench.train_script, untrained, "--overwrite", "--s_dset_path", "nowhere.txt")
    assert path.read_bytes() == found[2]  # a start that fails costs nothing


def test_a_full_disk_at_the_start_costs_no_earlier_run(
        bench: Bench, untrained: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in bench.folder(untrained).glob("*.*")}
    monkeypatch.setattr(bench.train_script, "can_lower", mock.Mock(return_value=True))
    monkeypatch.setattr(bench.train_script, "lowered_domains",
                        mock.Mock(side_effect=OSError("the disk is full")))
    assert "the disk is full" in bench.refused(bench.train_script, untrained, "--overwrite",
                                               "--set", "seed=5")
    assert before == {path.name: path.read_bytes()
                      for path in bench.folder(untrained).glob("*.*")}


@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--resume",)])
def test_a_run_at_work_keeps_its_folder(bench: Bench, untrained: str,
                                        options: tuple[str, ...]) -> None:
    with run_state.reserved(bench.folder(untrained), resume=True):
        assert "another run is at work in this folder" in bench.refused(
            bench.train_script, untrained, "--num_iterations", "0", *options)


@pytest.mark.parametrize("asked", [True, False])
def test_a_stop_that_ends_the_workers_too_is_saved(
        bench: Bench, other: str, monkeypatch: pytest.MonkeyPatch, asked: bool) -> None:
    """Also right after a validation, which is not made again."""
    def stopping(loader: Loader[Any], epoch: int = 0, start: int = 0) -> Any:
        if loader.source is training.batches and start == 2:
            training.stop.requested = asked
            raise LoaderError("data worker 1 was killed by SIGTERM")
        yield from make(loader, epoch, start)

    make = Loader.epoch
    training = bench.train_script.Training(load_tree(
        CategoryConfig, bench.root / "kinds.yaml",
        [f"data.root={bench.root}", f"log.save_root={bench.root / 'runs'}",
         f"log.run_name={other}", "log.validate_every=2"]))
    monkeypatch.setattr(Loader, "epoch", stopping)
    if not asked:
        with pytest.raises(LoaderError):
            training.run()
        return
    training.run()
    assert checkpoint.load(bench.folder(other)).state["progress"]["total_steps"] == 2
    assert [line["step"] for line in bench.log(other, "validation")] == [2]


def test_a_run_is_not_continued_on_other_data(bench: Bench, whole: str) -> None:
    path = bench.root / "kinds" / "source_train.txt"
    text = path.read_text()
    try:
        write_list(path, text.splitlines()[:-3])
        assert "other data (data changed)" in bench.refused(bench.train_script, whole, "--resume")
    finally:
        path.write_text(text)


@pytest.mark.parametrize("more, complaint", [
    (("--resume", "--lr", "0.5"), "optim.lr: 0.001 -> 0.5"),
    (("--resume", "--net", "ResNet34"), "model.backbone: resnet18 -> resnet34"),
    (("--net", "ResNet19"), "--net: unknown backbone 'ResNet19'; did you mean 'ResNet18'"),
    (("--config", "./configs/nowhere.yaml"), "configs/nowhere.yaml does not exist"),
    (("--dset", "spheres"), "no list or folder source_train.txt"),
])
def test_settings_that_do_not_fit(bench: Bench, whole: str, more: tuple[str, ...],
                                  complaint: str) -> None:
    name = whole if "--resume" in more else "refused"
    assert complaint in bench.refused(bench.train_script, name, *more)
    assert not bench.folder("refused").exists()


LISTS: dict[str, tuple[str, Callable[[list[str]], list[str]], str]] = {
    "missing files": ("target_train", lambda lines: [*lines[:-1], "view/train/triangle_3/9.png 2"],
                      "no file for 1 of 48 pictures (first: line 48: "),
    "mixed view counts": ("target_train", lambda lines: lines[1:-3],
                          "lines 1 to 4: 4 consecutive views lie in 2 folders"),
    "incomplete shape": ("target_train", lambda lines: lines[:-1], "47 pictures are not a whole"),
    "empty target": ("target_train", lambda lines: [], "there is no picture in it"),
    "one class": ("source_train", lambda lines: [line[:-1] + "1" for line in lines],
                  "all 24 pictures have label 1; there is nothing to tell apart"),
    "no label": ("source_train", lambda lines: [*lines, "photo/train/disc 0.png"],
                 "line 25: expected \"path label\""),
    "binary": ("source_train", lambda lines: ["\udcff\udcfe\x00"], "not a readable list"),
}


@pytest.mark.parametrize("case", LISTS)
def test_hostile_training_lists(bench: Bench, case: str) -> None:
    name, change, complaint = LISTS[case]
    folder = bench.root / "kinds"
    lines = (folder / f"{name}.txt").read_text().splitlines()
    path = folder / f"{name} {case}.txt"
    path.write_bytes("".join(f"{line}\n" for line in change(lines)).encode(
        errors="surrogateescape"))
    flag = "--s_dset_path" if name.startswith("source") else "--t_dset_path"
    found = bench.refused(bench.train_script, "refused", flag, path.name)
    assert str(path) in found and complaint in found
    assert not bench.folder("refused").exists()


def test_a_test_leaves_its_report(bench: Bench, whole: str) -> None:
    done = bench.run(TEST, whole, "--protocol", "sc-ibsr-released")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "| triangle |" in done.stdout and "protocol sc-ibsr-released" in done.stdout
    folder = bench.folder(whole) / "test_sc-ibsr-released"
    assert {path.name for path in folder.iterdir()} == {
        "metrics.json", "table.md", "precision_recall.png", "tsne.png", "grid.png", "source.mat",
        "target.mat", "features.npz"}
    found = json.loads((folder / "metrics.json").read_text())
    assert found["protocol"] == "sc-ibsr-released" and set(found["per_category"]) == set(KINDS)
    assert (found["counts"]["queries"], found["counts"]["shapes"]) == (12, 9)
    assert found["config"]["optim"]["iterations"] == STEPS and found["seconds"]["embedding"] > 0
    assert found["unreadable"] == {"queries": 0, "shapes": 0}
    source, target = (loadmat(folder / f"{side}.mat") for side in ("source", "target"))
    assert source["source_feature"].shape == (12, 16) and target["target_label"].size == 9
    right = source["source_predict_label"].ravel() == source["source_label"].ravel()
    assert right.mean() > 0.6  # of three classes


def test_several_checkpoints_are_compared(bench: Bench, whole: str, untrained: str,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(bench.folder(name)) for name in (whole, untrained)]
    bench.test_script.main(bench.options("none", "--checkpoint", *runs, "--output",
                                         str(bench.root / "both")))
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in table] == ["method", "-" * 9, whole, untrained]
    assert "mAP" in table[0] and "ANMRR" in table[0]
    text = (bench.root / "both" / "comparison.md").read_text()
    assert table[0] in text and "protocol mi3dor" in text and "12 queries of 3 classes" in text
    found = [json.loads((bench.root / "both" / name / "metrics.json").read_text())
             for name in (whole, untrained)]
    assert found[0]["protocol"] == found[1]["protocol"] == "mi3dor"
    assert found[0]["model"] != found[1]["model"]


@pytest.mark.parametrize("side, change, complaint", [
    ("target_test", lambda line: line[:-1] + "3", "has label 3, but the network knows 3 classes"),
    ("source_test", lambda line: line[:-1] + "-1", "has label -1; a query needs its class"),
    ("target_test", lambda line: "nowhere/" + line, "no file for 36 of 36 pictures (first: line 1"),
])
def test_hostile_test_lists(bench: Bench, untrained: str, side: str,
                            change: Callable[[str], str], complaint: str) -> None:
    folder = bench.root / "kinds"
    lines = (folder / f"{side}.txt").read_text().splitlines()
    write_list(folder / f"{side} hostile.txt", [change(line) for line in lines])
    key = "gallery_list" if side.startswith("target") else "query_list"
    assert complaint in bench.refused(bench.test_script, untrained, "--set",
                                      f"data.{key}={side} hostile.txt")


def test_a_test_of_unreadable_pictures(bench: Bench, untrained: str) -> None:
    write_list(bench.root / "kinds" / "torn.png", ["no picture"])
    write_list(bench.root / "kinds" / "torn.txt", ["torn.png 0", "torn.png 1"])
    complaint = bench.refused(bench.test_script, untrained, "--set", "data.query_list=torn.txt")
    assert "none of 2 test items can be read" in complaint and "torn.png" in complaint


def test_a_checkpoint_that_is_not_there(bench: Bench) -> None:
    assert "no such checkpoint" in bench.refused(bench.test_script, "nobody")


@pytest.mark.parametrize("setting", ["model.backbone=resnet34", "data.image_size=64"])
def test_what_the_checkpoint_decides_is_not_for_a_test(bench: Bench, untrained: str,
                                                       setting: str) -> None:
    assert "a test takes that from the checkpoint" in bench.refused(
        bench.test_script, untrained, "--set", setting)
