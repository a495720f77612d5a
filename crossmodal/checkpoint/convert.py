"""A released retrieval network becomes a checkpoint of this project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossmodal.checkpoint import (
    SUFFIX,
    Checkpoint,
    CheckpointError,
    check_fit,
    first_names,
    is_checkpoint,
    not_finite,
    save,
)
from crossmodal.checkpoint.contents import (
    ATTENTION,
    QUERY,
    RETRIEVAL_KINDS,
    VIEW,
    Contents,
    Kind,
    read_contents,
)
from crossmodal.config import Config, config_hash, load_config, noted_yaml, to_dict
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.tensors import named_tensors
from crossmodal.runtime.digest import file_digest
from crossmodal.runtime.log import get_logger

_LOG = get_logger(__name__)


def convert(source: Path, out: Path, config: str | None = None, settings: Iterable[str] = (),
            ignore: Sequence[str] = ()) -> Path:
    """Write `source` as ``<out>/last.safetensors``, or as the file `out`; returns its path.

    The tensors say what the model section is; the rest is the config's.

    Parameters
    ----------
    config : yaml; None for the defaults, which are the paper's
    settings : ``key=value`` overrides
    ignore : beginnings of names of tensors to leave out

    Raises CheckpointError, with the differences, for a file that is no such network; what the
    readers of weights and of configs raise.
    """
    path = out if out.suffix == SUFFIX else out / f"last{SUFFIX}"
    if path.exists():
        raise CheckpointError(f"{path} is there already: name another --out")
    if is_checkpoint(source):
        raise CheckpointError(f"{source} is a checkpoint of this project: use it as it is")
    contents = read_contents(source)
    fitted = fitting_config(contents, load_config(config, settings), str(source))
    arrays = {name: array for name, array in contents.tensors.items()
              if not name.startswith(tuple(ignore))}
    check_fit(arrays, named_tensors(build_retrieval_net(fitted.model, pretrained=False)),
              str(source))
    spoilt = not_finite(arrays)
    if spoilt:
        raise CheckpointError(f"{source}: {len(spoilt)} tensors have NaN or infinite numbers: "
                              f"{first_names(spoilt)}; fetch it again, or take another epoch's")
    save(path, Checkpoint(model=arrays, state=state_of(fitted, contents, source)))
    if path != out:
        (out / "config.yaml").write_text(noted_yaml(fitted), encoding="utf-8")
    return path


def fitting_config(contents: Contents, config: Config, where: str) -> Config:
    """`config` with the model that the tensors are of; raises CheckpointError for no such one."""
    if contents.kind not in RETRIEVAL_KINDS:
        raise CheckpointError(f"{where}: {contents.kind.value}, not a released retrieval network: "
                              f"it needs {QUERY}*, {VIEW}* and {ATTENTION}*"
                              + _instead(contents.kind, where))
    query, view = contents.tower(QUERY), contents.tower(VIEW)
    lengths = {query.head, view.head}
    if len(lengths) > 1 or None in lengths:
        raise CheckpointError(f"{where}: the towers' heads give embeddings of length {query.head} "
                              f"and {view.head}; they must have one length")
    found: dict[str, Any] = {
        "query_backbone": query.backbone, "view_backbone": view.backbone,
        "query_channels": query.channels, "view_channels": view.channels, "z_dim": query.head,
        "pretrained": None, "view_pretrained": None}
    if contents.kind in (Kind.SC_IBSR, Kind.CMIC):
        found["style_transition"] = contents.kind is Kind.SC_IBSR
    for key, value in found.items():
        if getattr(config.model, key) != value:
            _LOG.info("model.%s is %s, as the tensors say", key, value)
    return replace(config, model=replace(config.model, **found))


def state_of(config: Config, contents: Contents, source: Path) -> dict[str, Any]:
    """What a test reads of a checkpoint, and where it came from."""
    return {"config": to_dict(config), "config_hash": config_hash(config),
            "backbones": [tower.backbone for tower in contents.towers],
            "converted": {"source": source.name, "kind": contents.kind.value,
                          "sha256": file_digest(source)}}


def _instead(kind: Kind, where: str) -> str:
    if kind is Kind.ARCHITECTURE:
        return f". To start a training from it: --set model.pretrained={where}"
    return f". See python -m crossmodal.checkpoint inspect {where}"
