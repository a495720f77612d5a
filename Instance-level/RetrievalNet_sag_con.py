"""Train RetrievalNet for instance-level retrieval: which exact shape is in the picture?

Usage, from inside this folder
    python RetrievalNet_sag_con.py --config ./configs/pix3d.yaml
    python RetrievalNet_sag_con.py --config ./configs/demo.yaml --set data.batch_size=16 --resume
    mpirun -np 2 python RetrievalNet_sag_con.py --config ./configs/pix3d.yaml    # two GPUs

Writes <log.save_root>/<run name>/: config.yaml, log.jsonl, speed.json, tensorboard/,
best.safetensors and last.safetensors. Ctrl-C and SIGTERM finish the step, save and stop; --resume
goes on, bit for bit. Of several processes any one may be sent SIGTERM (not mpirun, which would kill
them all before they have saved).
"""
from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from crossmodal.config import Config, ConfigError, in_short, load_config
from crossmodal.config.memory import check_memory
from crossmodal.config.options import add_setting_options, settled_or_exit
from crossmodal.runtime.launch import load_or_exit


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train RetrievalNet (instance-level SC-IBSR).")
    parser.add_argument("--config", default="./configs/pix3d.yaml", help="experiment")
    add_setting_options(parser, Config)
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    again.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    return parser.parse_args(arguments)


def settings(options: argparse.Namespace) -> Config:
    """As the command line says. Raises ConfigError, also where memory cannot hold a batch."""
    config = load_config(options.config, options.set)
    check_memory(config)
    return config


if __name__ == "__main__":
    settled_or_exit(lambda: settings(parse()))  # before Jittor, which may have to be built
    load_or_exit()

from tqdm import tqdm

from crossmodal.checkpoint import CheckpointError
from crossmodal.config.released import departures, notes
from crossmodal.data.batches import Batch, TrainBatches
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.errors import DataError
from crossmodal.data.loader import Loader, LoaderError
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.encode import Encoder
from crossmodal.models.layers import use_mixed_precision
from crossmodal.models.retrieval_net import Embeddings, RetrievalNet
from crossmodal.models.style_transition import Style, StyleDraw
from crossmodal.models.tensors import named_tensors
from crossmodal.retrieval.evaluate import FIGURES, evaluate_queries
from crossmodal.runtime import jt, ranks, seeds
from crossmodal.runtime.compile_progress import FirstSteps
from crossmodal.runtime.device import check_precision, use_device
from crossmodal.runtime.digest import text_digest
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.log import get_logger
from crossmodal.training import run_state
from crossmodal.training.head_start import start_heads
from crossmodal.training.interrupt import StopRequest
from crossmodal.training.loss_values import loss_values
from crossmodal.training.lowered import lowered_batches
from crossmodal.training.objective import objective, weighted_sum
from crossmodal.training.optimiser import Group, Optimiser
from crossmodal.training.run_log import RunLog
from crossmodal.training.schedule import Schedule, make_schedule
from crossmodal.training.speed import Speed
from crossmodal.weights.errors import WeightsError

LOG = get_logger("train")
OPERATORS = 170  # that a step needs, about: Jittor compiles them in the first one, once a machine
ERRORS = (ConfigError, DataError, CheckpointError, WeightsError, LoaderError, SetupError,
          FileExistsError, FloatingPointError, OSError)


class Training:
    """One run: what it trains, how far it is, and the loop."""

    def __init__(self, config: Config, resume: bool = False, overwrite: bool = False) -> None:
        self.config = config
        self.folder = run_state.run_folder(config)
        self.resume, self.overwrite = resume, overwrite
        seeds.seed_everything(config.seed)
        self.dataset = InstanceDataset.load(config.data, config.seed)
        self.batches = TrainBatches(self.dataset, config.data, config.seed,
                                    config.model.view_channels)
        self.facts = {"data": data_digest(self.dataset)}
        self.net = build_retrieval_net(config.model, pretrained=not resume)
        self.net.plain_learns = config.loss.plain_learns
        if config.optim.precision == "mixed":
            use_mixed_precision(self.net)
        self.optimiser = make_optimiser(self.net, config)
        self.progress = run_state.Progress(weights=self.net.weights)
        self.saved_steps = -1
        if resume:
            self.progress = run_state.restore(self.folder, config, self.net, self.optimiser,
                                              self.facts)
            self.saved_steps = self.progress.total_steps
        else:
            ranks.in_turn(lambda: start_heads(self.net, self.batches, config))
            ranks.start_alike(named_tensors(self.net))
        fixed = bool(config.data.image_variants and config.data.view_variants)
        self.lowered = fixed and self.net.lower_is_frozen
        if self.lowered:
            self.batches = ranks.in_turn(
                lambda: lowered_batches(self.net, self.batches, self.dataset, config))
        self.batches.take_part(ranks.rank(), ranks.size())
        self.steps_per_epoch = self.batches.steps()
        self.last_step = planned_steps(config, self.steps_per_epoch)
        self.schedule = planned_schedule(config, self.steps_per_epoch, self.last_step)
        self.asked_to_stop = self.out_of_time = False
        self.speed = Speed()
        self.compiling = FirstSteps(OPERATORS, silent=not ranks.is_first())

    def run(self) -> None:
        """Epochs until the plan is done, time is up, validation is stale or somebody asks."""
        data, log, progress = self.config.data, self.config.log, self.progress
        workers = 0 if self.lowered else data.workers  # features are read, not made
        if ranks.is_first():  # not before: an earlier run is lost where this one replaces it
            run_state.start_folder(self.folder, self.config, self.resume, self.overwrite)
        with RunLog(self.folder, progress.total_steps, log.tensorboard,
                    silent=not ranks.is_first(),
                    notes=notes(departures(self.config))) as self.run_log, \
                Loader(self.batches, workers, data.prefetch) as loader, \
                StopRequest() as self.stop, \
                tqdm(total=self.last_step, initial=progress.total_steps, unit="step",
                     disable=not ranks.is_first()) as self.bar:
            while not self.finished():
                self.epoch(loader)
            if self.saved_steps != progress.total_steps:  # stale, stopped after the save, no step
                self.save()
        if ranks.is_first():
            views = self.batches.slots * (data.views_per_step or data.views)
            LOG.info("%d steps in %.1f min; %s; results in %s", progress.total_steps,
                     progress.seconds / 60,
                     self.speed.write(self.folder, data.batch_size + views), self.folder)

    def epoch(self, loader: Loader[Batch]) -> None:
        """Train on the rest of the epoch in hand; validate and save at its end."""
        self.net.train()
        # What is still pending would fuse with the first step and round it differently.
        jt.sync_all(True)
        progress = self.progress
        began = time.monotonic()
        try:
            for batch in loader.epoch(progress.epoch, start=progress.step):
                with self.compiling:
                    self.step(batch)
                now = time.monotonic()
                self.speed.add(now - began)
                progress.seconds, began = progress.seconds + now - began, now
                self.agree()
                if self.interrupted():
                    break
        except LoaderError:  # what asks the trainer to stop may have ended its workers, too
            if ranks.size() > 1 or not self.stop.requested:
                raise
            return  # between two steps: `run` saves
        whole = progress.step >= self.steps_per_epoch
        if whole:
            progress.epoch, progress.step = progress.epoch + 1, 0
        log = self.config.log
        improved = bool(self.dataset.validation) and self.validation_is_due(whole) \
            and self.validate()
        if improved or self.due(log.checkpoint_every, whole) or self.interrupted():
            self.save(improved)
        jt.sync_all()
        jt.gc()

    def step(self, batch: Batch) -> None:
        """One batch: embed, compare, move the weights, log."""
        config, progress = self.config, self.progress
        own = (ranks.rank(),) if ranks.size() > 1 else ()
        jt.core.set_seed(seeds.derive(config.seed, "dropout", batch.epoch, batch.step, *own))
        draw = StyleDraw.of(len(batch.image_shape), len(batch.shape_category), config.seed,
                            batch.epoch, batch.step) if config.model.style_transition else None
        found = self.embed(batch, draw)
        terms = objective(self.net, found, jt.array(batch.instance.T > 0),
                          jt.array(batch.same_category.T > 0), jt.array(batch.image_shape),
                          config.loss)
        total = weighted_sum(terms, config.loss)
        rate = config.optim.lr * self.schedule(progress.total_steps)
        resting = ("backbone",) if progress.total_steps < config.optim.warmup_heads else ()
        self.optimiser.step(total, rate, resting)
        progress.step, progress.total_steps = progress.step + 1, progress.total_steps + 1
        jt.sync_all(True)
        values = loss_values(total, terms)
        self.bar.update()
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()})
        broken = not all(math.isfinite(value) for value in values.values())
        if broken or progress.total_steps % config.log.log_every == 0 or progress.total_steps == 1:
            self.run_log.add(progress.total_steps, "train", {**values, "rate": rate})

    def embed(self, batch: Batch, draw: StyleDraw | None) -> Embeddings:
        """A batch's embeddings, from its pixels or from its features at the split."""
        views = jt.array(batch.views)
        if self.lowered:
            style = None if batch.style is None else Style(
                *(jt.array(batch.style[:, i]) for i in range(2)))
            return self.net.embed_lowered(jt.array(batch.images), views, draw, style)
        images = batch.images[:, :self.config.model.query_channels]
        return self.net(jt.array(images), views, draw)

    def validate(self) -> bool:
        """Rank the held-out queries among the training shapes; True where it is the best yet.

        With ``data.validation_from=test`` the test queries among all shapes, as in a test, and as
        released the best one is that of the highest Top-1, which must be above 0.
        """
        progress, dataset = self.progress, self.dataset
        keys, figure, least = list(dataset.gallery), "top1", 0.0
        if self.config.data.validation_from == "train":
            keys = sorted({record.shape for record in dataset.train + dataset.validation})
            figure, least = "mrr", -1.0
        figures = evaluate_queries(Encoder(self.net, self.config), dataset.validation, keys,
                                   dataset.views, self.config.data.workers,
                                   dataset.duplicates) \
            if ranks.is_first() else None
        figures = ranks.from_first(figures, FIGURES)
        self.net.train()
        self.run_log.add(progress.total_steps, "validation", figures)
        progress.history.append({"epoch": progress.epoch, **figures})
        LOG.info("epoch %d, validation: %s", progress.epoch,
                 ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        improved = figures[figure] > max(progress.best, least)
        progress.stale = 0 if improved else progress.stale + 1
        if improved:
            progress.best, progress.best_epoch = figures[figure], progress.epoch
        return improved

    def save(self, improved: bool = False) -> None:
        """Write `last`, and `best` where this is it."""
        if ranks.is_first():
            run_state.save(self.folder, self.config, self.net, self.optimiser, self.progress,
                           improved, self.facts)
        self.saved_steps = self.progress.total_steps

    def validation_is_due(self, whole: bool) -> bool:
        """As ``log.validate_every`` says; where the test queries validate, at the released epochs:
        every tenth one, and each one from the 51st on.
        """
        every, epoch = self.config.log.validate_every, self.progress.epoch
        if every and self.config.data.validation_from == "test":
            return self.done() or whole and (epoch % 10 == 0 or epoch > 50)
        return self.due(every, whole)

    def due(self, every: int, whole: bool) -> bool:
        """Whether something done every so many epochs, and at the plan's end, is due."""
        return every > 0 and (self.done() or (whole and self.progress.epoch % every == 0))

    def agree(self) -> None:
        """Whether time is up or somebody asked to stop: in any process, then in all."""
        limit = self.config.log.max_minutes
        self.out_of_time, self.asked_to_stop = ranks.any_of(
            bool(limit) and self.progress.seconds >= 60 * limit, self.stop.requested)

    def done(self) -> bool:
        """Whether the plan (steps or minutes) is fulfilled."""
        return self.progress.total_steps >= self.last_step or self.out_of_time

    def interrupted(self) -> bool:
        return self.done() or self.asked_to_stop

    def finished(self) -> bool:
        self.agree()
        patience = self.config.log.early_stop
        return self.interrupted() or bool(patience) and self.progress.stale >= patience


def data_digest(dataset: InstanceDataset) -> str:
    """Changes with any query of training or validation, and with any shape; not with the place."""
    root = f"{dataset.folder}{os.sep}"
    listed = [[(record.id, (record.mask or "").replace(root, "", 1), record.shape)
               for record in records] for records in (dataset.train, dataset.validation)]
    return text_digest(repr((*listed, dataset.train_shapes, dataset.gallery)))[:16]


def make_optimiser(net: RetrievalNet, config: Config) -> Optimiser:
    """Two groups: the backbones at the plain rate, heads and attention at ``head_lr`` times it."""
    groups: dict[str, dict[str, jt.Var]] = {"backbone": {}, "head": {}}
    for name, tensor in net.named_parameters():
        group = "head" if ".fc." in name or name.startswith("attention.") else "backbone"
        groups[group][name] = tensor
    optim = config.optim
    return Optimiser([Group("backbone", groups["backbone"]),
                      Group("head", groups["head"], optim.head_lr)],
                     optim.name, optim.betas, optim.weight_decay, optim.gradient_clip)


def planned_steps(config: Config, per_epoch: int) -> int:
    """Steps of the whole plan: all epochs, or fewer where ``optim.max_steps`` says so."""
    steps = config.optim.epochs * per_epoch
    return min(steps, config.optim.max_steps) if config.optim.max_steps else steps


def planned_schedule(config: Config, per_epoch: int, steps: int) -> Schedule:
    """The rate's factor as a function of the step."""
    optim = config.optim
    return make_schedule(optim.schedule, steps, optim.warmup,
                         [epoch * per_epoch for epoch in optim.step_epochs])


def main(arguments: Sequence[str] | None = None) -> Path:
    """Train as the command line says; returns the run's folder."""
    options = parse(arguments)
    config = settings(options)
    folder = run_state.run_folder(config)
    ranks.quiet_others()
    LOG.info("%s", in_short(config, folder / "config.yaml"))
    check_precision(config.optim.precision, use_device(config.device))
    with run_state.reserved(folder, options.resume, options.overwrite):
        training = Training(config, options.resume, options.overwrite)
        training.run()
    overrides = [word for text in options.set for word in ("--set", text)]
    LOG.info("next: %s", "the same with --resume, to go on" if training.asked_to_stop else
             shlex.join(["python", "RetrievalNet_test.py", "--config", options.config, *overrides]))
    return folder


if __name__ == "__main__":
    with ranks.ended_together():
        try:
            main()
        except ERRORS as error:
            LOG.error("%s", error)
            sys.exit(1)
