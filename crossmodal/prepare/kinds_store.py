"""Pictures of the class-level data set on disk: photos, brought to one size, and views of shapes.

``photo/<source>/....jpg`` and ``view/<source>/<shape>/<view>.png``. Nothing here knows a class, so
a changed class map makes nothing again but what it newly asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crossmodal.data.images import open_picture, read_rgb
from crossmodal.geometry.mesh import Mesh, load_mesh
from crossmodal.geometry.render import ViewSettings, render_views
from crossmodal.prepare.kinds_sources import Photo, Shape
from crossmodal.prepare.output import JPEG_QUALITY, write_bytes, write_image
from crossmodal.prepare.runner import Item, Task, from_files, run
from crossmodal.runtime.inside import inside

PHOTO_SIDE = 256  # pixels of the shorter side, at most; what is smaller is not enlarged


def store_photos(
    photos: Iterable[Photo], folder: Path, workers: int | None = None, redo: bool = False
) -> set[str]:
    """Store photos as ``photo/<id>.jpg``; returns the ids of the sound ones."""
    items = from_files({photo.id: photo.path for photo in photos})
    settings = {"side": PHOTO_SIDE, "quality": JPEG_QUALITY}
    return _sound("kinds_photos", items, _store_photo, folder / "photo", settings, workers, redo)


def store_views(
    shapes: Iterable[Shape],
    folder: Path,
    views: ViewSettings,
    workers: int | None = None,
    redo: bool = False,
) -> set[str]:
    """Render shapes to ``view/<key>/<view>.png``; returns the keys of the sound ones."""
    items = from_files({shape.key: shape.path for shape in shapes})
    settings = asdict(views)
    return _sound("kinds_views", items, _store_views, folder / "view", settings, workers, redo)


def photo_path(photo: str) -> str:
    """Path of a photo's picture in the data set."""
    return f"photo/{photo}.jpg"


def view_paths(key: str, count: int) -> list[str]:
    """Paths of a shape's `count` views in the data set, in order of azimuth."""
    return [f"view/{key}/{index}.png" for index in range(count)]


def _sound(program: str, items: dict[str, Item], work: Any, out: Path, *options: Any) -> set[str]:
    return set(run(program, items, work, out, *options).done(items))


def _store_photo(task: Task) -> dict[str, Any]:
    """The file as it is when it is a small JPEG, else a smaller one; decoded whole in any case."""
    rgb = read_rgb(task.source)
    scale = min(PHOTO_SIDE / min(rgb.shape[:2]), 1)
    name = f"{task.key}.jpg"
    if scale == 1 and _is_jpeg(task.source):
        write_bytes(inside(task.out, name), task.source.read_bytes())
    else:
        size = round(scale * rgb.shape[1]), round(scale * rgb.shape[0])
        smaller = Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS)
        write_image(inside(task.out, name), np.asarray(smaller))
    return {"files": [name]}


def _is_jpeg(path: Path) -> bool:
    with open_picture(path) as image:
        return image.format == "JPEG"


def write_view_pictures(task: Task, mesh: Mesh) -> dict[str, Any]:
    """Render a task's mesh as its settings say, to ``<key>/<view>.png``; the task's record."""
    settings = ViewSettings(**task.settings)
    views = render_views(mesh, settings.count, settings.size, settings.elevation, settings)
    names = [f"{task.key}/{index}.png" for index in range(settings.count)]
    for name, view in zip(names, views):
        write_image(inside(task.out, name), view)
    return {"files": names}


def _store_views(task: Task) -> dict[str, Any]:
    return write_view_pictures(task, load_mesh(task.source))
