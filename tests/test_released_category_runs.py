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
from crossmodal.config.released import TARGET_LABELS, TEST_WATCHED
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
                         "--test_interval", "2",
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
    assert [line["text"] for line in bench.log(released, "note")] == [
        TARGET_LABELS, TEST_WATCHED, NOTE]
    assert (folder / "config.yaml").read_text().startswith(
        f"# {TARGET_LABELS}\n# {TEST_WATCHED}\n# {NOTE}\n")
    events = b"".join(path.read_bytes() for path in (folder / "tensorboard").iterdir())
    assert TARGET_LABELS.encode() in events
    assert "target_classification" in bench.log(released)[0]
    assert bench.log(paper, "note") == []
    assert (bench.folder(paper) / "config.yaml").read_text().startswith("seed:")
    bench.train_script.main(options(bench, released, "--resume"))
    assert caplog.text.count(TARGET_LABELS) == 1 and caplog.text.count(NOTE) == 1
    assert "12 labelled target items" in caplog.text
    assert len(bench.log(released, "note")) == 3  # still


def test_it_tests_itself_before_the_last_iteration_of_an_interval(bench: Bench,
                                                                  released: str) -> None:
    """Of 4 iterations after the first and the third, on the whole batches of the test shapes."""
    found = bench.log(released, "validation")
    assert [line["step"] for line in found] == [1, 3]
    assert all(0 <= line["test_accuracy"] <= 1 and line["test_accuracy"] * 8 % 1 == 0
               for line in found)


def test_the_test_says_so(bench: Bench, released: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bench.test_script.main(["--checkpoint", str(bench.folder(released))])
    found = json.loads((folder / "metrics.json").read_text())
    assert found["notes"] == [TARGET_LABELS, TEST_WATCHED, NOTE]
    assert found["released_behaviour"] == SWITCHES
    assert (found["counts"]["queries"], found["counts"]["shapes"]) == (12, 9)  # whole lists
    for text in ((folder / "table.md").read_text(), capsys.readouterr().out):
        assert text.rstrip().endswith(f"{TARGET_LABELS}\n{TEST_WATCHED}\n{NOTE}")


def test_a_paper_run_says_nothing(bench: Bench, paper: str,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    folder = bench.test_script.main(["--checkpoint", str(bench.folder(paper))])
    found = json.loads((folder / "metrics.json").read_text())
    assert found["notes"] == [] == found["released_behaviour"] and found["split"] is None
    assert "released behaviour" not in capsys.readouterr().out
    assert found["counts"]["queries"] == 12
    assert "source_accuracy" in bench.log(paper, "validation")[0]


def test_a_comparison_names_the_run(bench: Bench, released: str, paper: str,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(bench.folder(name)) for name in (paper, released)]
    bench.test_script.main(bench.options("none", "--checkpoint", *runs, "--output",
                                         str(bench.root / "both")))
    text = (bench.root / "both" / "comparison.md").read_text()
    assert text in capsys.readouterr().out
    assert f"{released}: {TARGET_LABELS}\n" in text and f"{released}: {NOTE}\n" in text
    assert f"{paper}:" not in text


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
        "nobody", "--untrained", "features", "--set", "data.view_grouping=lines", "--set",
        "data.target_labels=used"))
    found = json.loads((folder / "metrics.json").read_text())
    assert found["released_behaviour"] == ["data.view_grouping=lines"]
    assert found["notes"] == ["released behaviour, not the paper's: data.view_grouping=lines"]
    assert TARGET_LABELS not in capsys.readouterr().out


def test_the_released_backbone_stays_as_it_is(bench: Bench, released: str, paper: str) -> None:
    """What never had a gradient does not decay either; running statistics move."""
    bench.train_script.main(options(bench, "start", "--num_iterations", "0"))
    start, here, there = (checkpoint.load(bench.folder(name)).model
                          for name in ("start", released, paper))
    backbone = [name for name in start if name.startswith("net.encoder.")]
    still = {name for name in backbone if here[name].tobytes() == start[name].tobytes()}
    assert still == {name for name in backbone if "running" not in name}
    name = "net.encoder.resnet.layer4.1.conv2.weight"
    assert np.abs(there[name] - start[name]).max() > 1e-4
    assert np.abs(here["net.bottleneck.weight"] - start["net.bottleneck.weight"]).max() > 1e-4


def test_on_stored_features_it_is_trained_in_the_same_way(bench: Bench) -> None:
    """As configs/kinds_released.yaml: below the split nothing is computed, styles are."""
    stored = options(bench, "stored", "--set", "data.image_variants=2", "--set",
                     "data.view_variants=2", "--set", "model.freeze=layer2", "--set",
                     "data.validation_on=source")
    bench.train_script.main(stored)
    found = bench.log("stored")
    assert all(np.isfinite(value) for line in found for value in line.values()
               if isinstance(value, float))
    assert found[-1]["consistency"] > 1e-9  # mixed pictures differ from plain ones
    model = checkpoint.load(bench.folder("stored")).model
    assert np.abs(model["pair_hidden"]).max() > 0 and "net.encoder.resnet.bn1.weight" in model


def test_a_stop_changes_nothing(bench: Bench, released: str) -> None:
    """The remembered rows are in the checkpoint."""
    bench.train_script.main(options(bench, "other", "--num_iterations", "2"))
    bench.train_script.main(options(bench, "other", "--resume"))
    assert_same_arrays(bench, "other", released)
    shutil.rmtree(bench.folder("other"))


def test_a_checkpoint_of_before_is_tested_and_not_gone_on_with(bench: Bench, paper: str) -> None:
    """Its keys are read in today's; a run that asked for what nothing computes today is over."""
    old = bench.folder("old")
    shutil.copytree(bench.folder(paper), old)
    saved = checkpoint.load(old)
    sections = saved.state["config"]
    sections["loss"].update(adversarial_sigmoid="twice", contrast_without_pair="skip")
    sections["data"].update(last_test_batch="keep", target_order="shuffled")
    del sections["loss"]["pictures"], sections["model"]["dropout"], sections["data"]["passes"]
    checkpoint.save(old, saved)
    folder = bench.test_script.main(["--checkpoint", str(old)])
    assert json.loads((folder / "metrics.json").read_text())["released_behaviour"] == [
        "loss.adversarial_form=released"]
    complaint = bench.refused(bench.train_script, "old", "--num_iterations", "9", "--resume")
    assert "loss.adversarial_sigmoid='twice'" in complaint and "start a new run" in complaint
    shutil.rmtree(old)
