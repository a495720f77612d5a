"""Brings a gallery up to date with its items: embeds what is new or changed, drops what is gone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
from tqdm import tqdm

from crossmodal.retrieval.gallery import (
    INDEX,
    Gallery,
    GalleryError,
    open_gallery,
    refuse_other_model,
    save_gallery,
)
from crossmodal.runtime.inside import inside
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)
BATCH = 8  # items embedded at a time
SAVE_LEAST = 256  # new items between two savings; more in a large gallery
UNFINISHED = "rebuild"  # folder of what a rebuild has made so far


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


class _Row(NamedTuple):
    """An item's place in a gallery; tokens (V, D)."""

    category: str
    digest: str
    tokens: np.ndarray


@dataclass
class Changes:
    """What an update did: ids added (or changed), removed and broken (id -> why), and kept.

    unsupported : files of formats that are not read, by suffix
    """

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    kept: int = 0
    unsupported: dict[str, int] = field(default_factory=dict)


def update_gallery(
    folder: Path,
    items: Mapping[str, GalleryItem],
    model: GalleryModel,
    rebuild: bool = False,
    dtype: str = "float16",
    batch: int = BATCH,
) -> tuple[Gallery, Changes]:
    """The gallery of exactly `items`, saved in `folder`, and what had to be done for it.

    The result does not depend on the order in which items came. Interrupted, the folder has what it
    had and what was embedded by then, and the same call goes on from there. A broken item is left
    out, named, and tried again next time.

    Parameters
    ----------
    rebuild : forget the gallery that is there, whatever model made it; it stays until the new one
        is whole
    dtype : of the stored tokens; float16 halves the file and moves scores by about 1e-4

    Raises
    ------
    GalleryError : the gallery there was made by another model, or is torn.
    """
    folder = Path(folder)
    place = inside(folder, UNFINISHED) if rebuild else folder
    old = _begun(place, model, dtype) if rebuild else _old_gallery(folder, model.fingerprint)
    stored = _rows(old)
    known = _still_valid(stored, items)
    changes = Changes(removed=sorted(set(stored) - set(items)), kept=len(known))
    if rebuild or old is None or not len(known) == len(stored) == len(items):
        _embed_and_save(folder, place, items, model, stored, changes, np.dtype(dtype), batch)
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    _report(changes, len(items))
    return open_gallery(folder), changes


def _old_gallery(folder: Path, fingerprint: str) -> Gallery | None:
    if not (folder / INDEX).is_file():
        return None
    old = open_gallery(folder)
    refuse_other_model(old, fingerprint, folder)
    return old


def _begun(place: Path, model: GalleryModel, dtype: str) -> Gallery | None:
    """What an interrupted rebuild of the same kind has left."""
    try:
        found = open_gallery(place)
    except GalleryError:
        return None
    same = (found.fingerprint == model.fingerprint and found.settings == dict(model.settings)
            and found.tokens.dtype == dtype)
    return found if same else None


def _rows(gallery: Gallery | None) -> dict[str, _Row]:
    """id -> row."""
    if gallery is None:
        return {}
    return dict(zip(gallery.ids, map(_Row, gallery.categories, gallery.digests, gallery.tokens)))


def _still_valid(stored: Mapping[str, _Row], items: Mapping[str, GalleryItem]) -> dict[str, _Row]:
    """The rows of items whose content is what it was."""
    return {name: row._replace(category=items[name].category) for name, row in stored.items()
            if name in items and items[name].digest == row.digest}


def _embed_and_save(
    folder: Path,
    place: Path,
    items: Mapping[str, GalleryItem],
    model: GalleryModel,
    stored: Mapping[str, _Row],
    changes: Changes,
    dtype: np.dtype,
    batch: int,
) -> None:
    """Save exactly the items in `folder`, embedding those that are not stored as they are now.

    Until then `place` gets everything stored and what is new, whenever that has doubled.
    """
    known = _still_valid(stored, items)
    wanted = sorted(set(items) - set(known))
    found: dict[str, _Row] = {}
    unsaved = 0
    try:
        with tqdm(total=len(wanted), desc="embedding", disable=None if wanted else True) as bar:
            for start in range(0, len(wanted), batch):
                names = wanted[start : start + batch]
                new = _embed(names, items, model, changes.broken, dtype)
                found.update(new)
                changes.added += new
                unsaved += len(new)
                bar.update(len(names))
                if unsaved >= max(SAVE_LEAST, (len(stored) + len(found)) // 2):
                    _save(place, {**stored, **found}, model, dtype)
                    unsaved = 0
        _save(folder, {**known, **found}, model, dtype)
    except BaseException:  # an hour's embeddings are worth keeping
        if unsaved:
            _save(place, {**stored, **found}, model, dtype)
        raise


def _embed(
    names: Sequence[str],
    items: Mapping[str, GalleryItem],
    model: GalleryModel,
    broken: dict[str, str],
    dtype: np.dtype,
) -> dict[str, _Row]:
    """The rows of the items that can be read; the others go to `broken`."""
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
    return {name: _Row(items[name].category, items[name].digest, tokens[i].astype(dtype))
            for i, name in enumerate(views) if finite[i]}


def _save(folder: Path, rows: Mapping[str, _Row], model: GalleryModel, dtype: np.dtype) -> None:
    ids = sorted(rows)
    tokens = np.stack([rows[name].tokens for name in ids]) if ids else np.empty((0, 0, 0))
    save_gallery(
        Gallery(ids, [rows[name].category for name in ids], [rows[name].digest for name in ids],
                tokens.astype(dtype, copy=False), model.fingerprint, model.settings), folder)


def _report(changes: Changes, total: int) -> None:
    logger.info("gallery of %d: %d new or changed, %d kept, %d removed, %d broken",
                changes.kept + len(changes.added), len(changes.added), changes.kept,
                len(changes.removed), len(changes.broken))
    if changes.broken:
        name, reason = next(iter(changes.broken.items()))
        logger.warning("%d of %d items are broken and left out (first: %s: %s)",
                       len(changes.broken), total, name, reason)
