"""The released category-level script's flags, as names for keys of the configuration."""
from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Callable

from crossmodal.config import CategoryConfig, ConfigError, typed
from crossmodal.config.listing import allowed
from crossmodal.config.typed import type_of
from crossmodal.runtime import paths
from crossmodal.runtime.gpu_choice import gpu_ids

FLAGS = {  # flag -> key of the configuration it sets, what it means
    "CDAN": ("loss.adversarial_method", "CDAN or CDAN+E"),
    "method": ("loss.regulariser_method", "BNM, BFM, ENT or NO"),
    "net": ("model.backbone", "ResNet50, VGG16BN, AlexNet ..., or torchvision's names; starts from "
                              "its ImageNet weights"),
    "s_dset_path": ("data.source_list", "training pictures: list or folder"),
    "t_dset_path": ("data.target_list", "training shapes: list or folder"),
    "test_dset_path": ("data.gallery_list", "test shapes: list or folder"),
    "test_interval": ("log.validate_every", "iterations between validations on held-out source "
                                            "pictures; the test set is not looked at in training"),
    "print_num": ("log.log_every", "iterations between log lines"),
    "batch_size": ("data.batch_size", "source pictures, and target items, in a batch"),
    "num_iterations": ("optim.iterations", "iterations"),
    "snapshot_interval": ("log.checkpoint_every", "iterations between checkpoints"),
    "output_dir": ("log.run_name", "name of the run's folder under log.save_root"),
    "lr": ("optim.lr", "rate of the backbone"),
    "trade_off": ("loss.adversarial", "weight of CDAN"),
    "lambda_method": ("loss.regulariser", "weight of --method"),
}
# Their names for data sets, and the configs that hold the paper's settings for them.
DATA_SETS = {"MI3DOR": "mi3dor1", "MI3DOR-1": "mi3dor1", "MI3DOR-2": "mi3dor2",
             "office": "office31", "office-31": "office31"}


TESTED = ("test_dset_path", "output_dir")  # what a test takes; all else is in the checkpoint


def add_flags(parser: argparse.ArgumentParser, flags: Iterable[str] = tuple(FLAGS)) -> None:
    """Add the released flags, or some of them; none has a default of its own."""
    known = ", ".join(DATA_SETS)
    parser.add_argument("--dset", metavar="NAME", help=f"{known}, or the name of your own data "
                        "set's folder (data.name)")
    parser.add_argument("--gpu_id", metavar="ID", type=gpu_ids,
                        help="which GPU, as in CUDA_VISIBLE_DEVICES: 0 or 0,1")
    for flag in flags:
        key, meaning = FLAGS[flag]
        what = allowed(type_of(CategoryConfig, key, flag))
        number = "number" in what
        parser.add_argument(f"--{flag}", metavar="VALUE", type=_checked(key) if number else str,
                            help=f"{meaning} ({key}{f'; {what}' if number else ''})")


def _checked(key: str) -> Callable[[str], str]:
    """A text that means a value of a setting, for an option's `type`."""

    def read(text: str) -> str:
        try:
            typed.parse(type_of(CategoryConfig, key, key), text, key, key)
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error).replace(f"{key}: ", "", 1)) from error
        return text

    return read


def settings_of(options: argparse.Namespace) -> tuple[str | Path | None, list[str]]:
    """(config file or None, overrides): the config, then the flags, then --set.

    Where no config belongs to the data set: the paper's settings on MI3DOR-1. Without --dset, a
    source list of one's own names the data set.
    """
    config, overrides = options.config, []
    own = getattr(options, "s_dset_path", None) if not (config or options.dset) else None
    name = DATA_SETS.get(options.dset, options.dset) or (Path(own).stem if own else None)
    if name:
        overrides.append(f"data.name={name}")
    if not config:
        presets = [paths.REPO_ROOT / "configs" / f"{one}.yaml" for one in (name, "mi3dor1") if one]
        config = next((path for path in presets if path.is_file()), None)
    for flag, (key, _) in FLAGS.items():
        value = getattr(options, flag, None)
        if value is not None and flag == "net":  # and the ImageNet weights of that network
            overrides += [f"{key}={_backbone(value)}", f"model.pretrained={_backbone(value)}"]
        elif value is not None:
            overrides.append(f"{key}={value}")
    return config, [*overrides, *options.set]


def _backbone(name: str) -> str:
    from crossmodal.models.backbones import backbone_name  # loads Jittor

    try:
        return backbone_name(name)
    except ValueError as error:
        raise ConfigError(f"--net: {error}") from error
