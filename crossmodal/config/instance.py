"""Every setting of the instance-level scripts, its default, and what it means.

To add a key, add a line: the type is checked, the yaml and ``--set`` know it at once. A rule that a
type cannot say goes into the section's ``problems``.
"""

# Optional, not `| None`: Python 3.9 evaluates these annotations when a config is loaded.
# ruff: noqa: UP045
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Optional

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


@dataclass(frozen=True)
class DataConfig:
    """Where the pictures and shapes are, and how a batch is made of them."""

    root: str = "data"  # folder of data sets; looked for as given, then under the repository root
    name: str = "pix3d"  # data set: <root>/<name>/<name>_train.json, rendering_<name>.pkl or folder
    train_list: Optional[str] = None  # another training list in <root>/<name>/; none: <name>_train
    test_list: Optional[str] = None  # another test list in <root>/<name>/; none: <name>_test
    views_dir: Optional[str] = None  # another rendering folder or .pkl; none: rendering_<name>
    mask_dir: Optional[str] = None  # replaces the folder part "mask" of the lists' mask paths
    categories: list[str] = field(default_factory=list)  # allowed ones; empty: all there are
    library: str = "shapenet4"  # second library, for the test mode "shapenet": <root>/<library>/
    library_views: str = "rendering_shapenet{category}s"  # its rendering of one category

    image_size: int = 224  # query side, pixels
    view_size: int = 224  # view side, pixels
    views: int = 12  # views per shape that the renders must have
    views_per_step: int = 0  # views drawn per shape and training step; 0: all
    image_fit: Literal["pad", "squash"] = "pad"  # how a non-square picture becomes square
    crop_to_object: bool = False  # cut the query to the square around its mask first
    view_crop_to_object: bool = False  # cut each view to the square around what is not background
    crop_margin: float = 0.1  # free space around these squares, as a part of their side
    normalisation: Literal["half", "imagenet"] = "half"  # (x-.5)/.5 as released, or ImageNet's

    batch_size: int = 30  # images, and distinct shapes, in a training batch
    eval_batch_size: int = 32  # queries (or shapes) at a time in validation and test
    last_batch: Literal["drop", "pad"] = "drop"  # an incomplete batch: left out or refilled
    workers: int = 2  # loading processes; 0: load in the training process. Same bytes either way
    prefetch: int = 2  # batches each worker prepares ahead
    cache_mib: int = 256  # decoded pictures kept in each loading process, MiB
    validation_fraction: float = 0.1  # part of the training list held out to choose the epoch
    validation_by: Literal["query", "shape"] = "query"  # hold out pictures, or whole shapes

    translate: float = 0.05  # picture and mask: largest shift, as a part of the side
    image_crop: tuple[float, float] = (0.85, 0.95)  # picture and mask: crop area, as a part
    view_crop: tuple[float, float] = (0.65, 0.9)  # views: crop area, as a part
    crop_ratio: tuple[float, float] = (0.75, 4 / 3)  # width / height of either crop
    flip: bool = True  # mirror half of the pictures, and half of the shapes' view sets
    flip_together: bool = False  # mirror a whole batch or none of it, not each item by itself
    share_view_crop: bool = True  # one crop for all views of a shape; false: one for each view
    colour_transfer: bool = False  # give a picture the colours of another one (is_color)
    colour_jitter: float = 0.0  # brightness, contrast, saturation scaled by 1 +- this
    grayscale: float = 0.0  # probability of a gray query
    blur: float = 0.0  # probability of a blurred query
    background: float = 0.0  # probability that what the mask leaves out is repainted
    image_variants: int = 0  # fixed augmented forms of each picture; 0: a new one every time
    view_variants: int = 0  # the same of each shape's views

    def problems(self) -> Iterator[str]:
        for key, least in (("image_size", 8), ("view_size", 8), ("views", 1), ("batch_size", 2),
                           ("eval_batch_size", 1), ("workers", 0), ("prefetch", 1),
                           ("cache_mib", 0), ("views_per_step", 0), ("image_variants", 0),
                           ("view_variants", 0)):
            if getattr(self, key) < least:
                yield f"{key} must be at least {least}, not {getattr(self, key)}"
        if self.image_variants and self.colour_transfer:
            yield "colour_transfer changes a picture with its batch: image_variants must be 0"
        if self.views_per_step > self.views:
            yield f"views_per_step ({self.views_per_step}) is more than views ({self.views})"
        if not 0 <= self.validation_fraction < 1:
            yield f"validation_fraction must be in [0, 1), not {self.validation_fraction}"
        for key in ("grayscale", "blur", "background", "translate", "colour_jitter"):
            if not 0 <= getattr(self, key) <= 1:
                yield f"{key} must be in [0, 1], not {getattr(self, key)}"
        for key in ("image_crop", "view_crop"):
            low, high = getattr(self, key)
            if not 0 < low <= high <= 1:
                yield f"{key} must be 0 < low <= high <= 1, not [{low}, {high}]"
        if not 0 < self.crop_ratio[0] <= self.crop_ratio[1]:
            yield f"crop_ratio must be 0 < low <= high, not {list(self.crop_ratio)}"


@dataclass(frozen=True)
class ModelConfig:
    """The two encoders, the bridge between them, and where their weights start."""

    query_backbone: str = "resnet50"  # resnet18 | resnet34 | resnet50 | resnet101 | mobilenet_v2
    view_backbone: str = "resnet50"  # same choice; CMIC: resnet18
    query_channels: int = 4  # RGB + mask; 3: without the mask
    view_channels: int = 1  # gray; 4: four views stacked, as in the released checkpoints
    split: str = "layer2"  # stage after which the styles are mixed
    style_transition: bool = True  # the style-mixed bridge; false: CMIC
    z_dim: int = 128  # embedding length
    dropout: float = 0.5  # before the head
    head_start: Literal["random", "pca", "aligned"] = "random"  # released: random; see HeadConfig
    pretrained: Optional[str] = None  # query tower's start: a file of pretrained_resnet/, or a path
    view_pretrained: Optional[str] = None  # view tower's start; none: `pretrained`, if it fits
    gray_stem: Literal["mean", "sum"] = "mean"  # gray filter = mean or sum of the RGB filters
    mask_stem: Literal["mean", "zero"] = "mean"  # mask filter = mean of the RGB filters, or zero
    freeze: Literal["none", "stem", "layer1", "layer2", "layer3", "layer4"] = "none"  # up to here
    norm_statistics: Literal["train", "frozen"] = "train"  # BatchNorm, heads' too: batch's, stored

    def problems(self) -> Iterator[str]:
        for key in ("query_channels", "view_channels", "z_dim"):
            if getattr(self, key) < 1:
                yield f"{key} must be at least 1, not {getattr(self, key)}"
        if not 0 <= self.dropout < 1:
            yield f"dropout must be in [0, 1), not {self.dropout}"


@dataclass(frozen=True)
class LossConfig:
    """Weights (0 switches a loss off) and temperatures."""

    instance: float = 1.0  # L_inst
    category: float = 0.2  # L_cat
    consistency: float = 1.0  # L_fgc, plain against style-mixed queries
    contrast: float = 1.0  # L_clc, style-mixed queries against shapes
    plain_query: float = 1.0  # L_inst + L_cat also on the plain query, the one used at test; 0: off
    tau: float = 0.1  # temperature of L_inst and L_cat
    consistency_temperature: float = 0.1  # t of L_fgc
    contrast_temperature: float = 0.5  # temperature of L_clc

    def problems(self) -> Iterator[str]:
        for key in ("tau", "consistency_temperature", "contrast_temperature"):
            if getattr(self, key) <= 0:
                yield f"{key} must be above 0, not {getattr(self, key)}"
        for key in ("instance", "category", "consistency", "contrast", "plain_query"):
            if getattr(self, key) < 0:
                yield f"{key} must not be negative, not {getattr(self, key)}"


@dataclass(frozen=True)
class OptimConfig:
    """How the weights move."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = 5e-5  # rate of the backbones
    head_lr: float = 1.0  # rate of everything else, as a multiple of lr
    betas: tuple[float, float] = (0.5, 0.999)  # Adam's; the first is SGD's momentum
    weight_decay: float = 0.0
    epochs: int = 400  # 0: save the network as it starts
    max_steps: int = 0  # stop after so many steps; 0: no limit
    schedule: Literal["constant", "cosine", "step"] = "constant"  # rate as a function of the step
    step_epochs: list[int] = field(default_factory=list)  # schedule step: rate / 10 at each
    warmup: int = 0  # steps of linear warm-up
    warmup_heads: int = 0  # first steps in which only the heads move
    gradient_clip: float = 0.0  # largest gradient norm; 0: no limit

    def problems(self) -> Iterator[str]:
        if self.lr <= 0:
            yield f"lr must be above 0, not {self.lr}"
        for key in ("epochs", "max_steps", "warmup", "warmup_heads", "gradient_clip",
                    "weight_decay"):
            if getattr(self, key) < 0:
                yield f"{key} must not be negative, not {getattr(self, key)}"


@dataclass(frozen=True)
class HeadConfig:
    """``model.head_start=aligned``: heads and attention fitted to frozen features, from PCA."""

    steps: int = 200
    lr: float = 2e-4  # falls to zero along a cosine
    batch_size: int = 256  # queries a step
    shapes: int = 783  # shapes a step, the queries' own among them
    tau: float = 0.05  # temperature of its instance loss

    def problems(self) -> Iterator[str]:
        for key in ("steps", "batch_size", "shapes"):
            if getattr(self, key) < 1:
                yield f"{key} must be at least 1, not {getattr(self, key)}"
        for key in ("lr", "tau"):
            if getattr(self, key) <= 0:
                yield f"{key} must be above 0, not {getattr(self, key)}"


@dataclass(frozen=True)
class LogConfig:
    """What a run leaves behind, and when it stops early."""

    save_root: str = "runs"  # a run writes <save_root>/<run_name>/
    run_name: Optional[str] = None  # none: <data.name>
    log_every: int = 10  # steps between log lines
    validate_every: int = 1  # epochs between validations; 0: never
    checkpoint_every: int = 1  # epochs between checkpoints `last`
    early_stop: int = 0  # validations without a better one before stopping; 0: never
    max_minutes: float = 0.0  # stop and save after so long; 0: no limit
    tensorboard: bool = True  # also write tensorboard event files

    def problems(self) -> Iterator[str]:
        for key, least in (("log_every", 1), ("validate_every", 0), ("checkpoint_every", 1),
                           ("early_stop", 0), ("max_minutes", 0)):
            if getattr(self, key) < least:
                yield f"{key} must be at least {least}, not {getattr(self, key)}"


@dataclass(frozen=True)
class Config:
    """The instance-level experiment. The defaults are the authors' settings on Pix3D."""

    seed: int = 3104  # with epoch and index, decides every random draw
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: the GPU if one really answers
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    log: LogConfig = field(default_factory=LogConfig)
