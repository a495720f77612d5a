"""Backbones equal the independent implementation, tensor by tensor and stage by stage."""

from __future__ import annotations

import numpy as np
import pytest
from golden.formula import uniform, weight
from golden.golden_arrays import assert_near, read

from crossmodal.kernels import library, maps
from crossmodal.models.backbones import NAMES, RELEASED_NAMES, backbone_name, build_backbone
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.runtime import jt

# torchvision's published parameter counts, less the 1000-class layer.
PARAMETERS = {"resnet18": 11_176_512, "resnet34": 21_284_672, "resnet50": 23_508_032,
              "resnet101": 42_500_160, "resnet152": 58_143_808, "mobilenet_v2": 2_223_872,
              "vgg11": 128_766_336, "vgg13": 128_950_848, "vgg16": 134_260_544,
              "vgg19": 139_570_240, "vgg11_bn": 128_771_840, "vgg13_bn": 128_956_736,
              "vgg16_bn": 134_268_992, "vgg19_bn": 139_581_248, "alexnet": 57_003_840}


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_golden(name: str, kernels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forward pass, two images of 64 px; weights from the formula; with both ways to compute.
    """
    if not kernels:
        monkeypatch.setattr(library, "load", lambda: False)
    golden, network = read("networks", f"{name}."), build_backbone(name)
    tensors = named_tensors(network)
    assert sorted(f"{n} {'x'.join(map(str, t.shape))}" for n, t in tensors.items()) == \
        golden["tensors"].tolist()
    assign(tensors, {n: weight(n, tuple(t.shape)) for n, t in tensors.items()})
    network.eval()
    x = jt.array(uniform("image", (2, 3, 64, 64)))
    with jt.no_grad():
        stages = []
        for stage in network.stages:
            x = network.run_stage(stage, x)
            stages.append(maps.mean(x, network.stage_channels[stage]) if maps.is_blocked(x)
                          else x.mean([2, 3]))
        jt.sync_all(True)
    assert network.out_features == stages[-1].shape[1]
    for number, stage in enumerate(stages):
        assert_near(stage.numpy(), golden[f"stage{number}"], 1e-4, network.stages[number])


def test_every_name_has_the_published_size() -> None:
    assert set(PARAMETERS) == set(NAMES)
    for name, count in PARAMETERS.items():
        tensors = named_tensors(build_backbone(name))
        found = sum(int(np.prod(t.shape)) for n, t in tensors.items() if "running" not in n)
        assert found == count, name


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
@pytest.mark.parametrize("channels", [1, 4])
def test_first_convolution_takes_the_channels_asked_for(name: str, channels: int) -> None:
    network = build_backbone(name, channels)
    assert named_tensors(network)[network.stem_weight].shape[1] == channels


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_stages_hold_every_tensor_once(name: str) -> None:
    network = build_backbone(name)
    held = [id(t) for stage in network.stages for module in network.stage_modules(stage)
            for t in module.parameters()]
    assert sorted(held) == sorted(id(t) for t in network.parameters())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_features_are_averaged_over_space(name: str) -> None:
    x = jt.array(uniform("maps", (2, 5, 3, 4)))
    assert np.array_equal(build_backbone(name).pool(x).numpy(), x.mean([2, 3]).numpy())


def test_released_names_are_taken_too() -> None:
    """The values of ``--net`` in the authors' category-level script."""
    assert set(RELEASED_NAMES) == {
        "ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152", "VGG11", "VGG13", "VGG16",
        "VGG19", "VGG11BN", "VGG13BN", "VGG16BN", "VGG19BN", "AlexNet"}
    for released, name in RELEASED_NAMES.items():
        assert backbone_name(released) == backbone_name(name) == name
        assert released.lower().replace("bn", "_bn") == name
    released, own = (named_tensors(build_backbone(n)) for n in ("VGG13BN", "vgg13_bn"))
    assert {n: t.shape for n, t in released.items()} == {n: t.shape for n, t in own.items()}


def test_unknown_backbone_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown backbone 'resnet51'; did you mean 'resnet50'"):
        build_backbone("resnet51")
    with pytest.raises(ValueError, match="did you mean 'VGG16BN'.*resnet18.*alexnet.*ResNet152"):
        build_backbone("VGG16-BN")
    with pytest.raises(ValueError, match="mobilenet_v2"):
        build_backbone("transformer")
