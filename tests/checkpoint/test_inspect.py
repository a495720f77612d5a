"""``inspect`` says what a file is, from its tensors, and runs nothing of it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from checkpoint.released_files import (
    LIGHT,
    RELEASED_CMIC,
    RELEASED_SC_IBSR,
    SMALL,
    empty_arrays,
    formula_arrays,
    shapes_of,
    write_jittor,
    write_torch,
)
from weights.torch_files import zip_file

from crossmodal import checkpoint
from crossmodal.checkpoint import CheckpointError
from crossmodal.checkpoint.__main__ import main
from crossmodal.checkpoint.contents import Contents, Kind, sort_tensors
from crossmodal.checkpoint.describe import describe, tensor_lines
from crossmodal.checkpoint.towers import backbone_shapes, find_towers
from crossmodal.config import CategoryConfig, Config, override, to_dict
from crossmodal.config.released import TARGET_LABELS
from crossmodal.models.backbones import NAMES
from crossmodal.training.run_state import Progress
from crossmodal.weights.torch_file import LEGACY_MAGIC, LEGACY_PROTOCOL

STEM = "query_encoder.mobilenet_v2.features.0.0.weight"
HEADS = {"vgg": "classifier.6.weight", "alexnet": "classifier.6.weight",
         "mobilenet_v2": "classifier.1.weight", "resnet": "fc.weight"}


def contents_of(*towers: object, **changes: tuple[int, ...]) -> Contents:
    """Of a retrieval network, with more tensors, or with others ((), to leave one out)."""
    shapes = {**shapes_of(*towers), **changes}  # type: ignore[arg-type]
    return sort_tensors(empty_arrays({n: s for n, s in shapes.items() if s or "tracked" in n}))


@pytest.mark.parametrize("towers, kind", [
    (RELEASED_SC_IBSR, Kind.SC_IBSR), (RELEASED_CMIC, Kind.CMIC), (SMALL, Kind.RETRIEVAL),
    (("resnet50", "resnet50", 4, 1), Kind.RETRIEVAL),
    (("mobilenet_v2", "resnet34", 3, 1), Kind.RETRIEVAL)])
def test_retrieval_networks(towers: tuple[str, str, int, int], kind: Kind) -> None:
    found = contents_of(*towers)
    assert found.kind is kind and found.extra == []
    assert [(t.backbone, t.channels, t.head) for t in found.towers] == [
        (towers[0], towers[2], 128), (towers[1], towers[3], 128)]
    assert all(t.missing == t.mismatched == () and t.fitting == t.expected for t in found.towers)
    assert found.attention == ["attention.linear_in.weight", "attention.linear_out.weight"]
    assert found.counters > 30 and not any("tracked" in name for name in found.tensors)


@pytest.mark.parametrize("name", NAMES)
def test_every_architecture_by_its_shapes(name: str) -> None:
    shapes, _ = backbone_shapes(name)
    head = next(head for family, head in HEADS.items() if name.startswith(family))
    width = 4096 if head == "classifier.6.weight" else list(shapes.values())[-1][0]
    found = sort_tensors(empty_arrays({**shapes, head: (1000, width), head[:-6] + "bias": (1000,)}))
    assert found.kind is Kind.ARCHITECTURE and found.extra == []
    (tower,) = found.towers
    assert (tower.backbone, tower.channels, tower.head, tower.missing) == (name, 3, 1000, ())


def test_a_file_that_lacks_a_part_names_it() -> None:
    """ResNet-50 without its layer4: not another depth."""
    shapes = {name: shape for name, shape in backbone_shapes("resnet50")[0].items()
              if not name.startswith("layer4.2.")}
    shapes["layer1.0.bn1.weight"] = (63,)
    (tower,) = find_towers(shapes)
    assert tower.backbone == "resnet50" and tower.head is None
    assert set(tower.missing) == {n for n in backbone_shapes("resnet50")[0] if "layer4.2." in n}
    assert tower.mismatched == ("layer1.0.bn1.weight (63,) for (64,)",)


def test_extra_tensors_are_named() -> None:
    found = contents_of(*SMALL, **{"decoder.weight": (3, 3), "rendering_encoder.mlp.bias": (4,)})
    assert found.kind is Kind.RETRIEVAL
    assert found.extra == ["decoder.weight", "rendering_encoder.mlp.bias"]
    text = "\n".join(tensor_lines(found))
    assert "2 tensors in no tower: decoder.weight, rendering_encoder.mlp.bias" in text
    assert "| query_encoder.resnet     | resnet18 |        4 | 100 of 100 |  128 |" in text
    assert "attention.linear_in.weight (128, 128)" in text
    assert "42 counters of batches (num_batches_tracked) are ignored" in text


@pytest.mark.parametrize("arrays", [
    {"layer1.weight": np.zeros((2, 2))},
    {"conv1.weight": np.zeros((64, 3, 7, 7))},
    {"features.0.weight": np.zeros((64, 3, 3, 3)), "a.conv1.weight": np.zeros(3)}])
def test_unknown_tensors(arrays: dict[str, np.ndarray]) -> None:
    found = sort_tensors(arrays)
    assert found.kind is Kind.UNKNOWN and found.towers == []
    assert f"{list(arrays)[0]} {arrays[list(arrays)[0]].shape}" in tensor_lines(found)


@pytest.mark.parametrize("form", ["plain.pth", "wrapped.pth", "jittor.pkl", "jittor.pt"])
def test_files_of_every_form(tmp_path: Path, form: str,
                             capsys: pytest.CaptureFixture[str]) -> None:
    """A released checkpoint comes from torch or from Jittor, in a wrapper, from several GPUs."""
    path, arrays = tmp_path / form, formula_arrays(shapes_of(*LIGHT, dim=8))
    if form.startswith("jittor"):
        write_jittor(path, {"net": arrays})
    else:
        write_torch(path, arrays, *(("state_dict", "module.") if "wrapped" in form else ()))
    assert main(["inspect", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: {Kind.RETRIEVAL.value}"
    assert any(line.startswith("| rendering_encoder.mobilenet_v2 | mobilenet_v2 |        1 |")
               for line in lines)
    assert "tensors in no tower" not in "\n".join(lines)
    assert lines[-1].startswith("to use it: python -m crossmodal.checkpoint convert")


class Touch:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> object:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("name", ["hostile.pth", "hostile.pkl", "hostile.pt"])
@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_hostile_files_are_refused_and_nothing_runs(
        tmp_path: Path, name: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    marker, path = tmp_path / "ran", tmp_path / name
    value = {"state_dict": {"query_encoder.resnet.conv1.weight": Touch(marker)}}
    if name.endswith("pth"):
        path.write_bytes(zip_file([], pickle.dumps(value, 2)))
    else:
        write_jittor(path, value)
    out = [] if command == "inspect" else ["--out", str(tmp_path / "out")]
    assert main([command, str(path), *out]) == 1
    assert "refused" in capsys.readouterr().err
    assert not marker.exists() and not (tmp_path / "out").exists()


def test_a_checkpoint_of_the_instance_level(tmp_path: Path) -> None:
    config = override(Config(), ["data.views=4", "model.query_backbone=mobilenet_v2"])
    arrays = empty_arrays(shapes_of(*LIGHT, dim=8))
    progress = Progress(epoch=3, total_steps=120, best=0.5, history=[{"epoch": 2, "mrr": 0.5}])
    checkpoint.save(tmp_path, checkpoint.Checkpoint(
        model={n: a for n, a in arrays.items() if "tracked" not in n},
        state={"config": to_dict(config), "config_hash": "abc", "progress": vars(progress)}))
    text = "\n".join(describe(tmp_path))
    assert text.startswith(f"{tmp_path}/last.safetensors: checkpoint of this project, instance")
    assert "settings abc: data.views=4 model.query_backbone=mobilenet_v2\n" in text
    assert "epoch 3" in text and "total_steps 120" in text and "best 0.5" in text
    assert "last of 1 validations: epoch 2, mrr 0.5" in text and "numpy 1." in text
    row = "| rendering_encoder.mobilenet_v2 | mobilenet_v2 |        1 | 260 of 260 |    8 |"
    assert row in text
    assert "released" not in text


def test_a_checkpoint_of_the_category_level_says_what_was_released(tmp_path: Path) -> None:
    config = override(CategoryConfig(), ["data.target_labels=used", "model.gradients=heads"])
    arrays = empty_arrays({f"net.encoder.resnet.{n}": s
                           for n, s in backbone_shapes("resnet18")[0].items()})
    checkpoint.save(tmp_path / "a.safetensors", checkpoint.Checkpoint(
        model={**arrays, "net.classifier.bias": np.zeros(2)},
        state={"config": to_dict(config), "classes": ["bed", "chair"]}))
    text = "\n".join(describe(tmp_path / "a.safetensors"))
    assert "checkpoint of this project, category level" in text and "2 classes: bed, chair" in text
    assert TARGET_LABELS in text and "model.gradients=heads" in text
    assert "1 tensors in no tower: net.classifier.bias" in text


def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    (tmp_path / "notes.txt").write_text("none")
    for name, complaint in (("nowhere.pth", "no such checkpoint"), ("torn.safetensors", "4 bytes"),
                            ("notes.txt", "weights are read from .safetensors")):
        assert main(["inspect", str(tmp_path / name)]) == 1
        assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(), (32,)])
def test_a_first_convolution_of_the_wrong_kind(shape: tuple[int, ...]) -> None:
    shapes = {**shapes_of(*LIGHT, dim=8), STEM: shape}
    found = sort_tensors(empty_arrays(shapes))
    assert found.kind is Kind.UNKNOWN and len(found.towers) == 1


@pytest.mark.parametrize("parts", [[[1]], [{"little_endian": True}, {"a": 1}, 5],
                                   [{"little_endian": True}, {"a": 1}, [[1]]]])
def test_torn_old_files_of_torch_are_named(tmp_path: Path, parts: list,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "old.pth"
    stream = [LEGACY_MAGIC, LEGACY_PROTOCOL, *parts]
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in stream) + bytes(8))
    assert main(["inspect", str(path)]) == 1
    assert f"{path}: not a complete torch file" in capsys.readouterr().err


def test_a_checkpoint_without_settings_or_with_a_strange_state(tmp_path: Path) -> None:
    some = {"net.x": np.zeros(2, np.float32)}
    path = checkpoint.save(tmp_path / "a.safetensors", checkpoint.Checkpoint(model=some))
    assert "no settings are stored in it" in describe(path)
    strange = checkpoint.Checkpoint(model=some, state={"progress": 3})
    path = checkpoint.save(tmp_path / "b.safetensors", strange)
    with pytest.raises(CheckpointError, match=r"b\.safetensors: .progress. of its state is 3"):
        describe(path)
