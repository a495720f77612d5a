"""Photos and masks of a data set on disk: ``img/<key>`` and ``mask/<key>``.

What can be used as it is, is linked, not copied. A photo that is stored on its side, or is larger
than the network will ever need, is written anew, upright and smaller, and its mask with it.
Everything is decoded once, so that a broken file is known before a training meets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crossmodal.data.errors import DataError
from crossmodal.data.image_lists import SUFFIXES
from crossmodal.data.images import open_picture, read_mask, read_rgb
from crossmodal.data.walk import files_below
from crossmodal.prepare.manifest import Manifest
from crossmodal.prepare.output import own_place, write_bytes, write_image
from crossmodal.prepare.photo_masks import UPRIGHT, Size, box_mask, fit_mask, orientation
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.prepare.source_check import Cost, absent
from crossmodal.runtime.digest import file_digest

SIDE = 1280  # pixels of the longer side, at most: 5 times what the network sees
PHOTO = Cost(0.05, 40_000)  # mostly a link and a mask; a photo that is written anew has 200 kB


@dataclass(frozen=True)
class Photo:
    """A photo, the shape in it, and where in it the shape is.

    A mask file wins over a box; with neither, the whole frame is the object.
    """

    image: Path
    shape: str  # category/instance
    mask: Path | None = None
    box: tuple[float, float, float, float] | None = None  # see photo_masks.box_mask

    def item(self) -> Item:
        """What `store_photos` makes it from."""
        mask = self.mask and {
            "path": str(self.mask.absolute()),
            "sha256": file_digest(self.mask) if self.mask.is_file() else "absent",
        }
        return Item(self.image, {"mask": mask, "box": self.box})


def store_photos(
    photos: Mapping[str, Photo],
    folder: Path,
    copy: bool = False,
    workers: int | None = None,
    redo: bool = False,
) -> Manifest:
    """Store photos under their keys (``chair/0001``); returns the folder's manifest, saved.

    copy : copies of the files instead of links to them
    The record of a photo has as ``files`` the photo and its mask, if it has one, and as
    ``mask_from``: file, box or whole frame.
    """
    items = {key: photo.item() for key, photo in photos.items()}
    settings = {"side": SIDE, "copy": copy}
    return run("store_photos", items, _store_photo, folder, settings, workers, redo)


def absent_photos(photos: Mapping[str, Photo], images_from: str, masks_from: str) -> list[str]:
    """A complaint about the photos, and one about the masks, that are not there."""
    images = sorted(p.image for p in photos.values() if not p.image.is_file())
    masks = sorted(p.mask for p in photos.values() if p.mask and not p.mask.is_file())
    return [*absent(images, len(photos), "photos", images_from),
            *absent(masks, len(photos), "masks", masks_from)]


def mask_files(folder: Path) -> dict[str, Path]:
    """{key: mask} of all pictures in a folder, ``chair/0001.png`` being the mask of chair/0001.

    Raises DataError when there is none.
    """
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in files_below(folder)
        if path.suffix.lower() in SUFFIXES
    }
    if not found:
        raise DataError(f"{folder}: no mask in it; expected <key>.png for the photo img/<key>")
    return found


def _store_photo(task: Task) -> dict[str, Any]:
    stored, turn = _frame(task.source)
    mask, kind = _mask(task.facts, stored, turn, task.source)
    as_it_is = turn == UPRIGHT and max(stored) <= SIDE
    rgb = read_rgb(task.source)
    if as_it_is:
        names = [f"img/{task.key}{task.source.suffix}"]
        _place(task.source, own_place(task.out, names[0]), task.settings["copy"])
    else:
        rgb = _shrunk(rgb)
        names = [f"img/{task.key}.jpg"]
        _write(own_place(task.out, names[0]), rgb)
    if mask is not None:
        names.append(_store_mask(task, mask, (rgb.shape[1], rgb.shape[0]), kind, as_it_is))
    return {"files": names, "mask_from": kind}


def _frame(path: Path) -> tuple[Size, int]:
    """Size of the stored picture, and its EXIF orientation."""
    with open_picture(path) as image:
        return image.size, orientation(image)


def _mask(
    facts: dict[str, Any], stored: Size, turn: int, photo: Path
) -> tuple[np.ndarray | None, str]:
    """The mask as the photo is shown, and what it was made from."""
    if facts["mask"]:
        path = facts["mask"]["path"]
        return fit_mask(read_mask(path), stored, turn, path), "file"
    if facts["box"]:
        return box_mask(facts["box"], stored, turn, str(photo)), "box"
    return None, "whole frame"


def _store_mask(task: Task, mask: np.ndarray, size: Size, kind: str, as_it_is: bool) -> str:
    if kind == "file" and as_it_is:
        source = Path(task.facts["mask"]["path"])
        name = f"mask/{task.key}{source.suffix}"
        _place(source, own_place(task.out, name), task.settings["copy"])
        return name
    name = f"mask/{task.key}.png"
    scaled = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    _write(own_place(task.out, name), np.asarray(scaled))
    return name


def _shrunk(rgb: np.ndarray) -> np.ndarray:
    scale = SIDE / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = max(round(scale * rgb.shape[1]), 1), max(round(scale * rgb.shape[0]), 1)
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def _write(path: Path, image: np.ndarray) -> None:
    if path.is_symlink():  # writing through the link would change the user's own file
        path.unlink()
    write_image(path, image)


def _place(source: Path, target: Path, copy: bool) -> None:
    """A link to `source` (a copy where the disk knows no links, or where it is asked for)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if not copy:
        try:
            target.symlink_to(source.absolute())
            return
        except (OSError, NotImplementedError):
            target.unlink(missing_ok=True)
    write_bytes(target, source.read_bytes())
