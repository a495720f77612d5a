"""Every setting of the instance-level scripts, its default, and what it means.

To add a key, add a line: the type is checked, the yaml and ``--set`` know it at once. A rule that a
type cannot say goes into the section's ``problems``. Keys that bring back what the released code
did are named in `Config.RELEASED`.
"""

# Optional, not `| None`: Python 3.9 evaluates these annotations when a config is loaded.
# ruff: noqa: UP045
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Optional

from crossmodal.config.pictures import PictureConfig
from crossmodal.config.ranges import (
    Between,
    Count,
    Epoch,
    FolderName,
    Length,
    Minutes,
    Norm,
    Number,
    Rate,
    Seed,
    SmallerPart,
    Temperature,
    Views,
    Weight,
)
from crossmodal.config.released import Exactly

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


@dataclass(frozen=True)
class DataConfig(PictureConfig):
    """Where the pictures and shapes are, and how a batch is made of them."""

    name: FolderName = "pix3d"  # <root>/<name>/<name>_train.json, rendering_<name>.pkl or folder
    train_list: Optional[str] = None  # another training list in <root>/<name>/; none: <name>_train
    test_list: Optional[str] = None  # another test list in <root>/<name>/; none: <name>_test
    views_dir: Optional[str] = None  # another rendering folder or .pkl; none: rendering_<name>
    mask_dir: Optional[str] = None  # replaces the folder part "mask" of the lists' mask paths
    mask_dir_lists: Literal["both", "train"] = "both"  # whose paths; released: the training list's
    train_masks: Literal["normalised", "raw"] = "normalised"  # raw: 0..1 in training, as released
    categories: list[str] = field(default_factory=list)  # allowed ones; empty: all there are
    library: str = "shapenet4"  # second library, for the test mode "shapenet": <root>/<library>/
    library_views: str = "rendering_shapenet{category}s"  # its rendering of one category
    last_batch: Literal["drop", "pad"] = "drop"  # an incomplete batch: left out or refilled
    validation_by: Literal["query", "shape"] = "query"  # hold out pictures, or whole shapes
    validation_from: Literal["train", "test"] = "train"  # test: its queries choose the epoch, by
    # Top-1 and at the epochs of the released code; every number on them is then too good
    fill_up: Literal["training", "gallery"] = "training"  # which shapes complete a batch; gallery:
    # the whole rendering set, test shapes too, in passes as released
    colour_transfer: bool = False  # give a picture the colours of another one (is_color)

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.image_variants and self.colour_transfer:
            yield "colour_transfer changes a picture with its batch: image_variants must be 0"
        if self.validation_from == "test" and self.validation_fraction:
            yield "validation_from=test holds nothing out: validation_fraction must be 0"


@dataclass(frozen=True)
class ModelConfig:
    """The two encoders, the bridge between them, and where their weights start."""

    query_backbone: str = "resnet50"  # resnet18 | resnet34 | resnet50 | resnet101 | mobilenet_v2
    view_backbone: str = "resnet50"  # same choice; CMIC: resnet18
    query_channels: Annotated[int, Between(1, 4)] = 4  # RGB + mask; 3: without the mask
    view_channels: Views = 1  # gray; 4: four views stacked to one token, as released
    split: str = "layer2"  # stage after which the styles are mixed
    style_transition: bool = True  # the style-mixed bridge; false: CMIC
    style_form: Literal["paper", "released"] = "paper"  # released: a shape's style is that of the
    # query tower's stem, cut anew; roots of deviations; other passes (models/released_style.py)
    z_dim: Length = 128  # embedding length
    dropout: SmallerPart = 0.5  # before the head
    head_start: Literal["random", "pca", "aligned"] = "random"  # released: random; see HeadConfig
    pretrained: Optional[str] = None  # query tower's start: a file of pretrained_resnet/, or a path
    view_pretrained: Optional[str] = None  # view tower's start; none: `pretrained`, if it fits
    gray_stem: Literal["mean", "sum"] = "mean"  # gray filter = mean or sum of the RGB filters
    mask_stem: Literal["mean", "zero"] = "mean"  # mask filter = mean of the RGB filters, or zero
    stem_start: Literal["pretrained", "random"] = "pretrained"  # both first convolutions; released:
    # random, whatever `pretrained` holds
    freeze: Literal["none", "stem", "layer1", "layer2", "layer3", "layer4"] = "none"  # up to here
    norm_statistics: Literal["train", "frozen"] = "train"  # BatchNorm, heads' too: batch's, stored

    def problems(self) -> Iterator[str]:
        if self.stem_start == "random" and self.freeze != "none":
            yield "stem_start=random needs a stem that learns: freeze must be none"


@dataclass(frozen=True)
class LossConfig:
    """Weights (0 switches a loss off) and temperatures."""

    instance: Weight = 1.0  # L_inst
    category: Weight = 0.2  # L_cat
    consistency: Weight = 1.0  # L_fgc, plain against style-mixed queries
    contrast: Weight = 1.0  # L_clc, style-mixed queries against shapes
    plain_query: Weight = 1.0  # L_inst + L_cat also on the plain query, as at test; 0: off
    tau: Temperature = 0.1  # temperature of L_inst and L_cat
    consistency_form: Literal["paper", "released"] = "paper"  # released: another matrix, summed up,
    # no temperature; it is reported and nothing is learnt from it
    consistency_temperature: Temperature = 0.1  # t of L_fgc
    contrast_form: Literal["paper", "released"] = "paper"  # released: the partner of image i is
    # slot i, although repeats were removed; it is reported and nothing is learnt from it
    contrast_tokens: Literal["max", "mean"] = "max"  # what L_clc takes for a shape, of its tokens
    contrast_temperature: Temperature = 0.5  # temperature of L_clc

    @property
    def plain_learns(self) -> bool:
        """Whether any loss has a gradient for the plain queries beside the style-mixed ones."""
        return bool(self.plain_query and (self.instance or self.category)
                    or self.consistency and self.consistency_form == "paper")

    def problems(self) -> Iterator[str]:
        if not (self.instance or self.category) and self.contrast_form == "released" and (
                self.consistency_form == "released"):
            yield ("consistency_form=released and contrast_form=released leave nothing to learn "
                   "from: give instance or category a weight")


@dataclass(frozen=True)
class OptimConfig:
    """How the weights move."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    lr: Rate = 5e-5  # rate of the backbones
    head_lr: Weight = 1.0  # rate of everything else, as a multiple of lr
    betas: tuple[SmallerPart, SmallerPart] = (0.5, 0.999)  # Adam's; the first is SGD's momentum
    weight_decay: Weight = 0.0
    epochs: Epoch = 400  # 0: save the network as it starts
    max_steps: Count = 0  # stop after so many steps; 0: no limit
    schedule: Literal["constant", "cosine", "step"] = "constant"  # rate as a function of the step
    step_epochs: list[Epoch] = field(default_factory=list)  # schedule step: rate / 10 at each
    warmup: Count = 0  # steps of linear warm-up
    warmup_heads: Count = 0  # first steps in which only the heads move
    gradient_clip: Norm = 0.0  # largest gradient norm; 0: no limit
    precision: Literal["float32", "mixed"] = "float32"  # mixed: bfloat16 convolutions, on a GPU


@dataclass(frozen=True)
class HeadConfig:
    """``model.head_start=aligned``: heads and attention fitted to frozen features, from PCA."""

    steps: Number = 200
    lr: Rate = 2e-4  # falls to zero along a cosine
    batch_size: Annotated[int, Between(1, 65536)] = 256  # queries a step
    shapes: Annotated[int, Between(1, 10**6)] = 783  # shapes a step, the queries' own among them
    tau: Temperature = 0.05  # temperature of its instance loss
    only: Optional[str] = None  # pictures whose path in the list begins so; none: all


@dataclass(frozen=True)
class LogConfig:
    """What a run leaves behind, and when it stops early."""

    save_root: str = "runs"  # a run writes <save_root>/<run_name>/
    run_name: Optional[FolderName] = None  # none: <data.name>
    log_every: Number = 10  # steps between log lines
    validate_every: Count = 1  # epochs between validations; 0: never
    checkpoint_every: Number = 1  # epochs between checkpoints `last`
    early_stop: Count = 0  # validations without a better one before stopping; 0: never
    max_minutes: Minutes = 0.0  # stop and save after so long; 0: no limit
    tensorboard: bool = True  # also write tensorboard event files


@dataclass(frozen=True)
class Config:
    """The instance-level experiment. The defaults are the authors' settings on Pix3D."""

    seed: Seed = 3104  # with epoch and index, decides every random draw
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: the GPU if one really answers
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    log: LogConfig = field(default_factory=LogConfig)

    # What the released code did where it departs from the paper: docs/fidelity.md.
    RELEASED: ClassVar[dict[str, Any]] = {
        "data.mask_dir_lists": "train",
        "data.train_masks": "raw",
        "data.validation_from": "test",
        "data.fill_up": "gallery",
        "data.augmentation": "released",
        "model.view_channels": 4,
        "model.style_form": "released",
        "model.stem_start": "random",
        "loss.plain_query": Exactly(0.0),
        "loss.consistency_form": "released",
        "loss.contrast_form": "released",
    }
    # Those that a test takes from its own configuration, and those that an untrained network has.
    AT_TEST: ClassVar[tuple[str, ...]] = ("data.mask_dir_lists",)
    UNTRAINED: ClassVar[tuple[str, ...]] = (
        "data.mask_dir_lists", "data.train_masks", "model.view_channels", "model.stem_start")

    def problems(self) -> Iterator[str]:
        """What sections must agree on."""
        model = self.model
        for key in ("views", "views_per_step"):
            count = getattr(self.data, key)
            if count % model.view_channels:
                yield (f"model.view_channels={model.view_channels} views are stacked to one token: "
                       f"data.{key} must be a multiple of that, not {count}")
        if model.style_form == "released" and self.data.views % model.query_channels:
            yield ("model.style_form=released shows model.query_channels="
                   f"{model.query_channels} views at once to the query tower's stem: data.views "
                   f"must be a multiple of that, not {self.data.views}")
