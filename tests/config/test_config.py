"""Defaults, yaml differences, overrides, and what each mistake is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.config import (
    CategoryConfig,
    Config,
    ConfigError,
    config_hash,
    from_dict,
    load_config,
    load_tree,
    override,
    to_dict,
    to_yaml,
)
from crossmodal.runtime import paths

CATEGORY_LEVEL = {"demo_category", "kinds", "mi3dor1", "mi3dor2", "office31", "kinds_released",
                  "mi3dor1_released", "mi3dor2_released", "office31_released"}


def write(folder: Path, text: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(text)
    return path


def test_defaults_are_the_released_settings() -> None:
    config = load_config()
    assert (config.seed, config.data.batch_size, config.data.image_size) == (3104, 30, 224)
    assert (config.optim.lr, config.optim.betas, config.optim.epochs) == (5e-5, (0.5, 0.999), 400)
    assert (config.loss.tau, config.loss.category, config.loss.contrast_temperature) == (
        0.1, 0.2, 0.5,
    )  # fmt: skip


def test_yaml_changes_only_what_it_names(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "data:\n  views: 4\noptim:\n  lr: 1e-4\n"))
    assert config.data.views == 4 and config.optim.lr == 1e-4
    expected = to_dict(Config())
    expected["data"]["views"] = 4
    expected["optim"]["lr"] = 1e-4
    assert to_dict(config) == expected


def test_empty_yaml_is_the_default(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "# nothing\n")) == Config()


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("data.batch_size=8", "data", "batch_size", 8),
        ("data.name=3", "data", "name", "3"),
        ("data.mask_dir=none", "data", "mask_dir", None),
        ("data.mask_dir=", "data", "mask_dir", None),
        ("data.mask_dir=mask_ocrnet", "data", "mask_dir", "mask_ocrnet"),
        ("data.categories=[bed, chair]", "data", "categories", ["bed", "chair"]),
        ("data.image_crop=[0.5, 1]", "data", "image_crop", (0.5, 1.0)),
        ("optim.lr=1e-4", "optim", "lr", 1e-4),
        ("optim.lr=1", "optim", "lr", 1.0),
        ("data.flip=false", "data", "flip", False),
        ("model.freeze=none", "model", "freeze", "none"),
        ("model.head_start=pca", "model", "head_start", "pca"),
    ],
)
def test_override(text: str, section: str, key: str, value: object) -> None:
    found = getattr(getattr(load_config(None, [text]), section), key)
    assert found == value and type(found) is type(value)


def test_override_wins_over_yaml_and_later_over_earlier(tmp_path: Path) -> None:
    path = write(tmp_path, "data: {views: 4}")
    assert load_config(path, ["data.views=6", "data.views=7", "seed=1"]).data.views == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data.batchsize=8", ["data.batchsize", "data.batch_size"]),
        ("batch_size=8", ["batch_size", "data.batch_size"]),
        ("dta.batch_size=8", ["dta.batch_size", "data.batch_size"]),
        ("sed=8", ["'sed'", "'seed'"]),
        ("data.batch_size=many", ["data.batch_size", "int", "many"]),
        ("data.batch_size=2.5", ["data.batch_size", "int"]),
        ("data.batch_size=true", ["data.batch_size", "int", "bool"]),
        ("data.flip=1", ["data.flip", "bool"]),
        ("data.image_crop=[1, 2, 3]", ["data.image_crop", "2 values"]),
        ("data.normalisation=mean", ["data.normalisation", "half", "imagenet"]),
        ("data.batch_size=1", ["'data.batch_size' must be between 2 and 65536, not 1"]),
        ("data.crop_margin=-0.5", ["'data.crop_margin' must be between 0 and 1, not -0.5"]),
        ("optim.betas=[0.9, 1.0]", ["'optim.betas' must be at least 0 and below 1, not 1.0"]),
        ("optim.head_lr=-1", ["'optim.head_lr' must be between 0 and 1000000, not -1.0"]),
        ("log.max_minutes=.nan", ["log.max_minutes", "finite"]),
        ("optim.lr=.inf", ["optim.lr", "finite"]),
        ("data={views: 2}", ["'data'", "section"]),
        ("data.views", ["key=value", "data.views"]),
        ("data.categories=[1]", ["data.categories", "str"]),
        ("data.categories=[", ["data.categories"]),
        ("seed.x=1", ["seed.x"]),
    ],
)
def test_bad_override_names_key_and_remedy(text: str, words: list) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, [text])
    for word in ["--set", *words]:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data:\n  batchsize: 8\n", ["data.batchsize", "data.batch_size"]),
        ("data:\n  batch_size: eight\n", ["data.batch_size", "int", "eight"]),
        ("data: 4\n", ["'data'", "section"]),
        ("- a\n", ["list"]),
        ("data: [\n", ["yaml"]),
        ("data:\n  view_crop: [0.9, 0.1]\n", ["data.view_crop", "low"]),
        ("data:\n  views: 2\noptim: {}\ndata:\n  name: b\n", ["'data' comes twice", "line 4"]),
        ("data:\n  views: 2\n  views: 3\n", ["'views' comes twice", "line 3"]),
    ],
)
def test_bad_yaml_names_file_and_key(tmp_path: Path, text: str, words: list) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    for word in [str(path), *words]:
        assert word in str(error.value)


def test_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="no_such.yaml"):
        load_config("configs/no_such.yaml")


def test_found_under_the_repository_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config("./configs/pix3d.yaml").data.mask_dir == "mask_ocrnet"


@pytest.mark.parametrize("path", sorted((paths.REPO_ROOT / "configs").glob("*.yaml")), ids=str)
def test_every_config_in_the_repository_loads(path: Path) -> None:
    kind = CategoryConfig if path.stem in CATEGORY_LEVEL else Config
    assert isinstance(load_tree(kind, path), kind)


def test_printed_config_reads_back_the_same(tmp_path: Path) -> None:
    config = load_config(None, ["data.mask_dir=m", "data.image_crop=[0.3, 0.7]", "optim.lr=3e-7"])
    assert load_config(write(tmp_path, to_yaml(config))) == config
    assert from_dict(to_dict(config), "checkpoint") == config


def test_from_dict_names_its_source() -> None:
    with pytest.raises(ConfigError, match="old.safetensors.*'sed'.*'seed'"):
        from_dict({"sed": 1}, "old.safetensors")


def test_hash_follows_the_settings_only(tmp_path: Path) -> None:
    one = load_config(write(tmp_path, "data: {views: 4, flip: false}"))
    two = load_config(write(tmp_path, "data: {flip: false, views: 4}"))
    assert config_hash(one) == config_hash(two) == config_hash(override(one, []))
    assert config_hash(one) != config_hash(override(one, ["data.views=5"]))
    assert config_hash(one) != config_hash(override(one, ["seed=5"]))
    elsewhere = ["log.run_name=other", "log.save_root=there", "data.workers=7", "device=cpu",
                 "data.root=there", "data.cache_mib=1", "data.prefetch=3", "log.log_every=3"]
    assert config_hash(one) == config_hash(override(one, elsewhere))


def test_configs_do_not_change_in_place() -> None:
    config = Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 1  # type: ignore[misc]
    changed = override(config, ["data.categories=[a]"])
    assert config.data.categories == [] and changed.data.categories == ["a"]


@given(st.floats(min_value=1e-12, max_value=1e3, allow_subnormal=False), st.integers(1, 10**6))
def test_numbers_survive_printing(rate: float, steps: int) -> None:
    config = override(Config(), [f"optim.lr={rate!r}", f"optim.max_steps={steps}"])
    again = from_dict(yaml.safe_load(to_yaml(config)), "yaml")
    assert (again.optim.lr, again.optim.max_steps) == (rate, steps)


@pytest.mark.parametrize(("settings", "words"), [
    (["model.view_channels=5"], "model.view_channels=5 .* data.views must be a multiple .* not 12"),
    (["model.view_channels=4", "data.views_per_step=6"], "data.views_per_step must be .* not 6"),
    (["model.style_form=released", "data.views=6"],
     "released shows model.query_channels=4 views at once .* data.views must be .* not 6"),
    (["data.validation_from=test"], "data.validation_from=test .* validation_fraction must be 0"),
    (["model.stem_start=random", "model.freeze=stem"], "model.stem_start=random .* freeze"),
    (["loss.consistency_form=released", "loss.contrast_form=released", "loss.instance=0",
      "loss.category=0"], "leave nothing to learn from"),
])
def test_released_settings_that_do_not_go_together(settings: list, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(None, settings)


@pytest.mark.parametrize("text, value", [
    ("010", 10), ("0", 0), ("12", 12), ("0x10", 16), ("0o17", 15), ("-0", 0)])
def test_a_whole_number_is_what_it_looks_like(tmp_path: Path, text: str, value: int) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"seed: {text}\n")
    assert load_config(path).seed == value == load_config(None, [f"seed={text}"]).seed


@pytest.mark.parametrize("text", ["1:30", "1_000", "0b11", "08:00", "1.0", "1e3"])
def test_what_only_yaml_takes_for_a_whole_number_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"data:\n  batch_size: {text}\n")
    for where in ((path, ()), (None, [f"data.batch_size={text}"])):
        with pytest.raises(ConfigError, match="'data.batch_size' must be a int, found"):
            load_config(*where)


def test_a_name_of_digits_stays_a_name(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("data:\n  categories: [03001627, 02691156]\n")
    assert list(load_config(path).data.categories) == ["03001627", "02691156"]
    assert list(load_config(None, ["data.categories=[03001627]"]).data.categories) == ["03001627"]


@pytest.mark.parametrize("text", ["None", "none", "null", "~", ""])
def test_nothing_is_written_alike_in_a_file_and_on_the_command_line(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"model:\n  pretrained: {text}\n")
    assert load_config(path).model.pretrained is None
    assert load_config(None, [f"model.pretrained={text}"]).model.pretrained is None


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbfseed: 3\n")
    assert load_config(path).seed == 3
