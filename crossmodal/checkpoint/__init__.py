"""One file with all that a run needs to go on, or a test needs to load; whole or not there at all.

A safetensors file: tensors named ``model/...``, ``optimizer/...``, ``extra/...``; its metadata is
one json text with the config, counters, versions, backbones, metrics and history, and a checksum.

Usage
-----
    checkpoint = Checkpoint(model=tensors, optimizer=moments, state={"epoch": 3, "config": ...})
    save(folder, checkpoint, best=True)            # <folder>/last.safetensors, best.safetensors
    checkpoint = load(folder, "best", fits=expected_tensors)

What a file is, and how a released one becomes a checkpoint: ``python -m crossmodal.checkpoint``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from crossmodal.checkpoint.errors import AGAIN, CheckpointError
from crossmodal.checkpoint.state import check_state
from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.brief import brief
from crossmodal.runtime.paths import PathLike
from crossmodal.runtime.safe_files import parse_json
from crossmodal.runtime.versions import installed_versions
from crossmodal.runtime.what_it_is import describe_other
from crossmodal.weights import safetensors_file
from crossmodal.weights.errors import WeightsError
from crossmodal.weights.names import readable

__all__ = ["AGAIN", "Checkpoint", "CheckpointError", "check_fit", "find", "first_names",
           "is_checkpoint", "load", "not_finite", "save", "versions"]

FORMAT = 1
KEY = "crossmodal"
SUFFIX = ".safetensors"
GROUPS = ("model", "optimizer", "extra")
SHOWN = 10
LIBRARIES = ("crossmodal", "jittor", "numpy", "pillow")


class Shaped(Protocol):
    """Anything with a shape: an array, a Jittor variable."""

    @property
    def shape(self) -> Sequence[int]: ...


@dataclass
class Checkpoint:
    """What is in the file.

    model, optimizer, extra : name -> array; extra is for generators and anything else in arrays.
    state : json values, for example config, epoch, step, backbones, metrics, history. `save` adds
        "versions" and "format". Floats come back bit for bit.
    """

    model: dict[str, np.ndarray] = field(default_factory=dict)
    optimizer: dict[str, np.ndarray] = field(default_factory=dict)
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)


def save(place: PathLike, checkpoint: Checkpoint, best: bool = False) -> Path:
    """Writes ``<place>/last.safetensors``, with `best` also ``best.safetensors``; or just the file
    `place`, if it ends in .safetensors. Returns the path of the (first) file.

    A crash at any moment leaves the previous files whole. Raises OSError (disk full, no permission;
    nothing old is lost) or CheckpointError for a state that json cannot hold.
    """
    place = Path(place)
    if place.suffix == SUFFIX:
        paths = [place]
    else:
        paths = [place / f"last{SUFFIX}", *([place / f"best{SUFFIX}"] if best else [])]
    tensors = {f"{group}/{name}": safetensors_file.storable(name, array) for group in GROUPS
               for name, array in getattr(checkpoint, group).items()}
    text = _state_text(checkpoint.state)
    checksum = _checksum(text, tensors)
    for path in reversed(paths):  # `last` knows of `best`: it must not be there before it
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            safetensors_file.write(file, tensors, {KEY: text, "checksum": checksum})
    return paths[0]


def _state_text(state: Mapping[str, Any]) -> str:
    full = {**state, "format": FORMAT, "versions": versions()}
    try:
        return json.dumps(full)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the state cannot be stored: {error}; use plain numbers, texts, "
                              "lists and dicts") from error


def _checksum(text: str, tensors: Mapping[str, np.ndarray]) -> str:
    """CRC-32 of the state and of every tensor's name, type, shape and bytes, by name."""
    found = zlib.crc32(text.encode())
    for name in sorted(tensors):
        array = tensors[name]
        found = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), found)
        found = zlib.crc32(safetensors_file.as_bytes(array), found)
    return f"{found:08x}"


def versions() -> dict[str, str]:
    """Python's and the libraries' versions, without importing them."""
    return installed_versions(LIBRARIES)


def find(place: PathLike, which: str = "last") -> Path:
    """The checkpoint file: `place` itself, or ``<place>/<which>.safetensors`` of a run's folder."""
    place = Path(place)
    path = place / f"{which}{SUFFIX}" if place.is_dir() else place
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; {_instead(path)}")
    return path


def _instead(path: Path) -> str:
    """What to do where a checkpoint is not there: use one that is, or train."""
    beside = sorted(p.name for p in path.parent.glob(f"*{SUFFIX}"))
    if beside:
        return f"there are {', '.join(beside)}"
    runs = sorted({str(p.parent) for folder in (path.parent, path.parent.parent)
                   for p in folder.glob(f"*/last{SUFFIX}")})
    there = f"; there are {first_names(runs)}" if runs else ""
    return f"train first, or give another run's folder or file with --checkpoint{there}"


def is_checkpoint(path: Path) -> bool:
    """Whether the file says that it is one; no more than its header is read."""
    if path.suffix != SUFFIX:
        return False
    try:
        return KEY in safetensors_file.read_metadata(path)
    except WeightsError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: WeightsError) -> CheckpointError:
    """The error, or what the file is where it is something else than its name says."""
    kind = describe_other(path)
    return CheckpointError(str(error) if kind is None else f"{path}: this is {kind}; a checkpoint "
                           f"is a run's folder, or a {SUFFIX} file of it")


def load(
    place: PathLike, which: str = "last", fits: Mapping[str, Shaped] | None = None
) -> Checkpoint:
    """Reads a checkpoint whole and checks it.

    fits : the tensors of the model it is meant for; see `check_fit`.
    Raises CheckpointError for a missing, truncated or corrupt file, and for one that does not fit.
    """
    path = find(place, which)
    try:
        tensors, texts = safetensors_file.read(path)
    except WeightsError as error:
        raise _unreadable(path, error) from error
    state = _read_state(path, texts)
    if texts.get("checksum") != _checksum(texts[KEY], tensors):
        raise CheckpointError(f"{path}: its bytes are not the ones that were written; {AGAIN}")
    groups: dict[str, dict[str, np.ndarray]] = {group: {} for group in GROUPS}
    for name, array in tensors.items():
        group, _, rest = name.partition("/")
        if group not in groups:
            raise CheckpointError(f"{path}: tensor {brief(name)} belongs to no known group; "
                                  f"{AGAIN}")
        groups[group][rest] = array
    if fits is not None:
        check_fit(groups["model"], fits, str(path))
    return Checkpoint(**groups, state=state)


def _read_state(path: Path, texts: Mapping[str, str]) -> dict[str, Any]:
    if KEY not in texts:
        raise CheckpointError(f"{path}: not a checkpoint of this project (plain weights are read "
                              "through model.pretrained)")
    try:
        state = parse_json(texts[KEY])
    except ValueError as error:
        raise CheckpointError(f"{path}: its state is {error}; {AGAIN}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        found = brief(state.get("format") if isinstance(state, dict) else None)
        raise CheckpointError(f"{path}: checkpoint format {found}, this program reads {FORMAT}")
    check_state(state, path)
    return state


def not_finite(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Names of the tensors with a NaN or an infinite number."""
    return [name for name, array in tensors.items()
            if array.dtype.kind in "fc" and not np.isfinite(array).all()]


def check_fit(found: Mapping[str, Shaped], expected: Mapping[str, Shaped], where: str) -> None:
    """Raises CheckpointError unless `found` has exactly the tensors of `expected`.

    The message counts and names (first ten) missing, unexpected and mismatched tensors.
    """
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    mismatched = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in found and tuple(found[name].shape) != tuple(expected[name].shape)
    ]
    kinds = (("missing", missing), ("unexpected", unexpected), ("mismatched", mismatched))
    lines = [f"  {len(names)} {kind}: {first_names(names)}" for kind, names in kinds if names]
    if lines:
        raise CheckpointError("\n".join([f"{where} does not fit this model:", *lines, "  build the "
                                         "model from the config stored in the checkpoint"]))


def first_names(names: Sequence[str]) -> str:
    """So many of them as a message holds, and how many more there are."""
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(readable, names[:SHOWN])) + more
