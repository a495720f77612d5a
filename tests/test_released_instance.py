"""All that the released instance-level code did, switched on at once: it trains, is tested in both
kinds of gallery and searched with, and each report says what it is.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh
from boxes_data import SETTINGS, write_boxes

from crossmodal.config import Config, load_config, override
from crossmodal.config.instance_released import RELEASED_KEYS, released_behaviour
from crossmodal.models.encode import Encoder
from crossmodal.retrieval.library import index_library, search
from crossmodal.retrieval.query_image import QueryPicture

KEYS = ["data.mask_dir_lists=train", "data.train_masks=raw", "data.validation_from=test",
        "model.view_channels=4", "model.style_statistics=stem-released",
        "model.style_spread=root-std", "model.stem_start=random", "loss.plain_query=0.0",
        "loss.bridge_gradient=false", "loss.consistency_temperature=1.0",
        "loss.consistency_axis=columns", "loss.contrast_pairs=slot"]


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
        "data.mask_dir=mask", "data.validation_fraction=0", "data.views_per_step=0", *KEYS])


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
    assert released_behaviour(config) == KEYS
    assert tuple(key.split("=")[0] for key in KEYS) == RELEASED_KEYS


def test_it_trains_and_the_test_set_chooses_the_epoch(config: Config, run: Path) -> None:
    lines = [json.loads(text) for text in (run / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "train"]
    terms = {"instance", "category", "consistency", "contrast"}
    assert len(steps) == 2 and terms <= set(steps[0]) and "plain_instance" not in steps[0]
    assert all(np.isfinite(steps[-1][name]) for name in terms)
    assert [line["step"] for line in lines if line["kind"] == "validation"] == [2]
    assert (run / "best.safetensors").exists()


@pytest.mark.parametrize("mode, shapes", [("simple", 12), ("shapenet", 8)])
def test_reports_say_what_they_measured(config: Config, run: Path, repo_root: Path, mode: str,
                                        shapes: int, capsys: pytest.CaptureFixture) -> None:
    """The test's own config says nothing of it: the run's does."""
    tester = script(repo_root, "RetrievalNet_test")
    folder = tester.main([*arguments(config), "--mode", mode])
    content = json.loads((folder / "metrics.json").read_text())
    assert content["gallery_size"] == shapes and content["overall"]["queries"] == 12
    assert content["released_behaviour"] == KEYS
    note = f"Released code's behaviour, not the paper's: {', '.join(KEYS)}."
    assert note in capsys.readouterr().out and note in (folder / "table.md").read_text()


def test_a_test_of_the_papers_network_with_released_masks_says_so(
        config: Config, repo_root: Path) -> None:
    paper = Encoder.__new__(Encoder)
    paper.trained = Config()
    found = script(repo_root, "RetrievalNet_test").released_in
    assert found(paper, Config()) == []
    assert found(paper, override(Config(), ["data.mask_dir_lists=train", "data.train_masks=raw"])
                 ) == ["data.mask_dir_lists=train"]  # how it was trained, its own config says


def test_it_searches_a_folder_of_meshes(run: Path, tmp_path: Path) -> None:
    for name, mesh in (("box", trimesh.creation.box((1, 2, 1))),
                       ("ball", trimesh.creation.icosphere(1))):
        (tmp_path / "meshes" / "any").mkdir(parents=True, exist_ok=True)
        mesh.export(tmp_path / "meshes" / "any" / f"{name}.ply")
    encoder = Encoder.from_checkpoint(run)
    gallery, _ = index_library(tmp_path / "meshes", tmp_path / "index", encoder, workers=1)
    assert gallery.tokens.shape == (2, 1, 16)  # four views are one token
    picture = QueryPicture(np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8), "all")
    assert len(search(gallery, encoder, [picture], 5)[0]) == 2
