"""``convert`` makes a released network a checkpoint that the test script takes, or says why not."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from boxes_data import SETTINGS, write_boxes
from checkpoint.released_files import (
    LIGHT,
    RELEASED_CMIC,
    RELEASED_SC_IBSR,
    Arrays,
    empty_arrays,
    formula_arrays,
    shapes_of,
    write_jittor,
    write_torch,
)
from golden.formula import uniform

from crossmodal import checkpoint
from crossmodal.checkpoint import CheckpointError
from crossmodal.checkpoint.__main__ import main
from crossmodal.checkpoint.contents import Kind, sort_tensors
from crossmodal.checkpoint.convert import convert, fitting_config
from crossmodal.checkpoint.describe import describe
from crossmodal.config import Config, config_hash, from_dict, load_config
from crossmodal.models.encode import Encoder
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.runtime.digest import file_digest

QUERY, VIEW = "query_encoder.mobilenet_v2.", "rendering_encoder.mobilenet_v2."


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    """A small network of the released layout, its tensors by the formula."""
    return formula_arrays(shapes_of(*LIGHT, dim=8))


def write(path: Path, arrays: Arrays) -> Path:
    if path.suffix == ".pth":
        return write_torch(path, arrays, "state_dict", "module.")
    return write_jittor(path, arrays)


@pytest.mark.parametrize("name", ["torch.pth", "jittor.pkl", "jittor.pt"])
def test_the_network_gives_what_it_gave(tmp_path: Path, arrays: Arrays, name: str) -> None:
    source = write(tmp_path / name, arrays)
    path = convert(source, tmp_path / "run")
    assert path == tmp_path / "run" / "last.safetensors"
    net = RetrievalNet(*LIGHT[:2], "layer2", 8, 0.5, 4, 1)
    assign(named_tensors(net), {n: a for n, a in arrays.items() if "tracked" not in n})
    own = Encoder(net, Config())
    found = Encoder.from_checkpoint(tmp_path / "run", "cpu")
    images, views = uniform("images", (2, 4, 64, 64)), uniform("views", (2, 3, 1, 64, 64))
    assert np.array_equal(found.embed_images(images), own.embed_images(images))
    assert np.array_equal(found.embed_views(views), own.embed_views(views))
    assert np.array_equal(found.w_in, arrays["attention.linear_in.weight"])


def test_the_state_says_where_it_came_from(tmp_path: Path, arrays: Arrays) -> None:
    source = write(tmp_path / "released.pth", arrays)
    path = convert(source, tmp_path / "one.safetensors", settings=["data.name=mine"])
    state = checkpoint.load(path).state
    assert state["converted"] == {"source": "released.pth", "sha256": file_digest(source),
                                  "kind": Kind.RETRIEVAL.value}
    config = from_dict(state["config"], "state")
    assert state["config_hash"] == config_hash(config) and config.data.name == "mine"
    model = config.model
    assert (model.query_backbone, model.view_backbone, model.z_dim) == (*LIGHT[:2], 8)
    assert (model.query_channels, model.view_channels, model.pretrained) == (4, 1, None)
    assert not (tmp_path / "config.yaml").exists()
    convert(source, tmp_path / "run")
    assert load_config(tmp_path / "run" / "config.yaml").model == model


@pytest.mark.parametrize("towers, bridge", [(RELEASED_SC_IBSR, True), (RELEASED_CMIC, False)])
def test_the_released_networks_settings(towers: tuple[str, str, int, int], bridge: bool) -> None:
    found = fitting_config(sort_tensors(empty_arrays(shapes_of(*towers))), Config(), "it").model
    assert (found.query_backbone, found.view_backbone) == towers[:2]
    assert (found.query_channels, found.view_channels) == towers[2:]
    assert found.style_transition is bridge and found.z_dim == 128


def test_a_real_size_sc_ibsr_checkpoint(tmp_path: Path) -> None:
    """Two ResNet-50 with 4 channels, 128-d: stored in half precision, in a wrapper, as .pth."""
    arrays = empty_arrays(shapes_of(*RELEASED_SC_IBSR))
    arrays = {name: array.astype(np.float16) for name, array in arrays.items()}
    name = "rendering_encoder.resnet.conv1.weight"
    arrays[name] = np.arange(arrays[name].size).reshape(64, 4, 7, 7).astype(np.float16)
    path = convert(write_torch(tmp_path / "a.pth", arrays, "net", "module."), tmp_path / "run")
    saved = checkpoint.load(path)
    assert saved.state["converted"]["kind"] == "released SC-IBSR network"
    assert saved.state["config"]["model"]["view_channels"] == 4
    assert saved.model[name].dtype == np.float32 and len(saved.model) == 544
    assert np.array_equal(saved.model[name], arrays[name].astype(np.float32))


def test_the_test_script_takes_it(tmp_path: Path, arrays: Arrays, repo_root: Path) -> None:
    write_boxes(tmp_path)
    config = tmp_path / "boxes.yaml"
    config.write_text(SETTINGS.replace("name: boxes", f"name: boxes\n  root: {tmp_path}")
                      .replace("log:", f"log:\n  save_root: {tmp_path / 'runs'}"))
    write(tmp_path / "released.pth", arrays)
    assert main(["convert", str(tmp_path / "released.pth"), "--config", str(config), "--out",
                 str(tmp_path / "runs" / "released")]) == 0
    place = repo_root / "Instance-level" / "RetrievalNet_test.py"
    specification = importlib.util.spec_from_file_location("test_released_network", place)
    assert specification is not None and specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = script  # where its dataclasses look for it
    specification.loader.exec_module(script)
    folder = script.main(["--config", str(config), "--checkpoint",
                          str(tmp_path / "runs" / "released")])
    found = json.loads((folder / "metrics.json").read_text())
    assert found["overall"]["queries"] == 12 and 0 <= found["overall"]["top10"] <= 1


REFUSED = {  # changes of the light network's tensors, complaint
    "extra": ({"decoder.weight": (3, 3)}, "1 unexpected: decoder.weight"),
    "lacking": ({f"{QUERY}features.18.1.bias": None, "attention.linear_out.weight": None},
                f"2 missing: {QUERY}features.18.1.bias, attention.linear_out.weight"),
    "other shape": ({f"{VIEW}features.18.0.weight": (1280, 320, 3, 3)},
                    rf"1 mismatched: {VIEW}features.18.0.weight \(1280, 320, 3, 3\) instead of "
                    r"\(1280, 320, 1, 1\)"),
    "two lengths": ({f"{QUERY}fc.1.weight": (64, 1280)}, "length 64 and 8"),
    "no attention": ({"attention.linear_in.weight": None, "attention.linear_out.weight": None},
                     "unknown tensors, not a released retrieval network"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_listed(tmp_path: Path, arrays: Arrays, case: str) -> None:
    changes, complaint = REFUSED[case]
    changed = {name: array for name, array in arrays.items() if changes.get(name, ()) is not None}
    changed.update({name: np.zeros(shape, np.float32) for name, shape in changes.items() if shape})
    source = write(tmp_path / "a.pkl", changed)
    with pytest.raises(CheckpointError, match=complaint):
        convert(source, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    if case == "extra":
        assert convert(source, tmp_path / "run", ignore=["decoder."]).is_file()


def test_other_kinds_of_files_are_refused_with_a_remedy(tmp_path: Path, arrays: Arrays,
                                                        capsys: pytest.CaptureFixture[str]
                                                        ) -> None:
    weights = {name[len(QUERY):]: array for name, array in arrays.items()
               if name.startswith(QUERY) and ".fc." not in name}
    source = write_jittor(tmp_path / "mobilenet_v2.pkl", weights)
    out = ["--out", str(tmp_path / "run")]
    assert main(["convert", str(source), *out]) == 1
    assert f"--set model.pretrained={source}" in capsys.readouterr().err
    path = convert(write_jittor(tmp_path / "a.pkl", arrays), tmp_path / "own")
    assert main(["convert", str(path), *out]) == 1
    assert "is a checkpoint of this project" in capsys.readouterr().err
    before = path.read_bytes()
    assert main(["convert", str(tmp_path / "a.pkl"), "--out", str(tmp_path / "own")]) == 1
    assert "is there already" in capsys.readouterr().err and path.read_bytes() == before
    assert main(["convert", str(tmp_path / "a.pkl"), *out, "--set", "data.viws=3"]) == 1
    assert "did you mean 'data.views'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_it_is_a_program(tmp_path: Path, repo_root: Path, arrays: Arrays) -> None:
    write_jittor(tmp_path / "a.pkl", arrays)
    convert(tmp_path / "a.pkl", tmp_path / "run")
    done = subprocess.run([sys.executable, "-m", "crossmodal.checkpoint", "inspect",
                           str(tmp_path / "run")], cwd=repo_root, capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    assert "converted from a.pkl, retrieval network of the released layout" in done.stdout


def test_weights_that_are_no_numbers_are_named(tmp_path: Path, arrays: Arrays) -> None:
    name = "attention.linear_in.weight"
    source = write(tmp_path / "a.pkl", {**arrays, name: np.full((8, 8), np.nan, np.float32)})
    with pytest.raises(CheckpointError, match=f"a.pkl: 1 tensors have NaN.*{name}; fetch it"):
        convert(source, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert f"1 tensors with NaN or infinite numbers: {name}" in describe(source)
