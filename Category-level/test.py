"""Test category-level retrieval: rank shapes for every test picture; the right kind comes first?

Usage, from inside this folder
    python test.py --dset MI3DOR-1
    python test.py --config ./configs/demo_category.yaml --protocol sc-ibsr-released
    python test.py --checkpoint ../runs/mi3dor1 ../runs/another --set data.gallery_list=all.txt
    python test.py --untrained centroids

Features are the bottleneck's, clipped at 0 and of length one, compared by Euclidean distance. A
shape's are the maximum over its views. Protocols: see crossmodal/retrieval/category_metrics.py.
Several --checkpoint are compared: runs that differ in their seed make one row. --untrained tests
the backbone as training finds it: its own features, or the floor that uses the training pictures'
labels but no training: a query counts as the centroid of the class that is nearest to it.

What the released code did otherwise, and the run or the test did too, stands in every report.

Writes <run>/test/ (or untrained_<what>/): metrics.json, table.md, precision_recall.png, tsne.png,
grid.png, source.mat, target.mat and features.npz.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossmodal.config import CategoryConfig, ConfigError, config_hash, load_tree, override, to_dict
from crossmodal.config.memory import check_memory
from crossmodal.config.options import add_setting_options, settled_or_exit
from crossmodal.retrieval.category_metrics import PROTOCOLS
from crossmodal.retrieval.category_ranking import PREPARATIONS
from crossmodal.runtime.gpu_choice import start_with_gpu
from crossmodal.runtime.launch import load_or_exit
from crossmodal.training.category_flags import TESTED, add_flags, settings_of

# Keys a test may change; how pictures look to the network is in its checkpoint.
OWN = ("root", "name", "query_list", "gallery_list", "class_names", "views", "workers",
       "eval_batch_size", "prefetch", "cache_mib")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Test category-level SC-IBSR.")
    add_flags(parser, TESTED)
    parser.add_argument("--config", help="experiment; default: configs/<dset>.yaml where there is "
                        "one, else the defaults")
    parser.add_argument("--checkpoint", nargs="+", metavar="PATH",
                        help="files or run folders; default: the config's run")
    parser.add_argument("--untrained", choices=("features", "centroids"),
                        help="test the backbone as training finds it")
    parser.add_argument("--protocol", default=PROTOCOLS[0], choices=PROTOCOLS)
    parser.add_argument("--features", default=PREPARATIONS[0], choices=PREPARATIONS,
                        help="how features are prepared before they are compared")
    parser.add_argument("--output", help="folder of the report (of several: a folder in it for "
                        "each); default: <run>/test")
    add_setting_options(parser, CategoryConfig)
    return parser.parse_args(arguments)


def settings(options: argparse.Namespace) -> CategoryConfig:
    """As the command line says; a checkpoint without a config is tested on its own data."""
    path, overrides = settings_of(options)
    wrong = [text for text in options.set if not options.untrained and text.startswith(
        ("data.", "model.", "loss.", "optim."))
        and text.partition("=")[0] not in {f"data.{key}" for key in OWN}]
    if wrong:
        raise ConfigError(f"--set {wrong[0]:.100}: a test takes that from the checkpoint; it may "
                          f"change data.{{{', '.join(OWN)}}}")
    if names_no_config(options):
        place = options.checkpoint[0]
        config = override(trained_config(checkpoint.load(place), place), overrides)
    else:
        config = load_tree(CategoryConfig, path, overrides)
    check_memory(config, training=False)
    return config


def names_no_config(options: argparse.Namespace) -> bool:
    """Whether checkpoints are to be tested as they are, on the data of the first."""
    return bool(options.checkpoint) and not options.config and not options.dset


if __name__ == "__main__":
    given = parse()
    start_with_gpu(given.gpu_id)
    if not names_no_config(given):  # before Jittor, which may have to be built
        settled_or_exit(lambda: settings(given))
    load_or_exit()

import numpy as np

from crossmodal import checkpoint
from crossmodal.config.released import departures
from crossmodal.data.domains import Domains, load_test
from crossmodal.data.domains import folder as data_folder
from crossmodal.data.errors import DataError
from crossmodal.data.image_lists import Item
from crossmodal.data.images import read_rgb
from crossmodal.data.loader import LoaderError
from crossmodal.models.build import build_category_net, check_classes
from crossmodal.models.category_encode import CategoryEncoder, Embedded, trained_config
from crossmodal.models.category_group import alike, embed_together
from crossmodal.prepare.splits import read_split_facts
from crossmodal.retrieval.category_features import DomainFeatures
from crossmodal.retrieval.category_metrics import CategoryResults, measure_categories
from crossmodal.retrieval.category_report import (
    COLUMNS,
    MeasuredDomains,
    category_table,
    measured_on,
    write_category_report,
)
from crossmodal.retrieval.class_centroids import class_centroids, nearest_centroid
from crossmodal.retrieval.comparison import RunMeasures, comparison_path, comparison_table
from crossmodal.retrieval.report import Pictures, RunFacts, write_text
from crossmodal.runtime import seeds
from crossmodal.runtime.device import use_device
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.log import get_logger, peak_memory_mib
from crossmodal.training.run_state import run_folder

LOG = get_logger("test")
ERRORS = (ConfigError, DataError, checkpoint.CheckpointError, LoaderError, SetupError, OSError,
          ValueError)


@dataclass(frozen=True)
class Side:
    """Items of one domain that could be read, and what the network says of them."""

    items: list[Item]
    labels: np.ndarray
    found: Embedded

    @classmethod
    def of(cls, items: Sequence[Item], found: Embedded) -> Side:
        """Without the unreadable items, which are counted in the log."""
        kept = [item for item, read in zip(items, found.read) if read]
        if len(kept) < len(items):
            LOG.warning("left out as unreadable: %d of %d items", len(items) - len(kept),
                        len(items))
        if not kept:
            raise DataError(f"none of {len(items)} test items can be read (first: "
                            f"{items[0].files[0]}); complete the data set")
        labels = np.array([item.label for item in kept], np.int64)
        return cls(kept, labels, Embedded(found.feature[found.read], found.outputs[found.read],
                                          found.read))

    def features(self) -> DomainFeatures:
        return DomainFeatures(self.found.feature, self.labels, self.found.outputs)


@dataclass(frozen=True)
class Subject:
    """A network to test, ready for today's lists, and where its report goes."""

    name: str
    trained: CategoryConfig
    encoder: CategoryEncoder
    folder: Path
    split: dict[str, Any] | None  # which pictures train and test, if the data set says so


Tested = tuple[CategoryResults, RunFacts]


def test(subjects: Sequence[Subject], options: argparse.Namespace) -> list[Tested]:
    """Embed both sides, rank, measure, and write every network's report; what is in them."""
    found: dict[int, Tested] = {}
    for places in alike([subject.encoder for subject in subjects]):
        encoders = [subjects[place].encoder for place in places]
        data = encoders[0].config.data
        queries, gallery = load_test(data, encoders[0].classes)
        began = time.monotonic()
        source = embed_together(encoders, queries, "query", data.workers)
        target = embed_together(encoders, gallery, "shape", data.workers)
        seconds = (time.monotonic() - began) / len(places)
        for place, own, its in zip(places, source, target):
            found[place] = measure(subjects[place], Side.of(queries, own), Side.of(gallery, its),
                                   seconds, options)
    return [found[place] for place in range(len(subjects))]


def measure(subject: Subject, source: Side, target: Side, seconds: float,
            options: argparse.Namespace) -> Tested:
    """Rank, measure, and write the report of one network."""
    encoder, began = subject.encoder, time.monotonic()
    results = measure_categories(source.found.feature, source.labels, target.found.feature,
                                 target.labels, options.protocol, options.features)
    took = {"embedding": seconds, "ranking": time.monotonic() - began}
    facts = facts_of(encoder, subject.split, took, {"unreadable": {
        "queries": int((~source.found.read).sum()), "shapes": int((~target.found.read).sum())}})
    measured = MeasuredDomains(source.features(), target.features())
    write_category_report(results, subject.folder, facts, measured,
                          Pictures(lambda i: read_rgb(source.items[i].files[0]),
                                   lambda i: read_rgb(target.items[i].files[0])),
                          encoder.classes)
    return results, facts


def facts_of(encoder: CategoryEncoder, split: dict[str, Any] | None, seconds: Mapping[str, float],
             about: Mapping[str, Any], has: Collection[str] | None = None) -> RunFacts:
    """The circumstances of a test; ``has``: the released keys that count for it, None: all."""
    config = encoder.config
    return RunFacts(
        config_hash(config), config.seed, seconds=seconds,
        facts={"model": encoder.fingerprint, "config": to_dict(config), **about},
        released=departures(config, has), split=split)


def test_untrained(config: CategoryConfig, what: str, folder: Path,
                   options: argparse.Namespace) -> str:
    """Measure the backbone's own features, or nearest class centroids of them; the table."""
    seeds.seed_everything(config.seed)
    domains, split = Domains.load(config.data, config.seed), split_of(config)
    check_classes(config, len(domains.classes))
    encoder = CategoryEncoder(build_category_net(config.model, len(domains.classes)), config,
                              domains.classes, f"untrained {what}")
    queries, gallery = load_test(config.data, encoder.classes)

    def pooled(items: Sequence[Item], kind: str) -> tuple[np.ndarray, np.ndarray]:
        rows, read = encoder.pool(items, kind, config.data.workers)
        return rows[read], np.array([item.label for item in items], np.int64)[read]

    rows, labels = pooled(queries, "query")
    shapes, shape_labels = pooled(gallery, "shape")
    if what == "centroids":
        known, known_labels = pooled(domains.source, "query")
        centroids = class_centroids(known, known_labels, len(encoder.classes))
        rows = centroids[nearest_centroid(rows, centroids)]
    results = measure_categories(rows, labels, shapes, shape_labels, options.protocol,
                                 options.features)
    facts = facts_of(encoder, split, {}, {}, CategoryConfig.UNTRAINED)
    write_category_report(results, folder, facts, class_names=encoder.classes)
    return category_table(results, encoder.classes, facts.notes)


def split_of(config: CategoryConfig) -> dict[str, Any] | None:
    """What the data set says of its split into training and test."""
    return read_split_facts(data_folder(config.data))


def subjects_of(config: CategoryConfig, options: argparse.Namespace) -> list[Subject]:
    """What the command line asks to test."""
    found = []
    places = [Path(text) for text in options.checkpoint or [run_folder(config)]]
    for place in places:
        encoder = CategoryEncoder.from_checkpoint(place)
        trained = encoder.config
        encoder.config = with_data(trained, config, options)
        run = place if place.is_dir() else place.parent
        folder = run / report_name(trained, encoder.config, options)
        if options.output:
            folder = Path(options.output) / (run.name if len(places) > 1 else "")
        found.append(Subject(run.name, trained, encoder, folder, split_of(encoder.config)))
    if len({subject.folder for subject in found}) < len(found):
        raise ConfigError("two reports would lie in one folder: test checkpoints of one run, or of "
                          "runs of one name, one at a time, each with its --output")
    return found


def report_name(trained: CategoryConfig, now: CategoryConfig, options: argparse.Namespace) -> str:
    """``test``, and what is not as usual: no report takes another one's place."""
    parts = [options.protocol] * (options.protocol != PROTOCOLS[0])
    parts += [options.features] * (options.features != PREPARATIONS[0])
    for key in ("query_list", "gallery_list"):
        if getattr(now.data, key) != getattr(trained.data, key):
            parts.append(Path(str(getattr(now.data, key))).stem)
    return "_".join(["test", *parts])


def with_data(trained: CategoryConfig, now: CategoryConfig,
              options: argparse.Namespace) -> CategoryConfig:
    """The trained configuration, which says how pictures are prepared, with today's lists."""
    here = {key: getattr(now.data, key) for key in OWN}
    if names_no_config(options):
        own = override(trained, settings_of(options)[1])
        here["views"] = own.data.views  # each network's own
    found = replace(trained, data=replace(trained.data, **here))
    check_memory(found, training=False)
    return found


def all_measured_on(subjects: Sequence[Subject], found: Sequence[Tested]) -> str:
    """How the numbers were taken: once, or of each network where they differ in it."""
    texts = [measured_on(results) for results, _ in found]
    if len(set(texts)) == 1:
        return texts[0]
    return "".join(f"{subject.name}: {text}" for subject, text in zip(subjects, texts))


def main(arguments: Sequence[str] | None = None) -> Path:
    """Test as the command line says; returns the folder of the (first) report."""
    options = parse(arguments)
    config = settings(options)
    use_device(config.device)
    if options.untrained:
        folder = Path(options.output or run_folder(config) / f"untrained_{options.untrained}")
        print(test_untrained(config, options.untrained, folder, options))  # noqa: T201
        return folder
    subjects = subjects_of(config, options)
    found = test(subjects, options)
    results, facts = found[0]
    if len(subjects) == 1:
        print(category_table(results, subjects[0].encoder.classes, facts.notes))  # noqa: T201
    else:
        runs = [RunMeasures(subject.name, subject.trained, results.overall, facts.notes)
                for subject, (results, facts) in zip(subjects, found)]
        text = f"{comparison_table(runs, COLUMNS, ())}\n{all_measured_on(subjects, found)}"
        path = comparison_path(options.output, run_folder(config).parent,
                               [subject.folder for subject in subjects])
        write_text(path, text)
        print(text)  # noqa: T201
        LOG.info("comparison in %s", path)
    for subject in subjects:
        LOG.info("report in %s", subject.folder)
    LOG.info("protocol %s, features %s; peak memory %.0f MiB", options.protocol,
             options.features, peak_memory_mib())
    return subjects[0].folder


if __name__ == "__main__":
    try:
        main()
    except ERRORS as error:
        LOG.error("%s", error)
        sys.exit(1)
