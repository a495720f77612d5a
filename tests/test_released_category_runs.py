"""A run with the released code's behaviour says so wherever its numbers stand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from category_bench import Bench, assert_same_arrays

from crossmodal import checkpoint
from crossmodal.config import CategoryConfig
from crossmodal.config.released import TARGET_LABELS
from crossmodal.prepare.splits import our_split, split_notes, write_split

pytestmark = pytest.mark.slow
STEPS = 4
SWITCHES = [f"{key}={value}" for key, value in CategoryConfig.RELEASED.items()]
NOTE = "released behaviour, not the paper's: " + ", ".join(SWITCHES)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Bench:
    return Bench(tmp_path_factory.mktemp("released"), repo_root)


def options(bench: Bench, name: str, *more: str, switches: list[str] = SWITCHES) -> list[str]:
    return bench.options(name, "--num_iterations", str(STEPS), "--set", "log.tensorboard=true",
                         *(part for text in switches for part in ("--set", text)), *more)


@pytest.fixture(scope="module")
def released(bench: Bench) -> str:
    """The name of a run with every released behaviour."""
    bench.train_script.main(options(bench, "released"))
    return "released"


@pytest.fixture(scope="module")
def paper(bench: Bench) -> str:
    bench.train_script.main(options(bench, "paper", switches=[]))
    return "paper"


def test_the_training_says_so(bench: Bench, released: str, paper: str,
                              caplog: pytest.LogCaptureFixture) -> None:
    folder = bench.folder(released)
    assert [line["text"] for line in bench.log(released, "note")] == [TARGET_LABELS, NOTE]
    assert (folder / "config.yaml").read_text().startswith(f"# {TARGET_LABELS}\n# {NOTE}\n")
    events = b"".join(path.read_bytes() for path in (folder / "tensorboard").iterdir())
    assert TARGET_LABELS.encode() in events
    assert "target_classification" in bench.log(released)[0]
    assert bench.log(paper, "note") == []
    assert (bench.folder(paper) / "config.yaml").read_text().startswith("seed:")
    bench.train_script.main(options(bench, released, "--resume"))
    assert caplog.text.count(TARGET_LABELS) == 1 and caplog.text.count(NOTE) == 1
    assert "12 labelled target items" in caplog.text
    assert len(bench.log(released, "note")) == 2  # still


def test_the_test_says_so(bench: Bench, released: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bench.test_script.main(["--checkpoint", str(bench.folder(released))])
    found = json.loads((folder / "metrics.json").read_text())
    assert found["notes"] == [TARGET_LABELS, NOTE] and found["released_behaviour"] == SWITCHES
    assert (found["counts"]["queries"], found["counts"]["shapes"]) == (8, 8)  # of 12 and 9
    for text in ((folder / "table.md").read_text(), capsys.readouterr().out):
        assert text.rstrip().endswith(f"{TARGET_LABELS}\n{NOTE}")


def test_a_paper_run_says_nothing_and_a_test_may_drop_its_last_batch(
        bench: Bench, paper: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bench.test_script.main(["--checkpoint", str(bench.folder(paper))])
    found = json.loads((folder / "metrics.json").read_text())
    assert found["notes"] == [] == found["released_behaviour"] and found["split"] is None
    assert "released behaviour" not in capsys.readouterr().out
    assert found["counts"]["queries"] == 12
    other = bench.test_script.main(["--checkpoint", str(bench.folder(paper)), "--set",
                                    "data.last_test_batch=drop"])
    found = json.loads((other / "metrics.json").read_text())
    assert other.name == "test_drop-last-batch" and found["counts"]["queries"] == 8
    assert found["released_behaviour"] == ["data.last_test_batch=drop"]


def test_a_comparison_names_the_run(bench: Bench, released: str, paper: str,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(bench.folder(name)) for name in (paper, released)]
    bench.test_script.main(bench.options("none", "--checkpoint", *runs, "--output",
                                         str(bench.root / "both")))
    text = (bench.root / "both" / "comparison.md").read_text()
    assert text in capsys.readouterr().out
    kept = NOTE.replace("data.last_test_batch=drop, ", "")  # these tests keep theirs
    assert f"{released}: {TARGET_LABELS}\n" in text and f"{released}: {kept}\n" in text
    assert f"{paper}:" not in text


def test_each_network_is_measured_by_its_own_protocol(
        bench: Bench, released: str, paper: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a config; what --set says holds for all."""
    runs = [str(bench.folder(name)) for name in (released, paper)]

    def queries(*more: str) -> list[int]:
        bench.test_script.main(["--checkpoint", *runs, "--output", str(bench.root / "own"), *more])
        return [json.loads((bench.root / "own" / name / "metrics.json").read_text())["counts"][
            "queries"] for name in (released, paper)]

    assert queries() == [8, 12]
    found = capsys.readouterr().out
    assert f"{released}: protocol mi3dor, features released-features: 8 queries" in found
    assert f"{paper}: protocol mi3dor, features released-features: 12 queries" in found
    assert queries("--set", "data.last_test_batch=keep") == [12, 12]


def test_a_split_of_ours_is_named(bench: Bench, paper: str,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    """Which pictures train and test, in the numbers; a sentence where the choice is ours."""
    shapes = {f"disc/{i}": "disc" for i in range(4)}
    facts = write_split(bench.root / "kinds", our_split(shapes), {"gallery": 1})
    folder = bench.test_script.main(["--checkpoint", str(bench.folder(paper))])
    bench.test_script.main(bench.options("nobody", "--untrained", "features"))
    found = json.loads((folder / "metrics.json").read_text())
    assert found["split"] == facts and found["notes"] == split_notes(facts) != []
    assert (folder / "table.md").read_text().endswith(f"{found['notes'][0]}\n")
    assert capsys.readouterr().out.count(found["notes"][0]) == 2
    (bench.root / "kinds" / "split.json").unlink()


def test_an_untrained_network_was_trained_with_no_labels(
        bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bench.test_script.main(bench.options(
        "nobody", "--untrained", "features", "--set", "data.last_test_batch=drop", "--set",
        "data.target_labels=used"))
    found = json.loads((folder / "metrics.json").read_text())
    assert found["released_behaviour"] == ["data.last_test_batch=drop"]
    assert found["notes"] == ["released behaviour, not the paper's: data.last_test_batch=drop"]
    assert TARGET_LABELS not in capsys.readouterr().out


def test_the_released_backbone_only_decays(bench: Bench, released: str, paper: str) -> None:
    """Weight decay shrinks its weights in proportion; a loss would turn them."""
    bench.train_script.main(options(bench, "start", "--num_iterations", "0"))
    start, here, there = (checkpoint.load(bench.folder(name)).model
                          for name in ("start", released, paper))
    name = "net.encoder.resnet.layer4.1.conv2.weight"
    ratio = float((here[name] * start[name]).sum() / (start[name] ** 2).sum())
    assert 1 - 1e-4 < ratio < 1 and np.abs(here[name] - ratio * start[name]).max() < 1e-7
    assert np.abs(there[name] - start[name]).max() > 1e-4
    assert np.abs(here["net.bottleneck.weight"] - start["net.bottleneck.weight"]).max() > 1e-4


def test_a_stop_changes_nothing(bench: Bench, released: str) -> None:
    """The remembered pairs are in the checkpoint."""
    bench.train_script.main(options(bench, "other", "--num_iterations", "2"))
    bench.train_script.main(options(bench, "other", "--resume"))
    assert_same_arrays(bench, "other", released)
    shutil.rmtree(bench.folder("other"))


def test_too_few_rows_for_the_classes_cost_no_earlier_run(bench: Bench, released: str) -> None:
    complaint = bench.refused(bench.train_script, released, "--overwrite", "--set",
                              "loss.centroid_classes=2")
    assert "loss.centroid_classes is 2, but there are 3 classes" in complaint
    assert (bench.folder(released) / "last.safetensors").exists()
