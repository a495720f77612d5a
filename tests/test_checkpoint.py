"""Round trips, refusals, corruption, and kill -9 in the middle of saving."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from crossmodal import checkpoint as module
from crossmodal.checkpoint import Checkpoint, CheckpointError, check_fit, load, save


def small() -> Checkpoint:
    rng = np.random.default_rng(0)
    return Checkpoint(
        model={"head.weight": rng.normal(size=(4, 3)).astype(np.float32), "n": np.array(7)},
        optimizer={"m/0": rng.normal(size=(4, 3)), "step": np.array([3], np.int64)},
        extra={"state": np.arange(5, dtype=np.uint64)},
        state={"epoch": 3, "history": [0.1, 1 / 3, float("inf")], "backbones": ["resnet18"],
               "config": {"data": {"views": 12}}, "note": "é"},
    )


def assert_same(one: Checkpoint, two: Checkpoint) -> None:
    for group in ("model", "optimizer", "extra"):
        first, second = getattr(one, group), getattr(two, group)
        assert first.keys() == second.keys()
        for name in first:
            assert first[name].dtype == second[name].dtype
            assert first[name].shape == second[name].shape
            assert first[name].tobytes() == second[name].tobytes()
    for key, value in one.state.items():
        assert two.state[key] == value


def test_round_trip_is_bit_exact(tmp_path: Path) -> None:
    path = save(tmp_path / "run", small())
    assert path == tmp_path / "run" / "last.safetensors"
    for place in (path, tmp_path / "run", str(path)):
        assert_same(small(), load(place))
    assert load(path).state["versions"]["numpy"] == np.__version__


def test_best_is_a_file_of_its_own(tmp_path: Path) -> None:
    save(tmp_path, small(), best=True)
    later = small()
    later.state["epoch"] = 4
    save(tmp_path, later)
    assert load(tmp_path, "best").state["epoch"] == 3
    assert load(tmp_path, "last").state["epoch"] == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.safetensors", "last.safetensors"]


def test_same_contents_same_bytes(tmp_path: Path) -> None:
    one = save(tmp_path / "a.safetensors", small()).read_bytes()
    assert one == save(tmp_path / "b.safetensors", small()).read_bytes()


def test_views_and_transposed_arrays(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    given = {"t": array.T, "s": array[::2, 1:], "f": np.asfortranarray(array), "b": array > 3,
             "big": array.astype(">f4"), "empty": np.zeros((0, 3), np.float32)}
    found = load(save(tmp_path, Checkpoint(model=given))).model
    assert all(np.array_equal(given[name], found[name]) for name in given)


def test_the_safetensors_library_reads_it(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    path = save(tmp_path, small())
    found = library.load_file(str(path))
    assert np.array_equal(found["model/head.weight"], small().model["head.weight"])


def test_refuses_a_model_it_does_not_fit(tmp_path: Path) -> None:
    path = save(tmp_path, small())
    fits = {"head.weight": np.zeros((4, 3)), "n": np.zeros(())}
    assert load(path, fits=fits).model
    other = {"head.weight": np.zeros((5, 3)), "tail.weight": np.zeros(2)}
    with pytest.raises(CheckpointError) as error:
        load(path, fits=other)
    text = str(error.value)
    assert str(path) in text
    assert "1 missing: tail.weight" in text and "1 unexpected: n" in text
    assert "1 mismatched: head.weight (4, 3) instead of (5, 3)" in text


def test_long_lists_of_tensors_are_cut() -> None:
    expected = {f"layer{i}": np.zeros(1) for i in range(25)}
    with pytest.raises(CheckpointError, match="25 missing: layer0, .*layer9, and 15 more"):
        check_fit({}, expected, "file")


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_truncated_file_names_itself_and_a_remedy(tmp_path: Path, part: float) -> None:
    path = save(tmp_path, small())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(CheckpointError, match=f"(?s){path}.*checkpoint"):
        load(path)


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = save(tmp_path, small())
    data = path.read_bytes()
    whole = load(path)
    for position in range(0, len(data), 3):
        broken = bytearray(data)
        broken[position] ^= 1 << (position % 8)
        path.write_bytes(bytes(broken))
        try:
            found = load(path)
        except CheckpointError:
            continue
        assert_same(whole, found)  # only a blank that pads the header can pass


def test_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    save(tmp_path, small())
    with pytest.raises(CheckpointError, match="best.safetensors.*last.safetensors"):
        load(tmp_path, "best")


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"PK\x03\x04 something else entirely" * 10)
    with pytest.raises(CheckpointError, match="weights.safetensors"):
        load(path)
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(CheckpointError, match="model.pretrained"):
        load(path)


def test_state_that_json_cannot_hold(tmp_path: Path) -> None:
    save(tmp_path, small())
    with pytest.raises(CheckpointError, match="cannot be stored"):
        save(tmp_path, Checkpoint(state={"x": object()}))
    assert_same(small(), load(tmp_path))


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORMAT", 99)
    path = save(tmp_path, small())
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format 99"):
        load(path)


SAVES_FOREVER = """
import sys, numpy as np
from crossmodal.checkpoint import Checkpoint, save
step = 0
while True:
    step += 1
    save(sys.argv[1], Checkpoint(model={"w": np.full(600_000, step, np.float32)},
                                 state={"step": step}), best=step % 2 == 0)
    if step == 2:
        print("saved", flush=True)
"""


def test_kill_9_while_saving_leaves_a_loadable_file(tmp_path: Path) -> None:
    rng = random.Random(0)
    environment = dict(os.environ, PYTHONPATH=str(Path(module.__file__).resolve().parents[2]))
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", SAVES_FOREVER, str(tmp_path)],
                                   stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None and process.stdout.readline() == b"saved\n"
        time.sleep(rng.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for which in ("last", "best"):
            if (tmp_path / f"{which}.safetensors").exists():
                found = load(tmp_path, which)
                assert (found.model["w"] == found.state["step"]).all()
    assert (tmp_path / "best.safetensors").exists()
    save(tmp_path, small())
    assert len(list(tmp_path.iterdir())) <= 3  # what the killed ones left is cleaned up


def test_what_to_do_where_there_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="none: no such checkpoint; train first, or give "
                                              "another run's folder or file with --checkpoint$"):
        module.find(tmp_path / "runs" / "none")
    for name in ("demo", "chairs"):
        save(tmp_path / "runs" / name, Checkpoint())
    (tmp_path / "runs" / "empty").mkdir()
    for name in ("none", "empty"):
        with pytest.raises(CheckpointError, match="there are .*runs/chairs, .*runs/demo$"):
            module.find(tmp_path / "runs" / name)
    with pytest.raises(CheckpointError, match="no such checkpoint; there are last.safetensors$"):
        module.find(tmp_path / "runs" / "demo", "best")
