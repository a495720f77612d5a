"""The released category-level script's flags, as names for keys of the configuration."""
from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Callable

from crossmodal.config import CategoryConfig, ConfigError, load_tree, typed
from crossmodal.config.listing import allowed
from crossmodal.config.typed import type_of
from crossmodal.runtime import paths
from crossmodal.runtime.brief import brief
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
                                            "pictures, which choose nothing (data.validation_on)"),
    "print_num": ("log.log_every", "iterations between log lines"),
    "batch_size": ("data.batch_size", "views in a batch; a quarter as many pictures, and items"),
    "num_iterations": ("optim.iterations", "iterations"),
    "snapshot_interval": ("log.checkpoint_every", "iterations between checkpoints"),
    "output_dir": ("log.run_name", "name of the run's folder under log.save_root"),
    "lr": ("optim.lr", "rate of the backbone; without it, --dset office takes the released one of "
                       "its direction"),
    "trade_off": ("loss.adversarial", "weight of CDAN"),
    "lambda_method": ("loss.regulariser", "weight of --method"),
}
# Their names for data sets, and the configs that hold the paper's settings for them.
DATA_SETS = {"MI3DOR": "mi3dor1", "MI3DOR-1": "mi3dor1", "MI3DOR-2": "mi3dor2",
             "office": "office31", "office-31": "office31"}
RATES = {"image-clef": 1e-3, "office-home": 1e-3, "visda": 3e-4}  # of others, as released
OFFICE_RATES = {  # source and target -> rate, as released
    **dict.fromkeys([("webcam", "dslr"), ("webcam", "amazon"), ("dslr", "amazon")], 5e-4),
    **dict.fromkeys([("amazon", "dslr"), ("amazon", "webcam"), ("dslr", "webcam")], 1e-4)}
VIEWS = 4  # of an item of any data set, for the released --batch_size


TESTED = ("test_dset_path", "output_dir")  # what a test takes; all else is in the checkpoint


def add_flags(parser: argparse.ArgumentParser, flags: Iterable[str] = tuple(FLAGS)) -> None:
    """Add the released flags, or some of them; none has a default of its own."""
    known = ", ".join(DATA_SETS)
    parser.add_argument("--dset", metavar="NAME", help=f"{known}, or the name of your own data "
                        "set's folder (data.name)")
    parser.add_argument("--gpu_id", metavar="ID", type=gpu_ids,
                        help="which GPU, as in CUDA_VISIBLE_DEVICES: 0 or 0,1")
    if "CDAN" in flags:
        parser.add_argument("--random", nargs="?", const="", metavar="VALUE",
                            help="ignored, as in the released script")
    for flag in flags:
        key, meaning = FLAGS[flag]
        if flag == "batch_size":
            parser.add_argument("--batch_size", metavar="VALUE", type=_views,
                                help=f"{meaning} ({key})")
            continue
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


def _views(text: str) -> str:
    """A number of views that makes a batch of two items at least."""
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < 2 * VIEWS:
        raise argparse.ArgumentTypeError(f"a whole number of views, at least {2 * VIEWS}, not "
                                         f"{brief(text)}")
    return text


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
    overrides += _rate(options, config)
    for flag, (key, _) in FLAGS.items():
        value = getattr(options, flag, None)
        if value is not None and flag == "net":  # and the ImageNet weights of that network
            overrides += [f"{key}={_backbone(value)}", f"model.pretrained={_backbone(value)}"]
        elif value is not None and flag == "batch_size":
            overrides.append(f"{key}={int(value) // VIEWS}")
        elif value is not None:
            overrides.append(f"{key}={value}")
    return config, [*overrides, *options.set]


def said(options: argparse.Namespace, config: CategoryConfig) -> list[str]:
    """What a run should say at its start of flags that do not mean what they may seem to."""
    found = []
    if options.batch_size is not None:
        found.append(f"--batch_size {options.batch_size} counts views, {VIEWS} of an item: batches "
                     f"of {config.data.batch_size} pictures, and {config.data.batch_size} items "
                     f"of {config.data.views} views")
    if options.random is not None:
        found.append("--random is ignored, as in the released script")
    return found


def _rate(options: argparse.Namespace, config: str | Path | None) -> list[str]:
    """The released rate of a data set; of Office-31, of a direction where a list is named."""
    if options.dset in RATES and not options.config:
        return [f"optim.lr={RATES[options.dset]}"]
    lists = [getattr(options, f"{side}_dset_path", None) for side in "st"]
    if DATA_SETS.get(options.dset) != "office31" or not any(lists):
        return []  # the config's lists have the config's rate
    usual = load_tree(CategoryConfig, config).data
    words = [next((word for word in ("amazon", "dslr", "webcam") if word in Path(name).name), "")
             for name in (lists[0] or usual.source_list, lists[1] or usual.target_list)]
    rate = OFFICE_RATES.get((words[0], words[1]))
    return [f"optim.lr={rate}"] if rate else []


def _backbone(name: str) -> str:
    from crossmodal.models.backbones import backbone_name  # loads Jittor

    try:
        return backbone_name(name)
    except ValueError as error:
        raise ConfigError(f"--net: {error}") from error
