"""Writing arrays, pictures and lists so that a file is either whole or not there.

Nothing is written through a link that leads out of its folder: that is somebody's file.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.inside import OutsideError, inside

JPEG_QUALITY = 92


def own_places(folder: Path, names: Iterable[str]) -> list[Path]:
    """The paths of `names` in `folder`, to be removed or replaced: of a file, or a link, itself.

    Raises OutsideError where one does not lie there, or is a folder.
    """
    found, checked = [], set()
    for name in names:
        path = inside(folder, name, links=True)
        above = Path(name).parent
        if above.parts and above not in checked:
            inside(folder, above.as_posix())
            checked.add(above)
        if path.is_dir() and not path.is_symlink():
            raise OutsideError(f"{path} is a folder, where a file of that name should be")
        found.append(path)
    return found


def own_place(folder: Path, name: str) -> Path:
    """The only one of `own_places`."""
    return own_places(folder, [name])[0]


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy."""
    content = io.BytesIO()  # straight to a file, np.save does not say that the disk is full
    np.save(content, array, allow_pickle=False)
    write_bytes(path, content.getbuffer())


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an (H, W[, 3]) uint8 image as .jpg or .png."""
    with atomic_write_in(path.parent, path.name) as file:
        if path.suffix == ".jpg":
            Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY)
        else:
            Image.fromarray(image).save(file, "PNG")


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write bytes."""
    with atomic_write_in(path.parent, path.name) as file:
        file.write(content)


def write_json(path: Path, content: Any) -> None:
    """Write plain values as readable JSON; what is no UTF-8 in a name is escaped."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))
