"""VGG and AlexNet: golden forward pass, torchvision's tensors, their pools, style transition."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden.formula import uniform, weight
from golden.golden_arrays import assert_near, read
from weights.torch_files import whole, zip_file

from crossmodal.config import ModelConfig
from crossmodal.models import split_backbone
from crossmodal.models.backbones import alexnet, build_backbone, vgg
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.layers import BatchNorm
from crossmodal.models.retrieval_net import Encoder, RetrievalNet
from crossmodal.models.style_transition import StyleDraw
from crossmodal.models.tensors import assign, named_tensors, to_arrays
from crossmodal.runtime import jt
from crossmodal.weights.pretrained import find_pretrained

# Where torchvision has its convolutions, and their filters; the rest follows from it.
PLACES = {
    "vgg11": "0 3 6 8 11 13 16 18",
    "vgg13": "0 2 5 7 10 12 15 17 20 22",
    "vgg16": "0 2 5 7 10 12 14 17 19 21 24 26 28",
    "vgg19": "0 2 5 7 10 12 14 16 19 21 23 25 28 30 32 34",
    "vgg11_bn": "0 4 8 11 15 18 22 25",
    "vgg13_bn": "0 3 7 10 14 17 21 24 28 31",
    "vgg16_bn": "0 3 7 10 14 17 20 24 27 30 34 37 40",
    "vgg19_bn": "0 3 7 10 14 17 20 23 27 30 33 36 40 43 46 49",
}
FILTERS = {"vgg11": "64 128 256 256 512 512 512 512",
           "vgg13": "64 64 128 128 256 256 512 512 512 512",
           "vgg16": "64 64 128 128 256 256 256 512 512 512 512 512 512",
           "vgg19": "64 64 128 128 256 256 256 256 512 512 512 512 512 512 512 512"}
ALEXNET = {"features.0": (64, 3, 11, 11), "features.3": (192, 64, 5, 5),
           "features.6": (384, 192, 3, 3), "features.8": (256, 384, 3, 3),
           "features.10": (256, 256, 3, 3), "classifier.1": (4096, 9216),
           "classifier.4": (4096, 4096)}
HIDDEN = 16
Shapes = dict[str, tuple[int, ...]]


def narrow(name: str, in_channels: int = 3) -> Any:
    """The network with few hidden units: torchvision's first layer of them is 411 MB."""
    family = alexnet if name == "alexnet" else vgg
    return family.build(name, in_channels, HIDDEN)


@pytest.fixture
def few_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retrieval networks are built of narrow backbones."""
    monkeypatch.setattr(split_backbone, "build_backbone", narrow)


def formula_network(name: str) -> Any:
    network = narrow(name)
    tensors = named_tensors(network)
    assign(tensors, {n: weight(n, tuple(t.shape)) for n, t in tensors.items()})
    network.eval()
    return network


def stage_outputs(network: Any, x: np.ndarray) -> list[jt.Var]:
    found = [jt.array(x)]
    with jt.no_grad():
        for stage in network.stages:
            found.append(network.run_stage(stage, found[-1]))
        jt.sync_all(True)
    return found[1:]


@pytest.mark.parametrize("name", ["vgg11", "vgg11_bn", "alexnet"])
def test_golden(name: str) -> None:
    """Two images of 96 px: the last maps, 3x3 and 2x2, are smaller than the grids."""
    golden, network = read("sequential_networks", f"{name}."), formula_network(name)
    assert sorted(f"{n} {'x'.join(map(str, t.shape))}"
                  for n, t in named_tensors(network).items()) == golden["tensors"].tolist()
    stages = stage_outputs(network, uniform("image", (2, 3, 96, 96)))
    for number, stage in enumerate(stages):
        assert_near(stage.numpy().mean((2, 3)), golden[f"stage{number}"], 1e-4, str(number))
    vector = network.pool(stages[-1])
    assert tuple(vector.shape) == (2, network.out_features)
    assert_near(vector.numpy(), golden["vector"], 1e-4, "vector")


def torchvision_shapes(name: str) -> Shapes:
    weights: Shapes = dict(ALEXNET)
    if name != "alexnet":
        filters = [int(n) for n in FILTERS[name.removesuffix("_bn")].split()]
        weights = {f"features.{place}": (out, before, 3, 3) for place, out, before
                   in zip(PLACES[name].split(), filters, [3, *filters])}
        weights.update({"classifier.0": (4096, 25088), "classifier.3": (4096, 4096)})
    found = {f"{layer}.weight": shape for layer, shape in weights.items()}
    found.update({f"{layer}.bias": shape[:1] for layer, shape in weights.items()})
    for place in PLACES[name].split() if name.endswith("_bn") else ():
        for kind in ("weight", "bias", "running_mean", "running_var"):
            found[f"features.{int(place) + 1}.{kind}"] = weights[f"features.{place}"][:1]
    return found


@pytest.mark.parametrize("name", [*PLACES, "alexnet"])
def test_tensors_are_torchvisions(name: str) -> None:
    """At full size; nothing is computed, so nothing is allocated."""
    found = {n: tuple(t.shape) for n, t in named_tensors(build_backbone(name)).items()}
    assert found == torchvision_shapes(name)


@pytest.mark.parametrize("name, size, expected", [
    ("vgg11_bn", 32, [(64, 16), (128, 8), (256, 4), (512, 2), (512, 1)]),
    ("alexnet", 63, [(64, 7), (192, 3), (384, 3), (256, 3), (256, 1)])])
def test_smallest_picture(name: str, size: int, expected: list[tuple[int, int]]) -> None:
    network = formula_network(name)
    stages = stage_outputs(network, uniform("small", (1, 3, size, size)))
    assert [tuple(s.shape[1:]) for s in stages] == [(c, n, n) for c, n in expected]
    assert np.isfinite(network.pool(stages[-1]).numpy()).all()
    with pytest.raises(ValueError, match="too small to pool.*larger pictures"):
        stage_outputs(network, uniform("smaller", (1, 3, size // 2, size // 2)))


@pytest.mark.parametrize("name", ["vgg11_bn", "alexnet"])
def test_stages_hold_every_tensor_once(name: str) -> None:
    network = narrow(name)
    held = [id(t) for stage in network.stages for module in network.stage_modules(stage)
            for t in module.parameters()]
    assert sorted(held) == sorted(id(t) for t in network.parameters())


@pytest.mark.usefixtures("few_hidden")
def test_freezing_the_last_stage_leaves_the_head() -> None:
    encoder = Encoder("alexnet", 3, "layer1", 8, 0.0)
    encoder.freeze_through("layer4")
    moving = {n for n, t in named_tensors(encoder).items() if not t.is_stop_grad()}
    assert moving == {f"alexnet.fc.{n}" for n in ("0.weight", "0.bias", "1.weight", "1.bias")}


@pytest.mark.parametrize("name", ["vgg11", "alexnet"])
def test_start_keeps_activations_and_follows_the_seed(name: str) -> None:
    found = []
    for seed in (1, 1, 2):
        jt.core.set_seed(seed)
        tensors = named_tensors(narrow(name))
        jt.sync(list(tensors.values()))
        found.append({n: t.numpy() for n, t in tensors.items()})
    for n, array in found[0].items():
        assert np.array_equal(array, found[1][n])
        if n.endswith("bias"):
            assert not array.any()
        else:
            assert not np.array_equal(array, found[2][n])
            assert abs(array.std() * (np.prod(array.shape[1:]) / 2) ** 0.5 - 1) < 0.15, n


def test_hidden_layers_drop_in_training_only() -> None:
    network = formula_network("vgg11")
    x = jt.array(uniform("maps", (2, 512, 7, 7)))
    assert np.array_equal(network.pool(x).numpy(), network.pool(x).numpy())
    network.train()
    assert not np.array_equal(network.pool(x).numpy(), network.pool(x).numpy())


@pytest.mark.usefixtures("few_hidden")
@pytest.mark.parametrize("split", ["stem", "layer1", "layer2", "layer3"])
def test_style_transition_after_any_stage(split: str) -> None:
    """Plain and mixed queries differ unless every image keeps its own style."""
    net = RetrievalNet("vgg11_bn", "vgg11_bn", split, 8, 0.0)
    net.eval()
    images = jt.array(uniform("images", (2, 4, 32, 32)))
    views = jt.array(uniform("views", (2, 2, 1, 32, 32)))
    for mix, same in ((1.0, True), (0.0, False)):
        draw = StyleDraw(jt.array(np.array([1, 0])), jt.array(np.full(2, mix, np.float32)))
        with jt.no_grad():
            found = net(images, views, draw)
            plain, mixed = found.plain.numpy(), found.mixed.numpy()
        assert tuple(found.tokens.shape) == (2, 2, 8)
        assert np.allclose(plain, mixed, atol=1e-4) == same


@pytest.mark.usefixtures("few_hidden")
def test_style_transition_trains_both_lower_halves() -> None:
    net = RetrievalNet("vgg11", "vgg11", "stem", 8, 0.0)
    net.train()
    draw = StyleDraw(jt.array(np.array([1, 0])), jt.array(np.full(2, 0.5, np.float32)))
    found = net(jt.array(uniform("images", (2, 4, 32, 32))),
                jt.array(uniform("views", (2, 1, 1, 32, 32))), draw)
    tensors = [tower.network.features[0].weight
               for tower in (net.query_encoder, net.rendering_encoder)]
    scalar = (found.mixed * jt.array(uniform("direction", (2, 8)))).sum()
    for gradient in jt.grad(scalar, tensors):
        assert np.isfinite(gradient.numpy()).all() and np.abs(gradient.numpy()).max() > 0


def torch_weights(name: str, path: Path) -> dict[str, np.ndarray]:
    """Write a file like torchvision's; returns what is in it."""
    network = narrow(name)
    tensors = {n: weight(n, tuple(t.shape)) for n, t in named_tensors(network).items()}
    tensors["classifier.6.weight"] = np.zeros((1000, HIDDEN), np.float32)
    tensors["classifier.6.bias"] = np.zeros(1000, np.float32)
    for place, module in enumerate(network.features.layers.values()):
        if isinstance(module, BatchNorm):
            tensors[f"features.{place}.num_batches_tracked"] = np.array([7])
    path.write_bytes(zip_file([whole(n, array) for n, array in tensors.items()]))
    return tensors


@pytest.mark.usefixtures("few_hidden")
@pytest.mark.parametrize("name, released, count", [("vgg11_bn", "VGG11BN", 52),
                                                   ("alexnet", "AlexNet", 14)])
def test_both_towers_start_from_a_torch_file(
    name: str, released: str, count: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tensors = torch_weights(name, tmp_path / "weights.pth")
    model = ModelConfig(query_backbone=name, view_backbone=name, z_dim=8,
                        pretrained=str(tmp_path / "weights.pth"), gray_stem="sum")
    with caplog.at_level(logging.INFO):
        arrays = to_arrays(build_retrieval_net(model))
    assert caplog.text.count(f"{count} of {count} tensors loaded") == 2
    assert caplog.text.count("2 left out: classifier.6.weight, classifier.6.bias") == 2
    assert "not used" not in caplog.text and "random" not in caplog.text
    family, stem = name.split("11")[0], tensors["features.0.weight"]
    query = arrays[f"query_encoder.{family}.features.0.weight"]
    assert np.array_equal(query[:, :3], stem)
    assert np.allclose(query[:, 3], stem.mean(1), atol=1e-6)
    assert np.allclose(arrays[f"rendering_encoder.{family}.features.0.weight"][:, 0], stem.sum(1),
                       atol=1e-6)
    for tower in ("query_encoder", "rendering_encoder"):
        for n in set(tensors) - {"features.0.weight"}:
            if not n.startswith("classifier.6") and not n.endswith("tracked"):
                assert np.array_equal(arrays[f"{tower}.{family}.{n}"], tensors[n]), n


def test_a_name_is_not_taken_for_its_normalised_form(tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pretrained_resnet"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    (folder / "vgg16_bn-6c64b313.pth").write_bytes(b"")
    with pytest.raises(ValueError, match="no weights 'vgg16'"):
        find_pretrained("vgg16")
    assert find_pretrained("vgg16_bn").name == "vgg16_bn-6c64b313.pth"
    (folder / "vgg16-397923af.pth").write_bytes(b"")
    assert find_pretrained("vgg16").name == "vgg16-397923af.pth"
