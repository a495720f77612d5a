"""Writing arrays, pictures and lists so that a file is either whole or not there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crossmodal.runtime.atomic import atomic_write

JPEG_QUALITY = 92


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy."""
    content = io.BytesIO()  # straight to a file, np.save does not say that the disk is full
    np.save(content, array, allow_pickle=False)
    write_bytes(path, content.getbuffer())


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an (H, W[, 3]) uint8 image as .jpg or .png."""
    with atomic_write(path) as file:
        if path.suffix == ".jpg":
            Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY)
        else:
            Image.fromarray(image).save(file, "PNG")


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write bytes."""
    with atomic_write(path) as file:
        file.write(content)


def write_json(path: Path, content: Any) -> None:
    """Write plain values as readable JSON; what is no UTF-8 in a name is escaped."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))
