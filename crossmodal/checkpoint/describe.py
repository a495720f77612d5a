"""What ``inspect`` says of a file, as lines of text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossmodal.checkpoint import (
    AGAIN,
    SHOWN,
    Checkpoint,
    CheckpointError,
    find,
    first_names,
    is_checkpoint,
    load,
    not_finite,
)
from crossmodal.checkpoint.contents import (
    RETRIEVAL_KINDS,
    Contents,
    Kind,
    read_contents,
    shapes_of,
    sort_tensors,
)
from crossmodal.config import CategoryConfig, Config, ConfigError, to_dict
from crossmodal.config.load import tree_from_dict
from crossmodal.config.released import departures, notes
from crossmodal.config.typed import dotted_keys
from crossmodal.retrieval.report import align
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.digest import file_digest
from crossmodal.weights.names import readable

NEXT = {  # what can be done with a file
    Kind.ARCHITECTURE: "to start from it: --set model.pretrained={path}",
    Kind.UNKNOWN: "it cannot be converted: its names are not those of a released retrieval network"}


def describe(place: Path) -> list[str]:
    """What a file, or a run's last checkpoint, is and holds.

    Raises CheckpointError, WeightsError or UnsafePickle, naming the file.
    """
    path = find(place)
    if is_checkpoint(path):
        saved = load(path)
        level = "category" if "classes" in saved.state else "instance"
        try:
            lines = about(saved)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CheckpointError(f"{path}: its state is not what a training writes "
                                  f"({one_line(error)}); {AGAIN}") from error
        return [f"{path}: checkpoint of this project, {level} level", *lines,
                *tensor_lines(sort_tensors(saved.model))]
    contents = read_contents(path)
    step = NEXT.get(contents.kind, "to use it: python -m crossmodal.checkpoint convert {path} "
                                   "--out FOLDER")
    return [f"{path}: {contents.kind.value}", f"SHA-256 {file_digest(path)}",
            *tensor_lines(contents), step.format(path=path)]


def about(saved: Checkpoint) -> list[str]:
    """Versions, settings, counters and validations of a checkpoint of this project."""
    state = saved.state
    lines = ["written with " + ", ".join(f"{readable(name)} {readable(v)}"
                                         for name, v in list(state["versions"].items())[:SHOWN])]
    if "converted" in state:
        made = {key: readable(state["converted"][key]) for key in ("source", "kind", "sha256")}
        lines.append("converted from {source}, {kind}, SHA-256 {sha256}".format(**made))
    lines += settings_lines(state)
    progress = state.get("progress", {})
    counters = [f"{readable(key)} {brief(value)}" for key, value in progress.items()
                if isinstance(value, (int, float))][:2 * SHOWN]
    lines += [f"counters: {', '.join(counters)}"] if counters else []
    history = progress.get("history", [])
    lines += [f"last of {len(history)} validations: {_pairs(history[-1])}"] if history else []
    lines += [f"{len(state['classes'])} classes: {first_names(state['classes'])}"] \
        if "classes" in state else []
    return lines


def settings_lines(state: dict[str, Any]) -> list[str]:
    """The settings that are not the defaults, and what must be known of them."""
    kind = CategoryConfig if "classes" in state else Config
    if not isinstance(state.get("config"), dict):
        return ["no settings are stored in it"]
    try:
        config: Any = tree_from_dict(kind, state["config"], "its settings")
    except ConfigError as error:
        return [f"its settings are of another version: {error}"]
    here, usual = to_dict(config), to_dict(kind())
    changed = [f"{key}={readable(str(_at(here, key)))}" for key in dotted_keys(kind)
               if _at(here, key) != _at(usual, key)]
    name = readable(state.get("config_hash", ""))
    return [f"settings {name}: {' '.join(changed) or 'the defaults'}",
            *notes(departures(config))]


def tensor_lines(contents: Contents) -> list[str]:
    """A table of towers, then everything that is in none of them."""
    shapes = shapes_of(contents.tensors)
    numbers = sum(array.size for array in contents.tensors.values())
    lines = [f"{len(shapes)} tensors, {numbers:,} numbers"]
    rows = [["tower", "backbone", "channels", "tensors", "head"]]
    for tower in contents.towers:
        rows.append([readable(tower.prefix).rstrip(".") or "(no prefix)", tower.backbone,
                     str(tower.channels), f"{tower.fitting} of {tower.expected}",
                     "none" if tower.head is None else str(tower.head)])
    lines += align(rows).rstrip("\n").split("\n") if contents.towers else ["no backbone is known"]
    for tower in contents.towers:
        lines += [f"missing in {readable(tower.prefix) or 'it'}: {first_names(tower.missing)}"] \
            if tower.missing else []
        lines += [f"of another shape: {first_names(tower.mismatched)}"] if tower.mismatched else []
    lines += [f"{readable(name)} {shapes[name]}" for name in contents.attention[:SHOWN]]
    if contents.extra and (contents.kind in RETRIEVAL_KINDS or contents.towers):
        lines.append(f"{len(contents.extra)} tensors in no tower: {first_names(contents.extra)}")
    elif contents.extra:
        lines += [f"{readable(name)} {shapes[name]}" for name in contents.extra[:SHOWN]]
    spoilt = not_finite(contents.tensors)
    if spoilt:
        lines.append(f"{len(spoilt)} tensors with NaN or infinite numbers: {first_names(spoilt)}")
    if contents.counters:
        lines.append(f"{contents.counters} counters of batches (num_batches_tracked) are ignored")
    return lines


def _at(values: Any, key: str) -> Any:
    for name in key.split("."):
        values = values[name]
    return values


def _pairs(values: dict[str, Any]) -> str:
    def shown(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else brief(value)

    return ", ".join(f"{readable(key)} {shown(value)}"
                     for key, value in list(values.items())[:2 * SHOWN])
