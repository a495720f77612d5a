"""Any number of workers, any start: the same bytes. Workers that die are named."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from tiny_data import Tiny

from crossmodal.data.batches import Batch, TrainBatches
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.errors import DataError, SampleError
from crossmodal.data.evaluation import QueryBatches
from crossmodal.data.in_hand import in_hand
from crossmodal.data.loader import Loader, LoaderError
from crossmodal.data.shared_slots import create_memory, map_slots

ROOT = Path(__file__).resolve().parents[2]


def digest(batch: Batch) -> str:
    found = hashlib.sha256()
    for name in ("images", "views", "image_shape", "image_category", "shape_category",
                 "image_index", "shape_index"):
        found.update(getattr(batch, name).tobytes())
    return found.hexdigest()


def source(tiny: Tiny) -> TrainBatches:
    return TrainBatches(InstanceDataset.load(tiny.data), tiny.data, seed=1)


def test_workers_and_restarts_give_the_same_bytes(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny(as_pickle=True)
    path = tiny.folder / "img" / "003.jpg"
    path.write_bytes(path.read_bytes()[:100])
    made = source(tiny)
    with Loader(made) as here:
        expected = [[digest(b) for b in here.epoch(e)] for e in range(3)]
    for workers, prefetch in ((1, 1), (2, 2), (3, 1)):
        with Loader(made, workers, prefetch) as loader:
            assert [[digest(b) for b in loader.epoch(e)] for e in range(3)] == expected
            for start in range(made.steps() + 1):  # resume in the middle
                assert [digest(b) for b in loader.epoch(1, start)] == expected[1][start:]
            assert set(loader.bad) == {str(path)} == set(here.bad)


def test_an_abandoned_epoch_leaves_the_loader_usable(tiny: Tiny) -> None:
    made = source(tiny)
    expected = [digest(b) for b in Loader(made).epoch(0)]
    with Loader(made, 2) as loader:
        first = loader._start() or [w.process.pid for w in loader._workers]
        for _ in range(3):
            for batch in loader.epoch(0):
                assert digest(batch) == expected[0]
                break
        assert [digest(b) for b in loader.epoch(0)] == expected
        assert [w.process.pid for w in loader._workers] == first


def test_batches_stay_what_they_were(tiny: Tiny) -> None:
    with Loader(source(tiny), 1, 1) as loader:
        batches = list(loader.epoch(0))
        digests = [digest(b) for b in batches]
        list(loader.epoch(1))
        assert [digest(b) for b in batches] == digests


def test_evaluation_with_workers(tiny: Tiny) -> None:
    records = InstanceDataset.load(tiny.data).test
    here = list(Loader(QueryBatches(records, tiny.data)).epoch())
    with Loader(QueryBatches(records, tiny.data), 2) as loader:
        for one, two in zip(here, loader.epoch()):
            assert np.array_equal(one.images, two.images)
            assert np.array_equal(one.valid, two.valid) and two.valid.dtype == bool


def test_closing_ends_the_processes(tiny: Tiny) -> None:
    loader = Loader(source(tiny), 2)
    list(loader.epoch(0))
    processes = [w.process for w in loader._workers]
    assert all(p.poll() is None for p in processes)
    loader.close()
    assert [p.returncode for p in processes] == [0, 0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_signal_to_the_whole_job_costs_no_batch(
    tiny: Tiny, number: signal.Signals
) -> None:
    made = source(tiny)
    expected = [digest(b) for b in Loader(made).epoch(0)]
    loader = Loader(made, 2, 1)
    loader._start()
    processes = [w.process for w in loader._workers]
    found = []
    for process in processes:  # before its first line of Python
        process.send_signal(number)
    for batch in loader.epoch(0):
        found.append(digest(batch))
        for process in processes:
            process.send_signal(number)
    assert found == expected
    loader.close()
    assert [p.returncode for p in processes] == [0, 0]
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, []) & {number}


def test_a_killed_worker_is_named(tiny: Tiny) -> None:
    with Loader(source(tiny), 2, 1) as loader:
        batches = loader.epoch(0)
        next(batches)
        os.kill(loader._workers[1].process.pid, signal.SIGKILL)
        with pytest.raises(LoaderError, match="worker 2 .*SIGKILL.*data.workers"):
            for _ in range(5):
                list(batches)
                batches = loader.epoch(1)
        assert len(list(loader.epoch(0))) == 3  # new workers


class Failing:
    """A source with a programming error in it."""

    def steps(self) -> int:
        return 3

    def layout(self) -> dict:
        return {"x": ((2,), "float32")}

    def build(self, epoch: int, step: int, out: dict) -> dict:
        if step == 1:
            raise ZeroDivisionError("a bug in step one")
        out["x"][:] = step
        return {}

    def wrap(self, arrays: dict, epoch: int, step: int, bad: dict) -> dict:
        return arrays


class Unreadable(Failing):
    """A source whose data cannot be used."""

    def build(self, epoch: int, step: int, out: dict) -> dict:
        raise DataError("none of 3 items can be read (first: a.png)")


def test_unusable_data_is_the_same_short_error_from_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    for workers in (0, 1):
        with Loader(Unreadable(), workers) as loader:
            with pytest.raises(DataError, match=r"^none of 3 items can be read \(first: a.png\)$"):
                list(loader.epoch(0))


def test_an_unexpected_error_in_a_worker_comes_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with Loader(Failing(), 1) as loader, pytest.raises(LoaderError) as error:
        list(loader.epoch(0))
    assert "ZeroDivisionError: a bug in step one" in str(error.value)
    assert "in build" in str(error.value)


def test_workers_do_not_import_jittor_nor_the_script(tmp_path: Path, tiny: Tiny) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"""
import sys
print("script runs")
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from tiny_data import settings
from test_loader import Imports
from crossmodal.data.loader import Loader
with Loader(Imports(), 1) as loader:
    print([bool(v["x"][0]) for v in loader.epoch(0)])
""")
    environment = dict(os.environ, PYTHONPATH=f"{ROOT}{os.pathsep}{Path(__file__).parent}")
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True,
                          text=True, timeout=60)
    assert done.stdout.splitlines() == ["script runs", "[False]"], done.stderr


class Imports(Failing):
    """Tells whether Jittor was imported where it runs."""

    def steps(self) -> int:
        return 1

    def build(self, epoch: int, step: int, out: dict) -> dict:
        import crossmodal.data.batches  # noqa: F401 - what a worker imports

        out["x"][:] = "jittor" in sys.modules
        return {}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks processes up in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_when_the_trainer_is_killed(
    tiny: Tiny, tmp_path: Path, number: signal.Signals
) -> None:
    script = tmp_path / "train.py"
    script.write_text("""
import sys, time
from test_loader import source
from tiny_data import Tiny, settings
from pathlib import Path
from crossmodal.data.loader import Loader
root = Path(sys.argv[1])
loader = Loader(source(Tiny(root / "tiny", settings(root))), 2)
next(loader.epoch(0))
print(*[w.process.pid for w in loader._workers], flush=True)
time.sleep(60)
""")
    environment = dict(os.environ, PYTHONPATH=f"{ROOT}{os.pathsep}{Path(__file__).parent}")
    process = subprocess.Popen([sys.executable, str(script), str(tiny.folder.parent)],
                               stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    workers = [int(pid) for pid in process.stdout.readline().split()]
    assert len(workers) == 2 and all(map(alive, workers))
    process.send_signal(number)
    process.wait()
    process.stdout.close()
    assert any(not any(map(alive, workers)) for _ in waiting(10))


def waiting(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        yield


class Deadly(Failing):
    """A source of one file a step, of which some make the process crash that reads them."""

    def __init__(self, count: int, deadly: dict[int, signal.Signals]) -> None:
        self.count = count
        self.deadly = deadly

    def steps(self) -> int:
        return self.count

    def build(self, epoch: int, step: int, out: dict) -> dict:
        try:
            with in_hand(f"{step}.png"):
                if step in self.deadly:
                    os.kill(os.getpid(), self.deadly[step])
                out["x"][:] = step
        except SampleError as error:
            out["x"][:] = -1
            return {f"{step}.png": str(error)}
        return {}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_crashes_its_reader_costs_itself(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    made = Deadly(7, {2: signal.SIGSEGV, 3: signal.SIGABRT})
    with Loader(made, workers) as loader:
        for epoch in range(2):
            assert [batch["x"][0] for batch in loader.epoch(epoch)] == [0, 1, -1, -1, 4, 5, 6]
        assert loader.bad == {"2.png": 2, "3.png": 2}


def test_a_reader_killed_for_want_of_memory_is_no_fault_of_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with Loader(Deadly(3, {1: signal.SIGKILL}), 1) as loader:
        with pytest.raises(LoaderError, match="SIGKILL"):
            list(loader.epoch(0))


def test_slots_do_not_overlap() -> None:
    layout = {"a": ((3,), "int64"), "b": ((), "float32"), "c": ((5,), "bool"), "d": ((0,), "f8")}
    memory = create_memory(layout, 2)
    slots, note = map_slots(memory, layout, 2)
    os.close(memory)
    for i, arrays in enumerate(slots):
        for j, array in enumerate(arrays.values()):
            array[...] = (10 * i + j) % 2 if array.dtype == bool else 10 * i + j
    note[:] = b"\xff" * len(note)
    for i, arrays in enumerate(slots):
        assert list(arrays) == list(layout)
        assert (arrays["a"] == 10 * i).all() and arrays["b"] == 10 * i + 1
        assert not arrays["c"].any() and arrays["d"].size == 0
