"""Sweet Home 3D furniture libraries (``.sh3f``): zip files of models and icons with a catalogue."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from crossmodal.data.errors import DataError
from crossmodal.data.images import read_rgba
from crossmodal.geometry.mesh import Mesh, MeshError, load_mesh, make_mesh
from crossmodal.geometry.silhouette import plain_background_mask
from crossmodal.prepare.furniture import Furniture
from crossmodal.prepare.java_properties import parse_properties
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge, in_words
from crossmodal.runtime.safe_files import ZIP_ERRORS, open_regular, read_member

MOST_ENTRIES = 100_000
LARGEST_CATALOGUE = 32 * 2**20  # bytes
MOST_PIXELS = 16_000_000  # of an icon
CATALOGUE = "PluginFurnitureCatalog.properties"


def read_library(path: Path) -> list[Furniture]:
    """Every piece of furniture of a library, ``<library>_<number, four digits>`` as id.

    Raises DataError naming the file when it is no furniture library.
    """
    try:
        catalogue = parse_properties(_read_catalogue(path))
    except TooLarge as error:
        raise DataError(f"{path}: {error}") from error
    except (*ZIP_ERRORS, KeyError, OSError) as error:
        raise DataError(
            f"{path}: not a Sweet Home 3D furniture library ({one_line(error)}); "
            f"expected a zip file with {CATALOGUE}"
        ) from error
    names = (re.fullmatch(r"name#([0-9]{1,9})", key) for key in catalogue)
    numbers = sorted({int(name[1]) for name in names if name})
    if not numbers:
        raise DataError(f"{path}: the catalogue lists no furniture")
    if len(numbers) > MOST_ENTRIES:
        raise DataError(f"{path}: the catalogue lists {len(numbers)} pieces of furniture; at most "
                        f"{MOST_ENTRIES} are read; split it")
    return [_entry(path, catalogue, number) for number in numbers]


def read_mesh(entry: Furniture) -> Mesh:
    """The model of an entry as Sweet Home 3D shows it: upright and scaled to its real size."""
    if not entry.model:
        raise MeshError(f"{entry.source}: the catalogue names no model for {entry.id}")
    with tempfile.TemporaryDirectory() as folder:
        # Its name says what kind it is, and not where it is written.
        copy = Path(folder) / f"model{_suffix(entry.model)}"
        copy.write_bytes(_read_member(entry.source, entry.model))
        try:
            mesh = load_mesh(copy)
        except MeshError as error:
            reason = str(error).replace(str(copy), _short(entry.model))
            raise MeshError(f"{entry.source}: {reason}") from error
    vertices = mesh.vertices @ np.array(entry.rotation, np.float64).reshape(3, 3).T
    extent = np.ptp(vertices, axis=0)
    scale = np.where(extent > 1e-6, np.array(entry.size) / np.maximum(extent, 1e-6), 1)
    return make_mesh(vertices * scale, mesh.faces, mesh.colours, normalised=True, name=entry.id)


def read_icon(entry: Furniture) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 icon on white and its (H, W) uint8 mask."""
    if not entry.icon:
        raise DataError(f"{entry.source}: the catalogue names no icon for {entry.id}")
    pixels = read_rgba(io.BytesIO(_read_member(entry.source, entry.icon)),
                       f"{entry.source}: {_short(entry.icon)}", MOST_PIXELS)
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
        raise DataError(f"{path}: entry {number} has the unreadable numbers {brief(text)}; "
                        "write numbers there") from error
    if len(values) != count:
        raise DataError(f"{path}: entry {number} has {len(values)} numbers {brief(text)}, not "
                        f"{count}")
    return values


def _read_catalogue(path: Path) -> bytes:
    archive, size = _archive(path)
    length = archive.getinfo(CATALOGUE).file_size
    if length > LARGEST_CATALOGUE:
        raise TooLarge(f"a catalogue of {in_words(length)}; at most {in_words(LARGEST_CATALOGUE)} "
                       "are read; split the library")
    return read_member(archive, CATALOGUE, size)


def _read_member(path: Path, name: str) -> bytes:
    """A file of the library. Raises FileNotFoundError, or DataError for a torn or large one."""
    try:
        archive, size = _archive(path)
        for candidate in (name.lstrip("/"), unquote(name).lstrip("/")):
            if candidate in archive.NameToInfo:
                return read_member(archive, candidate, size)
    except ZIP_ERRORS as error:
        raise DataError(f"{path}: {one_line(error)}; fetch the library again") from error
    raise FileNotFoundError(f"{path}: {_short(name)} is not in the library")


def _archive(path: Path) -> tuple[zipfile.ZipFile, int]:
    """The library and its size; kept open: reading the contents of a large one takes seconds."""
    about = path.stat()
    return _opened(path, about.st_mtime_ns, about.st_size), about.st_size


@lru_cache(maxsize=2)
def _opened(path: Path, changed: int, size: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(open_regular(path))


def _suffix(name: str) -> str:
    found = re.search(r"\.[A-Za-z0-9]{1,10}$", name)
    return found[0] if found else ""


def _short(name: str) -> str:
    """A name from the catalogue, for messages."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in name[:200])
    return f"{plain}..." if len(name) > 200 else plain
