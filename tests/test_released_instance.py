"""All that the released instance-level code did, switched on at once: it trains, is tested in both
kinds of gallery and searched with, and each report says what it is.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import trimesh
from boxes_data import SETTINGS, write_boxes

from crossmodal import checkpoint
from crossmodal.config import Config, load_config, override
from crossmodal.config.released import TEST_EPOCH, departures
from crossmodal.models.encode import Encoder
from crossmodal.prepare.splits import our_split, split_notes, write_split
from crossmodal.retrieval.library import index_library, search
from crossmodal.retrieval.query_image import QueryPicture

KEYS = ["data.mask_dir_lists=train", "data.train_masks=raw", "data.validation_from=test",
        "data.fill_up=gallery", "data.augmentation=released", "model.view_channels=4",
        "model.style_form=released", "model.stem_start=random", "loss.plain_query=0.0",
        "loss.consistency_form=released", "loss.contrast_form=released"]
NOTES = [TEST_EPOCH, f"released behaviour, not the paper's: {', '.join(KEYS)}"]


def script(repo_root: Path, name: str) -> ModuleType:
    """A script of Instance-level as a module."""
    specification = importlib.util.spec_from_file_location(
        f"released_{name}", repo_root / "Instance-level" / f"{name}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # where its dataclasses look for their types
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Boxes, four views each, and a second library of eight of them."""
    root = tmp_path_factory.mktemp("released")
    folder = write_boxes(root)
    for path in sorted(folder.glob("rendering_boxes/*/*.npy"))[:8]:
        copy = root / "shapenet4" / f"rendering_shapenet{path.parent.name}s" / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (root / "boxes.yaml").write_text(SETTINGS)
    return load_config(root / "boxes.yaml", [
        f"data.root={root}", f"log.save_root={root / 'runs'}", "optim.max_steps=2",
        "data.mask_dir=mask", "data.validation_fraction=0", "data.views_per_step=0",
        "log.tensorboard=true", *KEYS])


@pytest.fixture(scope="module")
def run(config: Config, repo_root: Path) -> Path:
    """The folder of a run of two steps."""
    training = script(repo_root, "RetrievalNet_sag_con").Training(config)
    training.run()
    return training.folder


def arguments(config: Config) -> list[str]:
    return ["--config", str(Path(config.data.root) / "boxes.yaml"), "--set",
            f"data.root={config.data.root}", "--set", f"log.save_root={config.log.save_root}"]


def test_all_of_it_is_on(config: Config) -> None:
    assert departures(config) == KEYS
    assert [key.split("=")[0] for key in KEYS] == list(Config.RELEASED)


def test_it_trains_and_the_test_set_chooses_the_epoch(config: Config, run: Path) -> None:
    lines = [json.loads(text) for text in (run / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "train"]
    terms = {"instance", "category", "consistency", "contrast"}
    assert len(steps) == 2 and terms <= set(steps[0]) and "plain_instance" not in steps[0]
    assert all(np.isfinite(steps[-1][name]) for name in terms)
    assert [line["step"] for line in lines if line["kind"] == "validation"] == [2]
    assert (run / "best.safetensors").exists()


def test_the_released_epochs_are_validated(config: Config, repo_root: Path) -> None:
    """Every tenth epoch, and each one from the 51st on; Top-1 counts, and only above 0."""
    trainer = script(repo_root, "RetrievalNet_sag_con")
    training = trainer.Training.__new__(trainer.Training)
    training.config, training.dataset = config, SimpleNamespace(gallery=[], validation=[1])
    training.last_step, training.out_of_time = 10**9, False
    due = []
    for epoch in range(1, 61):
        training.progress = SimpleNamespace(epoch=epoch, total_steps=epoch)
        assert not training.validation_is_due(False)
        due += [epoch] if training.validation_is_due(True) else []
    assert due == [10, 20, 30, 40, *range(50, 61)]
    training.config = override(config, ["log.validate_every=0"])
    assert not training.validation_is_due(True)


def test_the_run_says_so(run: Path) -> None:
    lines = [json.loads(text) for text in (run / "log.jsonl").read_text().splitlines()]
    assert lines[:2] == [{"step": 0, "kind": "note", "text": text} for text in NOTES]
    assert sum(line["kind"] == "note" for line in lines) == 2
    assert (run / "config.yaml").read_text().startswith(f"# {NOTES[0]}\n# {NOTES[1]}\nseed:")
    events = b"".join(path.read_bytes() for path in (run / "tensorboard").iterdir())
    assert NOTES[1].encode() in events


@pytest.mark.parametrize("mode, shapes", [("simple", 12), ("shapenet", 8)])
def test_reports_say_what_they_measured(config: Config, run: Path, repo_root: Path, mode: str,
                                        shapes: int, capsys: pytest.CaptureFixture) -> None:
    """The test's own config says nothing of it: the run's does."""
    tester = script(repo_root, "RetrievalNet_test")
    folder = tester.main([*arguments(config), "--mode", mode])
    content = json.loads((folder / "metrics.json").read_text())
    assert content["gallery_size"] == shapes and content["overall"]["queries"] == 12
    assert content["released_behaviour"] == KEYS and content["notes"] == NOTES
    assert content["split"] is None
    state = checkpoint.load(run, "best").state  # the recipe is the network's, not the command's
    assert content["config"] == state["config"] and content["config_hash"] == state["config_hash"]
    assert content["seed"] == state["config"]["seed"] == config.seed
    assert content["tested_on"]["validation_from"] == "train"
    for text in ((folder / "table.md").read_text(), capsys.readouterr().out):
        assert text.rstrip().endswith("\n".join(NOTES)) and text.count(NOTES[1]) == 1


def test_a_comparison_says_so_once(config: Config, run: Path, repo_root: Path,
                                   capsys: pytest.CaptureFixture) -> None:
    tester = script(repo_root, "RetrievalNet_test")
    tester.main([*arguments(config), "--checkpoint", *[str(run / f"{which}.safetensors")
                                                       for which in ("last", "best")]])
    found = capsys.readouterr().out
    assert found.rstrip().endswith("\n".join(NOTES)) and found.count(NOTES[1]) == 1


def test_a_split_of_ours_is_named(config: Config, run: Path, repo_root: Path,
                                  capsys: pytest.CaptureFixture) -> None:
    place = Path(config.data.root) / "boxes"
    facts = write_split(place, our_split({"bed/1": "bed/a", "bed/2": "bed/a"}), {"gallery": 12})
    folder = script(repo_root, "RetrievalNet_test").main(arguments(config))
    (place / "split.json").unlink()
    content = json.loads((folder / "metrics.json").read_text())
    assert content["split"] == facts and content["notes"] == [*NOTES, *split_notes(facts)]
    for text in ((folder / "table.md").read_text(), capsys.readouterr().out):
        assert text.count(split_notes(facts)[0]) == 1


def test_a_test_of_the_papers_network_with_released_masks_says_so(
        config: Config, repo_root: Path) -> None:
    tester = script(repo_root, "RetrievalNet_test")
    encoder = Encoder.__new__(Encoder)
    encoder.trained = Config()
    paper = tester.Subject("paper", encoder, repo_root)
    today = override(Config(), ["data.mask_dir_lists=train", "data.train_masks=raw"])
    assert tester.released_in(paper, Config()) == []
    # how it was trained, its own config says
    assert tester.released_in(paper, today) == ["data.mask_dir_lists=train"]


def test_an_untrained_network_has_none_of_what_happens_in_training(
        config: Config, repo_root: Path) -> None:
    tester = script(repo_root, "RetrievalNet_test")
    encoder = Encoder.__new__(Encoder)
    encoder.trained = config
    untrained = tester.Subject("untrained", encoder, repo_root, Config.UNTRAINED)
    assert tester.released_in(untrained, config) == [
        "data.mask_dir_lists=train", "data.train_masks=raw", "model.view_channels=4",
        "model.stem_start=random"]


def test_it_searches_a_folder_of_meshes(run: Path, tmp_path: Path) -> None:
    for name, mesh in (("box", trimesh.creation.box((1, 2, 1))),
                       ("ball", trimesh.creation.icosphere(1))):
        (tmp_path / "meshes" / "any").mkdir(parents=True, exist_ok=True)
        mesh.export(tmp_path / "meshes" / "any" / f"{name}.ply")
    encoder = Encoder.from_checkpoint(run)
    gallery, _ = index_library(tmp_path / "meshes", tmp_path / "index", encoder, workers=0)
    assert gallery.tokens.shape == (2, 1, 16)  # four views are one token
    picture = QueryPicture(np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8), "all")
    assert len(search(gallery, encoder, [picture], 5)[0]) == 2
