"""One's own library of meshes: index a folder, then find the shapes that a picture shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare.items import find_items
from crossmodal.prepare.manifest import Manifest, SettingsChanged
from crossmodal.prepare.render_views import render_items
from crossmodal.prepare.runner import Item
from crossmodal.retrieval.gallery import (
    INDEX,
    Gallery,
    GalleryError,
    open_gallery,
    refuse_file,
    refuse_other_model,
)
from crossmodal.retrieval.gallery_update import (
    Changes,
    GalleryItem,
    GalleryModel,
    update_gallery,
)
from crossmodal.retrieval.query_image import QueryPicture
from crossmodal.retrieval.top_k import top_k
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.inside import inside
from crossmodal.runtime.locks import is_held, locked
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.safe_files import read_npy

logger = get_logger(__name__)
VIEWS = "views"
LOCK = "index.lock"
PROGRAM = "render_views"
MOST = {"count": 10_000, "size": 20_000, "supersampling": 100}  # of whole settings


class QueryEncoder(Protocol):
    """What embeds pictures and views; crossmodal.models.encode.Encoder is one."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...  # "views", "size" in pixels, "elevation"

    @property
    def w_in(self) -> np.ndarray: ...

    def encode_views(self, views: np.ndarray) -> np.ndarray: ...

    def encode_images(
        self, pictures: Sequence[tuple[np.ndarray, np.ndarray | None]]
    ) -> np.ndarray: ...


@dataclass(frozen=True)
class Hit:
    """A shape that was found."""

    id: str
    category: str
    score: float


def index_library(
    meshes: Path,
    folder: Path,
    encoder: QueryEncoder,
    workers: int | None = None,
    rebuild: bool = False,
    layout: str = "auto",
    up: str | None = None,
) -> tuple[Gallery, Changes]:
    """Bring the index in `folder` up to date with the meshes of a folder.

    Renders what is missing or changed to ``<folder>/views``, embeds that, and drops what is gone.
    A broken mesh costs itself only: it is named in the log and in ``Changes.broken``. One process
    at a time works on an index, others wait; who reads it meanwhile finds it whole.

    Parameters
    ----------
    meshes : folder of meshes, at any depth (see crossmodal.prepare.items)
    workers : rendering processes; None: one per usable core
    layout, up : how the folder is to be understood, see `find_items`
    rebuild : make the index again although it was made by another model or with other views

    Raises
    ------
    FileNotFoundError : no meshes. GalleryError, SettingsChanged : the index there is of another
    model or has other views. RuntimeError : not a single mesh can be used.
    """
    folder = Path(folder)
    refuse_file(folder)
    found = find_items(Path(meshes), layout, up)
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    if is_held(lock):
        logger.info("%s: another process is indexing it; waiting for that to end", folder)
    with locked(lock):
        gallery, changes = _index(found.items, folder, encoder, workers, rebuild)
    changes.unsupported.update(found.unsupported)
    return gallery, changes


def _index(
    items: Mapping[str, Item], folder: Path, encoder: QueryEncoder, workers: int | None,
    rebuild: bool,
) -> tuple[Gallery, Changes]:
    """What `index_library` does once no other process is at it."""
    if (folder / INDEX).is_file() and not rebuild:
        refuse_other_model(open_gallery(folder), encoder.fingerprint, folder)
    settings = ViewSettings(
        count=encoder.settings["views"],
        size=encoder.settings["size"],
        elevation=encoder.settings["elevation"],
    )
    manifest = _render(items, inside(folder, VIEWS), settings, workers, rebuild)
    gone = sorted(set(manifest.items) - set(items))
    if gone:
        manifest.forget(gone)
        manifest.save()
    model = GalleryModel(lambda name: read_views(folder, name, settings), encoder.encode_views,
                         encoder.fingerprint, asdict(settings))
    wanted = {name: GalleryItem(category_of(name), manifest.items[name]["source"])
              for name in manifest.done(manifest.items)}
    gallery, changes = update_gallery(folder, wanted, model, rebuild)
    changes.broken.update({name: manifest.items[name]["error"] for name in manifest.failed})
    return gallery, changes


def search(
    gallery: Gallery, encoder: QueryEncoder, pictures: Sequence[QueryPicture], k: int
) -> list[list[Hit]]:
    """The k best shapes for each picture, best first (fewer where the gallery is smaller).

    Raises GalleryError if another model made the gallery, ValueError if it is empty.
    """
    refuse_other_model(gallery, encoder.fingerprint, Path("the index"))
    if len(gallery) == 0:
        raise ValueError("the index is empty: not one of its meshes could be used; index again")
    queries = encoder.encode_images([(picture.rgb, picture.mask) for picture in pictures])
    scores, indices = top_k(queries, gallery.tokens, encoder.w_in, k)
    return [[Hit(gallery.ids[i], gallery.categories[i], float(score))
             for i, score in zip(row, row_scores)] for row, row_scores in zip(indices, scores)]


def view_settings(gallery: Gallery, folder: Path) -> ViewSettings:
    """The settings that the views of the index in `folder` were made with.

    Raises GalleryError for settings that no index has.
    """
    known = {item.name for item in fields(ViewSettings)}
    found = gallery.settings
    wrong = [name for name in found if name not in known] or [
        name for name in ("count", "size", "elevation") if name not in found] or [
        name for name, value in found.items() if not _is_sound(name, value)]
    if wrong:
        raise GalleryError(f"{folder / INDEX}: the setting {brief(wrong[0])} of its views is "
                           f"{brief(found.get(wrong[0], 'missing'))}; delete {folder / INDEX} and "
                           "index again")
    return ViewSettings(**found)


def _is_sound(name: str, value: Any) -> bool:
    if name in MOST:
        return type(value) is int and 1 <= value <= MOST[name]
    return type(value) in (int, float) and abs(value) < 1e6 and math.isfinite(value)


def category_of(name: str) -> str:
    """The category of ``category/instance``; empty for a mesh that lies in no folder."""
    return name.split("/", 1)[0] if "/" in name else ""


def read_views(folder: Path, name: str, settings: ViewSettings) -> np.ndarray:
    """(V, H, W) uint8 views of an item of the index in `folder`.

    Raises ValueError if they are torn, or lie elsewhere.
    """
    path = inside(folder, f"{VIEWS}/{name}.npy")
    expected = (settings.count, settings.size, settings.size)
    try:
        views = read_npy(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else one_line(error)
        raise ValueError(f"{path}: broken ({reason}); delete it and index again") from error
    if views.shape != expected or views.dtype != np.uint8:
        raise ValueError(f"{path}: {views.dtype} {views.shape} instead of uint8 {expected}; "
                         "delete it and index again")
    return views


def _lock(folder: Path) -> Path:
    """The index's lock file. Raises GalleryError where it is a pipe, which would be waited for."""
    path = inside(folder, LOCK)
    if path.exists() and not path.is_file():
        raise GalleryError(f"{path} is no file; delete it")
    return path


def _render(
    items: Mapping[str, Any], out: Path, settings: ViewSettings, workers: int | None, rebuild: bool
) -> Manifest:
    """Render what is missing; the manifest says what became of every mesh."""
    try:
        render_items(items, out, settings, workers)
    except SettingsChanged as error:
        if not rebuild:
            raise SettingsChanged(f"{error} Here: use --rebuild or another index folder.") from None
        render_items(items, out, settings, workers, redo=True)
    return Manifest.open(out, PROGRAM, asdict(settings))
