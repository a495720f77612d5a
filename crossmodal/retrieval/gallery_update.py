"""Brings a gallery up to date with its items: embeds what is new or changed, drops what is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import numpy as np
from tqdm import tqdm

from crossmodal.retrieval.gallery import (
    INDEX,
    Gallery,
    open_gallery,
    refuse_other_model,
    save_gallery,
)
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)
BATCH = 8  # items embedded at a time
SAVE_LEAST = 256  # new items between two savings; more in a large gallery


@dataclass(frozen=True)
class GalleryItem:
    """An item of the library: its category and a digest that changes when its content does."""

    category: str
    digest: str


@dataclass(frozen=True)
class GalleryModel:
    """What makes tokens.

    read_views : id -> (V, H, W) uint8; OSError or ValueError where the item is broken
    embed_views : (N, V, H, W) uint8 -> (N, V, D)
    fingerprint, settings : as in Gallery
    """

    read_views: Callable[[str], np.ndarray]
    embed_views: Callable[[np.ndarray], np.ndarray]
    fingerprint: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Changes:
    """What an update did: ids added (or changed), removed and broken (id -> why), and kept."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    kept: int = 0


def update_gallery(
    folder: Path,
    items: Mapping[str, GalleryItem],
    model: GalleryModel,
    rebuild: bool = False,
    dtype: str = "float16",
    batch: int = BATCH,
) -> tuple[Gallery, Changes]:
    """The gallery of exactly `items`, saved in `folder`, and what had to be done for it.

    The result does not depend on the order in which items came. Interrupted, it keeps what was
    embedded by then. A broken item is left out, named, and tried again next time.

    Parameters
    ----------
    rebuild : forget the gallery that is there, whatever model made it
    dtype : of the stored tokens; float16 halves the file and moves scores by about 1e-4

    Raises
    ------
    GalleryError : the gallery there was made by another model, or is torn.
    """
    old = _old_gallery(folder, model.fingerprint, rebuild)
    known = _still_valid(old, items)
    wanted = sorted(name for name in items if name not in known)
    gone = sorted(set(old.ids) - set(items)) if old else []
    changes = Changes(removed=gone, kept=len(known))
    if old is None or wanted or len(known) != len(old):
        _embed_and_save(folder, items, model, known, wanted, changes, np.dtype(dtype), batch)
    _report(changes, len(items))
    return open_gallery(folder), changes


def _old_gallery(folder: Path, fingerprint: str, rebuild: bool) -> Gallery | None:
    if rebuild or not (Path(folder) / INDEX).is_file():
        return None
    old = open_gallery(folder)
    refuse_other_model(old, fingerprint, Path(folder))
    return old


def _still_valid(old: Gallery | None, items: Mapping[str, GalleryItem]) -> dict[str, np.ndarray]:
    """id -> (V, D) tokens of the items whose content is what it was."""
    if old is None:
        return {}
    return {name: old.tokens[row] for row, name in enumerate(old.ids)
            if name in items and items[name].digest == old.digests[row]}


def _embed_and_save(
    folder: Path,
    items: Mapping[str, GalleryItem],
    model: GalleryModel,
    known: dict[str, np.ndarray],
    wanted: Sequence[str],
    changes: Changes,
    dtype: np.dtype,
    batch: int,
) -> None:
    """Add the wanted items to `known`, saving whenever it has doubled, and at the end."""
    unsaved = 0
    try:
        with tqdm(total=len(wanted), desc="embedding", disable=None if wanted else True) as bar:
            for start in range(0, len(wanted), batch):
                names = wanted[start : start + batch]
                found = _embed(names, model, changes.broken, dtype)
                known.update(found)
                changes.added += found
                unsaved += len(found)
                bar.update(len(names))
                if unsaved >= max(SAVE_LEAST, len(known) // 2):
                    _save(folder, items, model, known, dtype)
                    unsaved = 0
    finally:  # also when interrupted: an hour's embeddings are worth keeping
        _save(folder, items, model, known, dtype)


def _embed(
    names: Sequence[str], model: GalleryModel, broken: dict[str, str], dtype: np.dtype
) -> dict[str, np.ndarray]:
    """id -> (V, D) tokens of the items that can be read; the others go to `broken`."""
    views = {}
    for name in names:
        try:
            views[name] = model.read_views(name)
        except (OSError, ValueError) as error:
            broken[name] = str(error)
    if not views:
        return {}
    tokens = model.embed_views(np.stack(list(views.values())))
    finite = np.isfinite(tokens).all((1, 2))
    for name in np.array(list(views), object)[~finite]:
        broken[name] = "its embedding is not finite"
    return {name: tokens[i].astype(dtype) for i, name in enumerate(views) if finite[i]}


def _save(
    folder: Path,
    items: Mapping[str, GalleryItem],
    model: GalleryModel,
    known: Mapping[str, np.ndarray],
    dtype: np.dtype,
) -> None:
    ids = sorted(known)
    tokens = np.stack([known[name] for name in ids]) if ids else np.empty((0, 0, 0))
    save_gallery(
        Gallery(ids, [items[name].category for name in ids], [items[name].digest for name in ids],
                tokens.astype(dtype, copy=False), model.fingerprint, model.settings), folder)


def _report(changes: Changes, total: int) -> None:
    logger.info("gallery of %d: %d new or changed, %d kept, %d removed, %d broken",
                changes.kept + len(changes.added), len(changes.added), changes.kept,
                len(changes.removed), len(changes.broken))
    if changes.broken:
        name, reason = next(iter(changes.broken.items()))
        logger.warning("%d of %d items are broken and left out (first: %s: %s)",
                       len(changes.broken), total, name, reason)
