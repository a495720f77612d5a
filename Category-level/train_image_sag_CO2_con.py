"""Train category-level SC-IBSR: which kind of shape is in the picture? Shapes have no labels.

Usage, from inside this folder
    python train_image_sag_CO2_con.py
    python train_image_sag_CO2_con.py --dset MI3DOR-2 --net ResNet50 --lr 0.0003
    python train_image_sag_CO2_con.py --config ./configs/demo_category.yaml --resume
    python train_image_sag_CO2_con.py --s_dset_path mine/photos.txt --t_dset_path mine/views.txt

The flags are the released script's; each sets the configuration's key that its help names, and
--set overrides both. Writes <log.save_root>/<run name>/: config.yaml, log.jsonl, speed.json,
tensorboard/ and last.safetensors. Ctrl-C and SIGTERM finish the step, save and stop; --resume goes
on, bit for bit.
"""
from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from crossmodal.config import CategoryConfig, ConfigError, in_short, load_tree
from crossmodal.config.memory import check_memory
from crossmodal.config.options import add_setting_options, settled_or_exit
from crossmodal.runtime.gpu_choice import start_with_gpu
from crossmodal.runtime.launch import load_or_exit
from crossmodal.training.category_flags import add_flags, said, settings_of


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Train category-level SC-IBSR without labels of the shapes.")
    add_flags(parser)
    parser.add_argument("--config", help="experiment; default: configs/<dset>.yaml where there is "
                        "one, else the defaults")
    add_setting_options(parser, CategoryConfig)
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    again.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    return parser.parse_args(arguments)


def settings(options: argparse.Namespace) -> CategoryConfig:
    """As the command line says. Raises ConfigError, also where memory cannot hold a batch."""
    config = load_tree(CategoryConfig, *settings_of(options))
    check_memory(config)
    return config


if __name__ == "__main__":
    given = parse()
    start_with_gpu(given.gpu_id)
    given.net = None  # networks are known when Jittor is there; the rest is read before
    settled_or_exit(lambda: settings(given))
    load_or_exit()

import numpy as np
from tqdm import tqdm

from crossmodal.checkpoint import CheckpointError
from crossmodal.config.released import departures, notes
from crossmodal.data.domain_batches import DomainBatch, DomainBatches
from crossmodal.data.domains import Domains, watched_test_items
from crossmodal.data.errors import DataError
from crossmodal.data.loader import Loader, LoaderError
from crossmodal.models.build import build_adaptation, build_category_net, check_classes
from crossmodal.models.category_encode import CategoryEncoder
from crossmodal.models.category_group import embed_together
from crossmodal.models.category_net import Adaptation, DomainEmbeddings
from crossmodal.models.layers import use_mixed_precision
from crossmodal.models.style_transition import StyleDraw
from crossmodal.runtime import jt, mpi, seeds
from crossmodal.runtime.compile_progress import FirstSteps
from crossmodal.runtime.device import check_precision, use_device
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.log import get_logger
from crossmodal.training import run_state
from crossmodal.training.category_objective import category_objective, category_sum
from crossmodal.training.interrupt import StopRequest
from crossmodal.training.loss_values import loss_values
from crossmodal.training.lowered_domains import can_lower, lowered_domains
from crossmodal.training.optimiser import Group, Optimiser
from crossmodal.training.run_log import RunLog
from crossmodal.training.schedule import inverse_decay
from crossmodal.training.speed import Speed
from crossmodal.weights.errors import WeightsError

LOG = get_logger("train")
OPERATORS = 170  # that a step needs, about: Jittor compiles them in the first one, once a machine
ERRORS = (ConfigError, DataError, CheckpointError, WeightsError, LoaderError, SetupError,
          FileExistsError, FloatingPointError, OSError)


class Training:
    """One run: what it trains, how far it is, and the loop."""

    def __init__(self, config: CategoryConfig, resume: bool = False,
                 overwrite: bool = False) -> None:
        self.config = config
        self.folder = run_state.run_folder(config)
        self.resume, self.overwrite = resume, overwrite
        seeds.seed_everything(config.seed)
        self.domains = Domains.load(config.data, config.seed)
        check_classes(config, len(self.domains.classes))
        self.on_test = config.data.validation_on == "test"  # as released
        self.watched = watched_test_items(config.data, self.domains.classes) if self.on_test \
            else self.domains.validation
        self.batches = DomainBatches(self.domains, config.data, config.seed,
                                     config.optim.iterations)
        self.facts = {"classes": self.domains.classes, "data": self.batches.digest()}
        net = build_category_net(config.model, len(self.domains.classes), pretrained=not resume)
        if config.optim.precision == "mixed":
            use_mixed_precision(net)
        self.parts = build_adaptation(net, config)
        jt.sync_all(True)  # a random start is drawn now, whatever ran before
        self.optimiser = make_optimiser(self.parts, config)
        self.progress = run_state.Progress(weights=net.weights)
        self.saved_steps, self.speed = -1, Speed()
        self.compiling = FirstSteps(OPERATORS)
        if resume:
            self.progress = run_state.restore(self.folder, config, self.parts, self.optimiser,
                                              self.facts)
            self.saved_steps = self.progress.total_steps
        encoder = CategoryEncoder(net, config, self.domains.classes)
        self.lowered = can_lower(encoder)
        if self.lowered:
            self.batches = lowered_domains(encoder, self.batches)

    def run(self) -> None:
        """Iterations until the plan is done, time is up or somebody asks."""
        data, log, progress = self.config.data, self.config.log, self.progress
        if log.validate_every and not self.watched:
            LOG.info("nothing is validated: no source pictures are held out "
                     "(data.validation_fraction=0)")
        workers = 0 if self.lowered else data.workers  # features are read, not made
        LOG.info("%d source pictures of %d classes, %d %s target items of %d views",
                 len(self.domains.source), len(self.domains.classes), len(self.domains.target),
                 "unlabelled" if data.target_labels == "unread" else "labelled", data.views)
        # Not before: an earlier run is lost where this one replaces it.
        run_state.start_folder(self.folder, self.config, self.resume, self.overwrite)
        with RunLog(self.folder, progress.total_steps, log.tensorboard,
                    notes=notes(departures(self.config))) as self.run_log, \
                Loader(self.batches, workers, data.prefetch) as loader, \
                StopRequest() as self.stop, \
                tqdm(total=self.batches.steps(), initial=progress.total_steps,
                     unit="step") as self.bar:
            while not self.finished():
                self.stretch(loader)
            if self.saved_steps != progress.total_steps:
                self.save()
        LOG.info("%d iterations in %.1f min; %s; results in %s", progress.total_steps,
                 progress.seconds / 60,
                 self.speed.write(self.folder, data.batch_size * (1 + data.views)), self.folder)

    def stretch(self, loader: Loader[DomainBatch]) -> None:
        """Train until a validation or a checkpoint is due."""
        log, progress = self.config.log, self.progress
        self.parts.train()
        # What is still pending would fuse with the first step and round it differently.
        jt.sync_all(True)
        began = time.monotonic()
        try:
            for batch in loader.epoch(0, start=progress.total_steps):
                with self.compiling:
                    self.step(batch)
                now = time.monotonic()
                self.speed.add(now - began)
                progress.seconds, began = progress.seconds + now - began, now
                if self.due(log.checkpoint_every) or self.validation_is_due() or self.finished():
                    break
        except LoaderError:  # what asks the trainer to stop may have ended its workers, too
            if not self.stop.requested:
                raise
            return  # between two steps: `run` saves
        if self.validation_is_due() or (self.watched and self.done() and not self.on_test):
            self.validate()
        if self.due(log.checkpoint_every) or self.finished():
            self.save()
        jt.sync_all()
        jt.gc()

    def step(self, batch: DomainBatch) -> None:
        """One iteration: embed, compare, move the weights, log."""
        config, progress = self.config, self.progress
        jt.core.set_seed(seeds.derive(config.seed, "dropout", batch.iteration))
        draw = StyleDraw.of(len(batch.images), len(batch.views), config.seed, batch.iteration) \
            if config.model.style_transition else None
        target_label = None if batch.target_label is None else jt.array(batch.target_label)
        terms, memory = category_objective(self.parts, self.embed(batch, draw),
                                           jt.array(batch.label), batch.iteration, config.loss,
                                           target_label)
        total = category_sum(terms, config.loss)
        optim = config.optim
        rate = optim.lr * inverse_decay(batch.iteration, optim.decay_gamma, optim.decay_power)
        self.optimiser.step(total, rate)
        self.parts.remember(memory)
        progress.total_steps += 1
        jt.sync_all(True)
        values = loss_values(total, terms)
        self.bar.update()
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()})
        broken = not all(math.isfinite(value) for value in values.values())
        if broken or progress.total_steps % config.log.log_every == 0 or progress.total_steps == 1:
            self.run_log.add(progress.total_steps, "train", {**values, "rate": rate})

    def embed(self, batch: DomainBatch, draw: StyleDraw | None) -> DomainEmbeddings:
        """A batch's features, from its pixels or from its maps at the split."""
        embed = self.parts.net.embed_lowered if self.lowered else self.parts.net
        return embed(jt.array(batch.images), jt.array(batch.views), draw)

    def validate(self) -> None:
        """Accuracy on the held-out source pictures: all that can be known without target labels.

        As released: on the test shapes.
        """
        name, kind = ("test", "shape") if self.on_test else ("source", "query")
        encoder = CategoryEncoder(self.parts.net, self.config, self.domains.classes)
        found, = embed_together([encoder], self.watched, kind, self.config.data.workers)
        right = found.outputs.argmax(1) == np.array([item.label for item in self.watched])
        figures = {f"{name}_accuracy": float(right[found.read].mean())}
        self.run_log.add(self.progress.total_steps, "validation", figures)
        self.progress.history.append({"iteration": self.progress.total_steps, **figures})
        LOG.info("iteration %d: accuracy on %d %s %.3f", self.progress.total_steps,
                 int(found.read.sum()), "test shapes" if self.on_test else
                 "held-out source pictures", figures[f"{name}_accuracy"])

    def save(self) -> None:
        """Write `last`."""
        run_state.save(self.folder, self.config, self.parts, self.optimiser, self.progress,
                       facts=self.facts)
        self.saved_steps = self.progress.total_steps

    def due(self, every: int, ahead: int = 0) -> bool:
        """Whether something done every so many iterations is due, or so many ahead of that."""
        return every > 0 and (self.progress.total_steps + ahead) % every == 0

    def validation_is_due(self) -> bool:
        """After an interval; as released, before its last iteration."""
        return bool(self.watched) and self.due(self.config.log.validate_every, int(self.on_test))

    def done(self) -> bool:
        """Whether the plan (iterations or minutes) is fulfilled."""
        limit = self.config.log.max_minutes
        return self.progress.total_steps >= self.batches.steps() or \
            bool(limit) and self.progress.seconds >= 60 * limit

    def finished(self) -> bool:
        return self.done() or self.stop.requested


def make_optimiser(parts: Adaptation, config: CategoryConfig) -> Optimiser:
    """The backbone at the plain rate; bottleneck, classifier and discriminator at a multiple."""
    groups: dict[str, dict[str, jt.Var]] = {"backbone": {}, "head": {}}
    for name, tensor in parts.named_parameters():
        groups["backbone" if name.startswith("net.encoder.") else "head"][name] = tensor
    optim = config.optim
    return Optimiser([Group("backbone", groups["backbone"]),
                      Group("head", groups["head"], optim.head_lr)], optim.name,
                     (optim.momentum, 0.999), optim.weight_decay, optim.gradient_clip)


def main(arguments: Sequence[str] | None = None) -> Path:
    """Train as the command line says; returns the run's folder."""
    options = parse(arguments)
    mpi.refuse("the category level")
    config = settings(options)
    folder = run_state.run_folder(config)
    for text in (in_short(config, folder / "config.yaml"), *said(options, config)):
        LOG.info("%s", text)
    check_precision(config.optim.precision, use_device(config.device))
    with run_state.reserved(folder, options.resume, options.overwrite):
        training = Training(config, options.resume, options.overwrite)
        training.run()
    LOG.info("next: %s", "the same with --resume, to go on" if training.stop.requested else
             shlex.join(["python", "test.py", "--checkpoint", str(folder)]))
    return folder


if __name__ == "__main__":
    try:
        main()
    except ERRORS as error:
        LOG.error("%s", error)
        sys.exit(1)
