"""A checkpoint whose state anybody may have written: one line with the key and the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossmodal import checkpoint
from crossmodal.checkpoint import CheckpointError
from crossmodal.checkpoint.describe import describe
from crossmodal.checkpoint.state import record_of, required
from crossmodal.checkpoint.towers import find_towers
from crossmodal.models.category_encode import CategoryEncoder
from crossmodal.models.encode import Encoder
from crossmodal.training.run_state import Progress

VALUES: list[Any] = [None, 3, 1.5, True, "x", "y" * 100_000, [], [1], {"a": [1]}, [[[]]], 10**300]
RIGHT = {"config": dict, "progress": dict, "converted": dict, "versions": dict, "config_hash": str,
         "classes": list}


def write(path: Path, monkeypatch: pytest.MonkeyPatch, **state: Any) -> Path:
    """A checkpoint with a state as it is, whatever `save` would make of it."""
    full = {"versions": {"numpy": "2"}, **state, "format": checkpoint.FORMAT}
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_state_text", lambda _: json.dumps(full))
        return checkpoint.save(path, checkpoint.Checkpoint(model={"net.x": np.zeros(2, "f4")}))


@pytest.mark.parametrize("key", RIGHT)
@pytest.mark.parametrize("place", range(len(VALUES)))
def test_a_key_of_another_kind(tmp_path: Path, key: str, place: int,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    value = VALUES[place]
    path = write(tmp_path / "a.safetensors", monkeypatch, **{key: value})
    if type(value) is RIGHT[key] and value in ([], "x", "y" * 100_000, *([{"a": [1]}] * (
            key in ("config", "progress")))):
        assert checkpoint.load(path).state[key] == value
        return
    with pytest.raises(CheckpointError) as error:
        checkpoint.load(path)
    text = str(error.value)
    assert text.startswith(f"{path}: '{key}' of its state is ") and text.endswith(checkpoint.AGAIN)
    assert "\n" not in text and len(text) < len(str(path)) + 300


@pytest.mark.parametrize("state", [
    {"progress": {"history": [{"mrr": "x" * 100_000, "y" * 100_000: 10**300}]}},
    {"progress": {"epoch\x1b[2J": 3}}, {"config_hash": "h" * 100_000, "config": {}},
    {"classes": ["c" * 100_000] * 3}, {"versions": {"v" * 100_000: "w" * 100_000}},
    {"versions": {str(i): "1" for i in range(5000)}}])
def test_no_value_is_shown_whole(tmp_path: Path, state: dict[str, Any],
                                 monkeypatch: pytest.MonkeyPatch) -> None:
    lines = describe(write(tmp_path / "a.safetensors", monkeypatch, **state))
    assert max(map(len, lines)) < 3000 and all(line.isprintable() for line in lines)


@pytest.mark.parametrize("progress", [{"history": 3}, {"history": [3]}, {"history": {"a": 1}}])
def test_a_history_that_is_none(tmp_path: Path, progress: dict[str, Any],
                                monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.safetensors", monkeypatch, progress=progress)
    with pytest.raises(CheckpointError, match=r"a\.safetensors: its state is not what a training"):
        describe(path)


@pytest.mark.parametrize("values, what", [
    ({"epoch": "3"}, "'progress.epoch' of its state is '3', not a whole number"),
    ({"epoch": True}, "not a whole number"), ({"step": 2.0}, "not a whole number"),
    ({"total_steps": 10**30}, "not a whole number"), ({"best": float("inf")}, "not a finite"),
    ({"best": float("nan")}, "not a finite"), ({"history": [1]}, "not a list of tables"),
    ({"history": {}}, "not a list of tables"), ({"weights": []}, "not a table"),
    ({"nonsense": 1}, "'nonsense' of 'progress' in its state is unknown")])
def test_progress_that_is_none(values: dict[str, Any], what: str) -> None:
    with pytest.raises(CheckpointError, match="^run: .*use the other checkpoint") as error:
        record_of(Progress, values, "run", "progress")
    assert what in str(error.value)


def test_progress_as_it_is_written() -> None:
    values = {"epoch": 3, "best": 1, "seconds": 0.5, "history": [{"epoch": 2, "mrr": float("nan")}]}
    assert record_of(Progress, values, "run", "progress") == Progress(**values)


def test_settings_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="a: its state has no 'config'.*use the other"):
        required({}, "config", "a")
    path = write(tmp_path / "a.safetensors", monkeypatch, classes=["a"])
    for encoder in (Encoder, CategoryEncoder):
        with pytest.raises(CheckpointError, match=r"a\.safetensors: its state has no 'config'"):
            encoder.from_checkpoint(path)


@pytest.mark.parametrize("content, what", [
    (b"# settings\nepochs: 3\n", "a text"), (b"\x89PNG\r\n\x1a\n" + bytes(40), "a PNG picture"),
    (b"PK\x03\x04" + bytes(40), "a zip archive"), (b"<!DOCTYPE html>", "a web page")])
def test_what_stands_in_the_place_of_a_checkpoint(
        tmp_path: Path, content: bytes, what: str) -> None:
    for name in ("a.safetensors", "config.yaml"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{name}: this is {what}.*a run's folder"):
            checkpoint.load(tmp_path / name)


def test_a_tensor_of_no_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "GROUPS", ("model", "x" * 5000))
    odd = checkpoint.Checkpoint(model={})
    setattr(odd, "x" * 5000, {"w": np.zeros(1, np.float32)})
    path = checkpoint.save(tmp_path / "a.safetensors", odd)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="belongs to no known group") as error:
        checkpoint.load(path)
    assert len(str(error.value)) < 500


def test_thousands_of_first_layers_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted(str):
        """A name that counts how often its beginning is looked at."""

        __slots__ = ()
        looks = 0

        def startswith(self, *arguments: Any) -> bool:
            Counted.looks += 1
            return super().startswith(*arguments)

    names = [Counted(f"a{i}.conv1.weight") for i in range(3000)]
    assert find_towers(dict.fromkeys(names, (64, 3, 7, 7))) == []
    assert Counted.looks < 10 * len(names)
