"""Every setting of the category-level scripts, its default, and what it means.

The defaults are the paper's on MI3DOR-1. To add a key, add a line: see the instance level. Keys
that bring back what the released code did are named in `CategoryConfig.RELEASED`.
"""

# Optional, not `| None`: Python 3.9 evaluates these annotations when a config is loaded.
# ruff: noqa: UP045
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Optional

from crossmodal.config.pictures import PictureConfig
from crossmodal.config.ranges import (
    Batch,
    Between,
    Count,
    FolderName,
    LargerPart,
    Length,
    Minutes,
    Norm,
    Number,
    Part,
    Parts,
    Rate,
    Ratio,
    Seed,
    SmallerPart,
    Temperature,
    Views,
    Weight,
)


@dataclass(frozen=True)
class DomainConfig(PictureConfig):
    """Labelled source pictures, unlabelled target items, and how a batch is made of them.

    A list is a file of ``path label`` lines, or a folder with one folder a class. It is looked for
    in <root>/<name>/, then as given, then under the repository root.
    """

    name: FolderName = "mi3dor1"  # data set: folder of the lists, and the run's name
    source_list: str = "source_train.txt"  # training pictures, with labels
    target_list: str = "target_train.txt"  # training shapes; its labels are never read
    query_list: Optional[str] = "source_test.txt"  # test pictures; none: the training pictures
    gallery_list: Optional[str] = "target_test.txt"  # test shapes; none: the training shapes
    class_names: str = "classes.txt"  # one name a line, line number = label; it may be missing
    views: Views = 4  # consecutive lines that are one shape; 1: each line is an item (Office-31)
    view_grouping: Literal["shapes", "lines"] = "shapes"  # lines: any `views` lines are pooled
    target_labels: Literal["unread", "used"] = "unread"  # used: they train; not unsupervised then
    passes: Literal["paper", "released"] = "paper"  # released: what fills no batch is left out of
    # each pass through a list, and the target is in its list's order: its tail is never seen
    validation_on: Literal["source", "test"] = "source"  # whose accuracy is logged in training:
    # held-out pictures', or the test shapes', as released; neither chooses anything
    batch_size: Batch = 32  # source pictures, and target items, in a training batch
    image_fit: Literal["pad", "squash"] = "squash"  # how a non-square picture becomes square
    normalisation: Literal["half", "imagenet"] = "imagenet"  # ImageNet's, or (x-.5)/.5
    validation_fraction: SmallerPart = 0.0  # part of the source pictures held out to watch accuracy
    translate: Part = 0.0  # largest shift, as a part of the side
    image_crop: Parts = (0.765625, 0.765625)  # random crop: 224 of 256 pixels a side
    view_crop: Parts = (0.765625, 0.765625)  # the same for the views
    crop_ratio: tuple[Ratio, Ratio] = (1.0, 1.0)  # width / height of either crop
    test_crop: LargerPart = 0.875  # side of the centre crop in a test, as a part of the picture's

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.views_per_step:
            yield "views_per_step must be 0 at category level: all views of a shape are read"


@dataclass(frozen=True)
class CategoryModelConfig:
    """One network for both domains, and where its weights start."""

    backbone: str = "resnet50"  # resnet18 ... resnet152, vgg11 ... vgg19_bn, alexnet, mobilenet_v2
    split: str = "layer2"  # stage after which the styles are mixed
    style_transition: bool = True  # the style-mixed bridge
    bottleneck: Length = 256  # embedding length
    activation: Literal["none", "relu"] = "none"  # of the bottleneck; a test clips features at 0
    pretrained: Optional[str] = None  # start: a file of pretrained_resnet/, or a path
    freeze: Literal["none", "stem", "layer1", "layer2", "layer3", "layer4"] = "none"  # up to here
    norm_statistics: Literal["train", "frozen"] = "train"  # BatchNorm: the batch's, or stored ones
    dropout: SmallerPart = 0.5  # before the bottleneck, training only
    style_form: Literal["paper", "released"] = "paper"  # released: views' maps cut anew, roots of
    # deviations, constant styles, other passes (models/released_category_style.py)
    gradients: Literal["whole", "heads"] = "whole"  # heads: the backbone learns nothing


@dataclass(frozen=True)
class CategoryLossConfig:
    """Weights (0 switches a loss off), and what shapes each loss."""

    pictures: Literal["mixed", "plain"] = "mixed"  # what cross-entropy, CDAN, SM and OPL see of the
    # source: style-mixed pictures (plain ones where nothing is mixed), or plain ones
    classification: Weight = 1.0  # label-smoothed cross-entropy of the source pictures
    target_classification: Weight = 0.0  # the same of the shapes; needs data.target_labels=used
    label_smoothing: Part = 0.1  # its epsilon
    label_smoothing_classes: Count = 0  # C of its epsilon / C; 0: as many as there are
    adversarial: Weight = 1.0  # CDAN (--trade_off)
    adversarial_method: Literal["CDAN", "CDAN+E"] = "CDAN+E"  # with entropy weights or not
    adversarial_features: Literal["raw", "normalised"] = "raw"  # what the discriminator sees
    adversarial_form: Literal["paper", "released"] = "paper"  # released: a second sigmoid; entropy
    # weights are learnt from, their gradient reversed too (losses/released_adversarial.py)
    regulariser: Weight = 0.1  # of the target's class probabilities (--lambda_method)
    regulariser_method: Literal["BNM", "BFM", "ENT", "NO"] = "BNM"
    centroid: Weight = 0.1  # SM: class centroids of both domains, by pseudo-labels
    centroid_decay: Part = 0.3  # part of the new batch in the moving centroids
    centroid_form: Literal["paper", "released"] = "paper"  # released: each batch's class means
    # alone, absent classes at zero, over 31 classes (losses/released_category.py)
    consistency: Weight = 10.0  # L_fgc, plain against style-mixed pictures
    consistency_temperature: Temperature = 0.1  # t of L_fgc
    consistency_form: Literal["paper", "released"] = "paper"  # released: another matrix of raw
    # features, no t (losses/released_category.py)
    contrast: Weight = 0.1  # L_clc, style-mixed pictures against shapes, by pseudo-labels
    contrast_temperature: Temperature = 0.5
    contrast_form: Literal["paper", "released"] = "paper"  # released: a list of pairs with copies;
    # without one, that of an earlier step (losses/released_contrast.py)
    orthogonal: Weight = 0.1  # OPL on the source pictures' features
    orthogonal_gamma: Weight = 0.5  # weight of its between-class part
    orthogonal_form: Literal["paper", "released"] = "paper"  # released: nearly every pair is of two
    # classes, and no absolute value (losses/released_category.py)
    orthogonal_start: Count = 1201  # first iteration in which it counts, from 0
    confidence: Part = 0.8  # a shape gets a pseudo-label from this class probability on
    ramp_steps: Number = 10000  # M of the adversarial ramp 2/(1+exp(-10 it/M)) - 1


@dataclass(frozen=True)
class CategoryOptimConfig:
    """SGD with Nesterov momentum, the rate falling as ``lr (1 + gamma it)^-power``."""

    name: Literal["nesterov", "adam"] = "nesterov"  # adam: for a network without pretrained weights
    lr: Rate = 3e-4  # rate of the backbone
    head_lr: Weight = 10.0  # rate of bottleneck, classifier, discriminator, as a multiple of lr
    momentum: SmallerPart = 0.9  # Adam's first average, too
    weight_decay: Weight = 1e-3  # 5e-4, and the multiplier of 2 that every group has
    iterations: Count = 1500  # 0: save the network as it starts
    decay_gamma: Weight = 0.001
    decay_power: Annotated[float, Between(0, 10)] = 0.75
    gradient_clip: Norm = 0.0  # largest gradient norm; 0: no limit
    precision: Literal["float32", "mixed"] = "float32"  # mixed: bfloat16 convolutions, on a GPU


@dataclass(frozen=True)
class CategoryLogConfig:
    """What a run leaves behind, and how often."""

    save_root: str = "runs"  # a run writes <save_root>/<run_name>/
    run_name: Optional[FolderName] = None  # none: <data.name>
    log_every: Number = 10  # iterations between log lines (--print_num)
    validate_every: Count = 500  # iterations between validations (--test_interval); 0: never
    checkpoint_every: Number = 500  # iterations between checkpoints (--snapshot_interval)
    max_minutes: Minutes = 0.0  # stop and save after so long; 0: no limit
    tensorboard: bool = True  # also write tensorboard event files


@dataclass(frozen=True)
class CategoryConfig:
    """The category-level experiment. The defaults are the paper's settings on MI3DOR-1."""

    seed: Seed = 3104  # with the iteration, decides every random draw
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: the GPU if one really answers
    data: DomainConfig = field(default_factory=DomainConfig)
    model: CategoryModelConfig = field(default_factory=CategoryModelConfig)
    loss: CategoryLossConfig = field(default_factory=CategoryLossConfig)
    optim: CategoryOptimConfig = field(default_factory=CategoryOptimConfig)
    log: CategoryLogConfig = field(default_factory=CategoryLogConfig)

    # What the released code did where it departs from the paper: docs/fidelity.md.
    RELEASED: ClassVar[dict[str, Any]] = {
        "data.view_grouping": "lines",
        "data.target_labels": "used",
        "data.passes": "released",
        "data.augmentation": "released",
        "data.validation_on": "test",
        "model.gradients": "heads",
        "model.style_form": "released",
        "loss.target_classification": 1.0,
        "loss.label_smoothing_classes": 31,
        "loss.adversarial_form": "released",
        "loss.centroid_form": "released",
        "loss.consistency_form": "released",
        "loss.contrast_form": "released",
        "loss.orthogonal_form": "released",
    }
    # Those that an untrained network's test has.
    UNTRAINED: ClassVar[tuple[str, ...]] = ("data.view_grouping",)

    def problems(self) -> Iterator[str]:
        if self.loss.target_classification and self.data.target_labels == "unread":
            yield ("loss.target_classification needs the shapes' labels: set data.target_labels="
                   "used (the run is not unsupervised then), or the weight to 0")
