"""Images per second of the input pipeline with 0, 1 and 2 workers, at the authors' settings.

Pictures of 640 x 480 with masks and 12 views of 224 px a shape, made for the purpose; nothing is
kept decoded between batches, as with a data set that is larger than the memory.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import deque
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.measure import Measurement, seconds
from benchmarks.processes import run_program
from crossmodal.config import Config, override
from crossmodal.data.batches import TrainBatches
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.loader import Loader

BATCH, BATCHES = 30, 8
WORKERS = (0, 1, 2)
STEP = {"batch": 4, "views": 12, "side": 224, "steps": 2}  # the authors' settings, a small batch
SPARE = 2.0  # times what a step consumes: it must never wait


def main(quick: bool = False) -> list[Measurement]:
    """One line per number of workers; the ratio is against loading in the training process."""
    batches = 3 if quick else BATCHES
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), BATCH * batches)
        config = override(Config(), [
            f"data.root={folder}", "data.name=bench", f"data.batch_size={BATCH}",
            "data.validation_fraction=0", "data.cache_mib=0"])
        dataset = InstanceDataset.load(config.data, config.seed)
        for workers in WORKERS:
            took = _seconds_per_epoch(TrainBatches(dataset, config.data, config.seed), workers)
            facts = {"images_per_second": BATCH * batches / took}
            found.append(Measurement(f"input pipeline, {workers} workers", took,
                                     found[0].ours if found else None, facts=facts))
    return [*found, against_step(found[-1], BATCH * batches)]


def against_step(pipeline: Measurement, pictures: int) -> Measurement:
    """Seconds for a picture and its share of the views: loaded, against learnt from."""
    step = run_program(sys.executable, "jittor_step.py", STEP)
    assert pipeline.ours is not None
    return Measurement("input pipeline, 2 workers, against the training step it feeds",
                       pipeline.ours / pictures, step["seconds"] / STEP["batch"], SPARE,
                       facts={"device": step["device"]})


def _seconds_per_epoch(batches: TrainBatches, workers: int) -> float:
    """Least seconds of an epoch once workers run and the files are in the system's cache."""
    with Loader(batches, workers) as loader:
        return seconds(lambda: deque(loader.epoch(1), maxlen=0), 3)


def write_data(folder: Path, count: int) -> None:
    """`count` training photographs, half as many shapes, two test ones, in the authors' layout."""
    root = folder / "bench"
    rng = np.random.default_rng(0)
    for name in ("img/a", "mask/a", "rendering_bench/a"):
        (root / name).mkdir(parents=True)
    entries = []
    for i in range(count + 2):
        shape = f"shape{i // 2:03d}"
        _write_picture(rng, root / f"img/a/{i}.jpg", root / f"mask/a/{i}.png")
        if i % 2 == 0:
            views = rng.integers(0, 256, (12, 224, 224), np.uint8)
            np.save(root / f"rendering_bench/a/{shape}.npy", views)
        entries.append({"img": f"img/a/{i}.jpg", "mask": f"mask/a/{i}.png", "category": "a",
                        "model": f"model/a/{shape}/model.obj"})
    for part, listed in (("train", entries[:count]), ("test", entries[count:])):
        (root / f"bench_{part}.json").write_text(json.dumps(listed), encoding="utf-8")


def _write_picture(rng: np.random.Generator, image: Path, mask: Path) -> None:
    """A photograph-like JPEG (smooth, with grain) and a mask."""
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((640, 480))
    grain = rng.integers(-12, 13, (480, 640, 3))
    pixels = np.clip(np.asarray(coarse.filter(ImageFilter.GaussianBlur(3))) + grain, 0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(image, quality=90)
    shown = np.zeros((480, 640), np.uint8)
    shown[80:420, 140:500] = 255
    Image.fromarray(shown).save(mask)
