"""Test RetrievalNet: rank a gallery of shapes for every test picture.

Usage, from inside this folder
    python RetrievalNet_test.py --config ./configs/pix3d.yaml --mode simple
    python RetrievalNet_test.py --config ./configs/pix3d.yaml --mode full
    python RetrievalNet_test.py --config ./configs/pix3d.yaml --mode shapenet

simple    Top-1, Top-10, MRR and category accuracy, per category and over all; gallery: all shapes
full      the same, and HAU and IoU of the top-1 shape against the right one
shapenet  gallery: the shapes of the query's category in a second library; HAU and IoU only

--untrained tests the network as training starts it: with model.head_start=pca that is the frozen
backbone's features, with aligned linear heads on them. Several --checkpoint are tested together,
which costs less than one by one, and compared: runs that differ in their seed make one row.

Writes <run>/test_<mode>/ (or untrained_<mode>/): metrics.json, queries.csv, table.md, curve.png
and grid.png.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossmodal.config import Config, ConfigError, config_hash, load_config, to_dict
from crossmodal.config.memory import check_memory
from crossmodal.config.options import add_setting_options, settled_or_exit
from crossmodal.runtime.launch import load_or_exit

MODES = ("simple", "full", "shapenet")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Test RetrievalNet (instance-level SC-IBSR).")
    parser.add_argument("--config", default="./configs/pix3d.yaml", help="experiment")
    parser.add_argument("--mode", default="simple", choices=MODES)
    parser.add_argument("--checkpoint", nargs="+", metavar="PATH",
                        help="files or run folders; default: the config's run")
    parser.add_argument("--untrained", action="store_true",
                        help="test the network as it starts (pretrained or random), untrained")
    parser.add_argument("--output", help="folder of the report (of several: a folder in it for "
                        "each); default: test_<mode> in the folder of the checkpoint")
    add_setting_options(parser, Config)
    return parser.parse_args(arguments)


def settings(options: argparse.Namespace) -> Config:
    """As the command line says. Raises ConfigError, also where memory cannot hold a batch."""
    config = load_config(options.config, options.set)
    check_memory(config, training=False)
    return config


if __name__ == "__main__":
    settled_or_exit(lambda: settings(parse()))  # before Jittor, which may have to be built
    load_or_exit()

import numpy as np

from crossmodal import checkpoint
from crossmodal.config.released import departures
from crossmodal.data.batches import TrainBatches
from crossmodal.data.dataset import InstanceDataset, data_folder, library_folder, open_library
from crossmodal.data.errors import DataError
from crossmodal.data.images import read_rgb
from crossmodal.data.loader import LoaderError
from crossmodal.data.records import QueryRecord, ShapeKey
from crossmodal.data.views import ViewStore
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.encode import Encoder, embed_gallery, embed_queries
from crossmodal.models.encoder_group import EncoderGroup
from crossmodal.prepare.splits import read_split_facts
from crossmodal.retrieval.comparison import RunMeasures, comparison_path, comparison_table
from crossmodal.retrieval.relevance import relevance_of_shapes
from crossmodal.retrieval.report import Pictures, RunFacts, markdown_table, write_text
from crossmodal.retrieval.results import RetrievalResults
from crossmodal.retrieval.scoring import attention_scores
from crossmodal.retrieval.shape_distance import ShapeFiles, compare_shapes
from crossmodal.runtime import seeds
from crossmodal.runtime.device import use_device
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.inside import inside
from crossmodal.runtime.log import get_logger, peak_memory_mib
from crossmodal.training.head_start import start_heads
from crossmodal.training.run_state import run_folder

LOG = get_logger("test")
ERRORS = (ConfigError, DataError, checkpoint.CheckpointError, LoaderError, SetupError, OSError,
          ValueError)


@dataclass(frozen=True)
class Subject:
    """A network to test, and where its report goes."""

    name: str
    encoder: Encoder
    folder: Path
    has: Collection[str] | None = None  # released keys that count for it; None: all, it is trained


def test(config: Config, subjects: Sequence[Subject], mode: str
         ) -> list[tuple[RetrievalResults, RunFacts]]:
    """Run one mode and write every network's report; what is in them."""
    dataset = InstanceDataset.load(config.data, config.seed)
    split = read_split_facts(dataset.folder)
    store, keys = dataset.views, list(dataset.gallery)
    if mode == "shapenet":
        store = open_library(config.data, dataset.categories)
        keys = list(store.keys())
    began = time.monotonic()
    group = EncoderGroup([subject.encoder for subject in subjects])
    records, queries, keys, tokens = embed_both(group, dataset.test, store, keys, config)
    seconds = time.monotonic() - began
    relevance = relevance_of_shapes([record.shape for record in records], keys,
                                    dataset.duplicates)
    if mode == "shapenet":  # another library: nothing in it is the exact shape, whatever its name
        relevance = np.zeros_like(relevance)
    found = []
    for subject, own, its in zip(subjects, group.split(queries), group.split_tokens(tokens)):
        began = time.monotonic()
        scores = attention_scores(own, its, subject.encoder.w_in)
        scoring = time.monotonic() - began
        if mode == "shapenet":
            scores = only_own_category(scores, records, keys)
        results = RetrievalResults.from_scores(
            scores, relevance, [r.id for r in records], [r.category for r in records],
            [str(k) for k in keys], [k.category for k in keys])
        if mode != "simple":
            results = with_distances(results, records, keys, dataset.folder, library(config, mode))
        trained = subject.encoder.trained
        facts = RunFacts(
            config_hash(trained), trained.seed,
            seconds={"embedding": seconds / len(subjects), "scoring": scoring},
            facts={"mode": mode, "model": subject.encoder.fingerprint, "config": to_dict(trained),
                   "tested_on": to_dict(config)["data"]},
            released=released_in(subject, config), split=split)
        results.write(subject.folder, facts, pictures(records, store, keys))
        found.append((results, facts))
    return found


def embed_both(encoder: EncoderGroup, records: Sequence[QueryRecord], store: ViewStore,
               keys: Sequence[ShapeKey], config: Config
               ) -> tuple[list[QueryRecord], np.ndarray, list[ShapeKey], np.ndarray]:
    """Queries and gallery that could be read, with their rows as ``encoder`` lays them out."""
    if not records or not keys:
        raise DataError(f"nothing to test: {len(records)} test queries, {len(keys)} shapes")
    queries, query_read = embed_queries(encoder, records, config.data.workers)
    tokens, shape_read = embed_gallery(encoder, store, keys, config.data.workers)
    kept_records = [r for r, read in zip(records, query_read) if read]
    kept_keys = [k for k, read in zip(keys, shape_read) if read]
    if len(kept_records) < len(records) or len(kept_keys) < len(keys):
        LOG.warning("left out as unreadable: %d of %d queries, %d of %d shapes",
                    len(records) - len(kept_records), len(records),
                    len(keys) - len(kept_keys), len(keys))
    return kept_records, queries[query_read], kept_keys, tokens[shape_read]


def only_own_category(scores: np.ndarray, records: Sequence[QueryRecord],
                      keys: Sequence[ShapeKey]) -> np.ndarray:
    """Scores (Q, S) with shapes of other categories ruled out."""
    queries = np.array([r.category for r in records])[:, None]
    return np.where(queries == np.array([k.category for k in keys])[None, :], scores, -np.inf)


def released_in(subject: Subject, config: Config) -> list[str]:
    """What of the released code's behaviour is in a number: in training, and in this test."""
    return list(dict.fromkeys(departures(subject.encoder.trained, subject.has)
                              + departures(config, Config.AT_TEST)))


def library(config: Config, mode: str) -> Path:
    """The folder that holds points and voxels of the gallery's shapes."""
    if mode == "shapenet":
        return library_folder(config.data)
    return data_folder(config.data)


def with_distances(results: RetrievalResults, records: Sequence[QueryRecord],
                   keys: Sequence[ShapeKey], folder: Path, found_folder: Path) -> RetrievalResults:
    """Add HAU and IoU of every query's top-1 shape."""
    hau, iou = np.full((2, len(records)), np.nan)
    ranked = [i for i, top in enumerate(results.top1_indices) if top >= 0]
    hau[ranked], iou[ranked] = compare_shapes(
        [records[i].shape for i in ranked], ShapeFiles(folder),
        [keys[results.top1_indices[i]] for i in ranked], ShapeFiles(found_folder))
    return results.with_column("hau", hau).with_column("iou", iou)


def pictures(records: Sequence[QueryRecord], store: ViewStore,
             keys: Sequence[ShapeKey]) -> Pictures:
    """Query pictures as they are; of a shape, the second view (30 degrees from the front)."""
    return Pictures(lambda i: read_rgb(records[i].image),
                    lambda i: np.asarray(store[keys[i]][min(1, len(store[keys[i]]) - 1)]))


def untrained(config: Config) -> Encoder:
    """The network as training would find it: the baseline that training must beat."""
    seeds.seed_everything(config.seed)
    net = build_retrieval_net(config.model)
    dataset = InstanceDataset.load(config.data, config.seed)
    batches = TrainBatches(dataset, config.data, config.seed, config.model.view_channels)
    start_heads(net, batches, config)
    return Encoder(net, config, "untrained")


def subjects_of(config: Config, options: argparse.Namespace) -> list[Subject]:
    """What the command line asks to test."""
    run = run_folder(config)
    if options.untrained:
        folder = Path(options.output or run / f"untrained_{options.mode}")
        return [Subject(run.name, untrained(config), folder, Config.UNTRAINED)]
    name = f"test_{options.mode}"
    places = [Path(text) for text in options.checkpoint or [run]]
    found = []
    for path in places:
        encoder = Encoder.from_checkpoint(path, config.device, config.data)
        check_memory(encoder.config, training=False)
        label = path.name if path.is_dir() else f"{path.parent.name}_{path.stem}"
        folder = inside(path, name) if path.is_dir() else inside(path.parent, f"{name}_{path.stem}")
        if options.output:
            folder = Path(options.output) / (label if len(places) > 1 else "")
        found.append(Subject(label, encoder, folder))
    if len({subject.folder for subject in found}) < len(found):
        raise ConfigError("two reports would lie in one folder: test runs of one name one at a "
                          "time, each with its --output")
    return found


def main(arguments: Sequence[str] | None = None) -> Path:
    """Test as the command line says; returns the folder of the (first) report."""
    options = parse(arguments)
    config = settings(options)
    use_device(config.device)
    subjects = subjects_of(config, options)
    found = test(config, subjects, options.mode)
    if len(found) == 1:
        print(markdown_table(found[0][0], found[0][1].notes))  # noqa: T201
    else:
        runs = [RunMeasures(subject.name, subject.encoder.config, results.measures(), facts.notes)
                for subject, (results, facts) in zip(subjects, found)]
        text = comparison_table(runs)
        path = comparison_path(options.output, run_folder(config).parent,
                               [subject.folder for subject in subjects])
        write_text(path, text)
        print(text)  # noqa: T201
        LOG.info("comparison in %s", path)
    for subject in subjects:
        LOG.info("report in %s", subject.folder)
    LOG.info("peak memory %.0f MiB", peak_memory_mib())
    return subjects[0].folder


if __name__ == "__main__":
    try:
        main()
    except ERRORS as error:
        LOG.error("%s", error)
        sys.exit(1)
