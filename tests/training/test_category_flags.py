"""The released script's flags are names for keys of the configuration, between file and --set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from crossmodal.config import CategoryConfig, ConfigError, load_tree, to_dict
from crossmodal.runtime import paths
from crossmodal.training.category_flags import DATA_SETS, FLAGS, add_flags, said, settings_of

# flag, what is written after it, section and key, and the value there
RELEASED = [
    ("CDAN", "CDAN", "loss", "adversarial_method", "CDAN"),
    ("CDAN", "CDAN+E", "loss", "adversarial_method", "CDAN+E"),
    *[("method", name, "loss", "regulariser_method", name) for name in ("BNM", "BFM", "ENT", "NO")],
    ("net", "ResNet34", "model", "backbone", "resnet34"),
    ("net", "VGG16BN", "model", "backbone", "vgg16_bn"),
    ("net", "AlexNet", "model", "backbone", "alexnet"),
    ("net", "mobilenet_v2", "model", "backbone", "mobilenet_v2"),
    ("s_dset_path", "my photos/a=b.txt", "data", "source_list", "my photos/a=b.txt"),
    ("t_dset_path", "/data/views.txt", "data", "target_list", "/data/views.txt"),
    ("test_dset_path", "123", "data", "gallery_list", "123"),
    ("test_interval", "250", "log", "validate_every", 250),
    ("print_num", "5", "log", "log_every", 5),
    ("batch_size", "128", "data", "batch_size", 32),  # of 4 views
    ("batch_size", "39", "data", "batch_size", 9),
    ("num_iterations", "10004", "optim", "iterations", 10004),
    ("snapshot_interval", "5000", "log", "checkpoint_every", 5000),
    ("output_dir", "san", "log", "run_name", "san"),
    ("lr", "3e-4", "optim", "lr", 3e-4),
    ("trade_off", "1", "loss", "adversarial", 1.0),
    ("lambda_method", "0.25", "loss", "regulariser", 0.25),
]


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    parser.add_argument("--config")
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args(arguments)


def config(*arguments: str) -> CategoryConfig:
    return load_tree(CategoryConfig, *settings_of(parsed(*arguments)))


def different(found: CategoryConfig) -> dict[tuple[str, str], Any]:
    """What is not as by default."""
    values, default = to_dict(found), to_dict(config())
    return {(section, key): value for section, part in values.items() if isinstance(part, dict)
            for key, value in part.items() if value != default[section][key]}


@pytest.mark.parametrize("flag, text, section, key, value", RELEASED)
def test_a_flag_sets_its_key_and_nothing_else(flag: str, text: str, section: str, key: str,
                                              value: Any) -> None:
    found = config(f"--{flag}", text)
    assert getattr(getattr(found, section), key) == value
    also = {("model", "pretrained")} if flag == "net" else set()
    also |= {("data", "name")} if flag == "s_dset_path" else set()
    assert set(different(found)) <= {(section, key)} | also


def test_every_flag_is_tested_and_has_no_default_of_its_own() -> None:
    assert {flag for flag, *_ in RELEASED} == set(FLAGS)
    assert parsed("--gpu_id", "1").gpu_id == "1" and config("--gpu_id", "1") == config()


def test_without_flags_it_is_the_paper_on_mi3dor1() -> None:
    assert config() == config("--dset", "MI3DOR-1")
    assert (config().data.name, config().model.backbone, config().model.pretrained) \
        == ("mi3dor1", "resnet50", "resnet50")


def test_a_network_brings_its_own_weights() -> None:
    assert config("--dset", "MI3DOR-2", "--net", "VGG16BN").model.pretrained == "vgg16_bn"
    assert config("--net", "AlexNet", "--set", "model.pretrained=none").model.pretrained is None


def test_lists_of_ones_own_are_another_data_set() -> None:
    assert config("--s_dset_path", "mine/photos.txt").data.name == "photos"
    assert config("--dset", "MI3DOR-2", "--s_dset_path", "a.txt").data.name == "mi3dor2"


@pytest.mark.parametrize("arguments, complaint", [
    (("--net", "VGG16_BN"), "--net: unknown backbone 'VGG16_BN'; did you mean 'VGG16BN'"),
    (("--net", "resnet51"), "--net: unknown backbone 'resnet51'; did you mean 'resnet5?[0-9]+'"),
    (("--method", "BMN"), "'loss.regulariser_method' must be one of BNM, BFM, ENT, NO; found"),
    (("--CDAN", "DANN"), r"'loss.adversarial_method' must be one of CDAN, CDAN\+E"),
    (("--set", "loss.trade_off=1"), "unknown key 'loss.trade_off'"),
])
def test_a_wrong_value_is_named(arguments: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        config(*arguments)


@pytest.mark.parametrize("flag, text, complaint", [
    ("lr", "fast", "'optim.lr' must be a float, found str 'fast'"),
    ("lr", "0", "'optim.lr' must be above 0 and at most 1000, not 0.0"),
    ("print_num", "0", "'log.log_every' must be between 1 and 1000000000, not 0"),
    ("print_num", "2.5", "'log.log_every' must be a int, found float 2.5"),
    ("num_iterations", "-1", "'optim.iterations' must be between 0 and 1000000000, not -1"),
    ("trade_off", "nan", "'loss.adversarial' must be"),
    ("gpu_id", "first", "must be a GPU's number or several, as in 0 or 0,1, not 'first'"),
    ("gpu_id", "-2", "must be a GPU's number or several, as in 0 or 0,1, not '-2'")])
def test_a_wrong_number_is_refused_by_its_flag(capsys: pytest.CaptureFixture[str], flag: str,
                                               text: str, complaint: str) -> None:
    with pytest.raises(SystemExit):
        parsed(f"--{flag}", text)
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"argument --{flag}: {complaint}" in said


@pytest.mark.parametrize("text", ["0", "0,1", "-1", "GPU-8932f937-d72c/x", "0, 1"])
def test_gpus_are_named_as_cuda_does(text: str) -> None:
    assert parsed("--gpu_id", text).gpu_id == text


def test_help_says_what_a_number_may_be() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    said = " ".join(parser.format_help().split())
    assert "log lines (log.log_every; whole number between 1 and 1000000000)" in said


def test_set_wins_over_flags_and_flags_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("data: {name: mine, batch_size: 4}\nmodel: {backbone: alexnet}\n"
                    "optim: {lr: 0.1, iterations: 7}\n")
    found = config("--config", str(path), "--lr", "0.2", "--net", "ResNet18", "--set",
                   "optim.lr=0.3")
    assert (found.optim.lr, found.model.backbone, found.data.batch_size, found.optim.iterations) \
        == (0.3, "resnet18", 4, 7)
    assert config("--set", "optim.lr=0.3", "--lr", "0.2").optim.lr == 0.3  # in whatever order
    assert config("--config", str(path), "--dset", "MI3DOR-2").data.name == "mi3dor2"
    assert config("--config", str(path)).data.name == "mine"


@pytest.fixture
def presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of configurations in the place of the repository's."""
    (tmp_path / "configs").mkdir()
    monkeypatch.setattr(paths, "REPO_ROOT", tmp_path)
    return tmp_path / "configs"


@pytest.mark.parametrize("name, folder", [*DATA_SETS.items(), ("my_own", "my_own")])
def test_a_data_set_brings_its_preset_where_there_is_one(presets: Path, name: str,
                                                         folder: str) -> None:
    assert settings_of(parsed("--dset", name)) == (None, [f"data.name={folder}"])
    (presets / f"{folder}.yaml").write_text(f"data: {{name: {folder}}}\noptim: {{lr: 0.125}}\n")
    found = config("--dset", name)
    assert (found.data.name, found.optim.lr) == (folder, 0.125)
    assert config("--dset", name, "--lr", "0.5").optim.lr == 0.5
    other = presets / "other.yaml"
    other.write_text("optim: {lr: 0.75}\n")
    found = config("--dset", name, "--config", str(other))
    assert (found.data.name, found.optim.lr) == (folder, 0.75)


@pytest.mark.parametrize("name, folder", DATA_SETS.items())
def test_the_presets_there_are_can_be_loaded(name: str, folder: str) -> None:
    found = config("--dset", name)
    assert found.data.name == folder
    if name.startswith("office"):
        assert found.data.views == 1
    else:
        assert (found.data.views, found.optim.lr) == (4, 3e-4)


def test_what_the_category_level_cannot_do_is_refused() -> None:
    with pytest.raises(ConfigError, match="at category level: all views of a shape"):
        config("--set", "data.views_per_step=2")


DIRECTIONS = [("webcam", "dslr", 5e-4), ("webcam", "amazon", 5e-4), ("dslr", "amazon", 5e-4),
              ("amazon", "dslr", 1e-4), ("amazon", "webcam", 1e-4), ("dslr", "webcam", 1e-4)]


@pytest.mark.parametrize(("source", "target", "rate"), DIRECTIONS)
def test_office_has_the_released_rate_of_its_direction(source: str, target: str,
                                                       rate: float) -> None:
    lists = ["--s_dset_path", f"./amazon/{source}_reorgnized.txt",
             "--t_dset_path", f"{target}.txt"]  # the folder says nothing
    assert config("--dset", "office", *lists).optim.lr == rate
    assert config("--dset", "office-31", *lists).optim.lr == rate
    assert config("--dset", "office", *lists, "--lr", "0.02").optim.lr == 0.02
    assert config("--dset", "office", *lists, "--set", "optim.lr=0.03").optim.lr == 0.03
    assert config("--dset", "MI3DOR-1", *lists).optim.lr == 3e-4
    preset = config("--config", "configs/office31_released.yaml", "--dset", "office", *lists)
    assert preset.optim.lr == rate and preset.model.gradients == "heads"


def test_one_list_is_enough_for_a_direction_and_other_names_have_the_presets_rate() -> None:
    assert config("--dset", "office").optim.lr == 1e-4  # amazon to webcam
    assert config("--dset", "office", "--s_dset_path", "webcam.txt", "--t_dset_path",
                  "amazon.txt").optim.lr == 5e-4
    assert config("--dset", "office", "--s_dset_path", "dslr.txt").optim.lr == 1e-4
    assert config("--dset", "office", "--t_dset_path", "mine.txt").optim.lr == 1e-4


@pytest.mark.parametrize(("name", "rate"), [("image-clef", 1e-3), ("office-home", 1e-3),
                                            ("visda", 3e-4)])
def test_the_released_rates_of_other_data_sets(name: str, rate: float) -> None:
    assert config("--dset", name).optim.lr == rate and config("--dset", name).data.name == name
    assert config("--dset", name, "--lr", "0.5").optim.lr == 0.5


def test_flags_that_do_not_mean_what_they_seem_to_are_explained() -> None:
    for arguments in (["--random"], ["--random", "True"]):
        options = parsed(*arguments)
        assert load_tree(CategoryConfig, *settings_of(options)) == config()
        assert said(options, config()) == ["--random is ignored, as in the released script"]
    options = parsed("--batch_size", "128")
    text, = said(options, load_tree(CategoryConfig, *settings_of(options)))
    assert text == ("--batch_size 128 counts views, 4 of an item: batches of 32 pictures, and 32 "
                    "items of 4 views")
    assert said(parsed(), config()) == []


@pytest.mark.parametrize("text", ["7", "-128", "1e3", "many", "1" * 10])
def test_too_few_views_for_a_batch(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--batch_size", text)
    assert "--batch_size: a whole number of views, at least 8, not" in capsys.readouterr().err
