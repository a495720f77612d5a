"""What a run says of its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossmodal.config import CategoryConfig, Config, differences, in_short, load_config, load_tree
from crossmodal.runtime.paths import REPO_ROOT

FILE = Path("runs/a/config.yaml")


@pytest.mark.parametrize("kind", [Config, CategoryConfig])
def test_defaults_differ_in_nothing(kind: type) -> None:
    assert differences(kind()) == {}
    assert in_short(kind(), FILE) == "settings: runs/a/config.yaml; all of them as by default"


def test_only_what_differs_is_told() -> None:
    config = load_config(None, ["seed=3", "data.batch_size=8", "optim.betas=[0.5, 0.9]",
                                "log.tensorboard=false", "data.name=my set"])
    assert differences(config) == {"seed": 3, "data.name": "my set", "data.batch_size": 8,
                                   "optim.betas": [0.5, 0.9], "log.tensorboard": False}
    first, second = in_short(config, FILE).splitlines()
    assert first == "settings: runs/a/config.yaml; not as by default:"
    assert second.split("=")[0].strip() == "seed"
    assert "data.batch_size=8 data.name=my set " in second and "optim.betas=[0.5, 0.9]" in second


@pytest.mark.parametrize(("kind", "name"), [(Config, "furniture_T"), (Config, "pix3d"),
                                            (CategoryConfig, "kinds"), (CategoryConfig, "mi3dor1")])
def test_settings_of_an_experiment_fit_on_a_screen_and_can_be_given_again(
        kind: type, name: str) -> None:
    config = load_tree(kind, REPO_ROOT / "configs" / f"{name}.yaml")
    lines = in_short(config, FILE).splitlines()
    assert len(lines) < 15 and all(len(line) <= 100 for line in lines)
    again = [f"{key}={value}" for key, value in differences(config).items()]
    assert load_tree(kind, None, again) == config
