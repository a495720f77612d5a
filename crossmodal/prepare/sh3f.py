"""Sweet Home 3D furniture libraries (``.sh3f``): zip files of models and icons with a catalogue."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from PIL import Image

from crossmodal.data.errors import DataError
from crossmodal.geometry.mesh import Mesh, MeshError, load_mesh, make_mesh
from crossmodal.geometry.silhouette import plain_background_mask
from crossmodal.prepare.furniture import Furniture
from crossmodal.prepare.java_properties import parse_properties

CATALOGUE = "PluginFurnitureCatalog.properties"


def read_library(path: Path) -> list[Furniture]:
    """Every piece of furniture of a library, ``<library>_<number, four digits>`` as id.

    Raises DataError naming the file when it is no furniture library.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            catalogue = parse_properties(archive.read(CATALOGUE))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise DataError(
            f"{path}: not a Sweet Home 3D furniture library ({error}); "
            f"expected a zip file with {CATALOGUE}"
        ) from error
    numbers = sorted({int(n) for key in catalogue for n in re.findall(r"^name#(\d+)$", key)})
    if not numbers:
        raise DataError(f"{path}: the catalogue lists no furniture")
    return [_entry(path, catalogue, number) for number in numbers]


def read_mesh(entry: Furniture) -> Mesh:
    """The model of an entry as Sweet Home 3D shows it: upright and scaled to its real size."""
    if not entry.model:
        raise MeshError(f"{entry.source}: the catalogue names no model for {entry.id}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(entry.model).name
        copy.write_bytes(_read_member(entry.source, entry.model))
        try:
            mesh = load_mesh(copy)
        except MeshError as error:
            reason = str(error).replace(str(copy), entry.model)
            raise MeshError(f"{entry.source}: {reason}") from error
    vertices = mesh.vertices @ np.array(entry.rotation, np.float64).reshape(3, 3).T
    extent = np.ptp(vertices, axis=0)
    scale = np.where(extent > 1e-6, np.array(entry.size) / np.maximum(extent, 1e-6), 1)
    return make_mesh(vertices * scale, mesh.faces, mesh.colours, normalised=True, name=entry.id)


def read_icon(entry: Furniture) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 icon on white and its (H, W) uint8 mask."""
    if not entry.icon:
        raise DataError(f"{entry.source}: the catalogue names no icon for {entry.id}")
    with Image.open(io.BytesIO(_read_member(entry.source, entry.icon))) as image:
        pixels = np.asarray(image.convert("RGBA"))
    cover = pixels[:, :, 3:].astype(np.float32) / 255
    colour = np.round(pixels[:, :, :3] * cover + 255 * (1 - cover)).astype(np.uint8)
    if pixels[:, :, 3].min() == 255:
        return colour, plain_background_mask(colour)
    return colour, np.where(pixels[:, :, 3] > 127, 255, 0).astype(np.uint8)


def _entry(path: Path, catalogue: dict[str, str], number: int) -> Furniture:
    def value(key: str, default: str = "") -> str:
        return catalogue.get(f"{key}#{number}", default).strip()

    return Furniture(
        id=f"{path.stem}_{number:04d}",
        name=value("name"),
        category=value("category", "Miscellaneous"),
        creator=value("creator"),
        licence=value("license") or catalogue.get("license", "").strip(),
        source=path,
        model=value("model"),
        icon=value("icon"),
        rotation=_numbers(path, number, value("modelRotation", "1 0 0 0 1 0 0 0 1"), 9),
        size=_numbers(path, number, f"{value('width')} {value('height')} {value('depth')}", 3),
    )


def _numbers(path: Path, number: int, text: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split())
    except ValueError as error:
        raise DataError(f"{path}: entry {number} has the unreadable numbers {text!r}") from error
    if len(values) != count:
        raise DataError(f"{path}: entry {number} has {len(values)} numbers {text!r}, not {count}")
    return values


def _read_member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        there = set(archive.namelist())
        for candidate in (name.lstrip("/"), unquote(name).lstrip("/")):
            if candidate in there:
                return archive.read(candidate)
    raise FileNotFoundError(f"{path}: {name} is not in the library")
