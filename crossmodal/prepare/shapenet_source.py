"""Which models lie in a copy of ShapeNetCore, v1 or v2, unpacked or in its zip files.

v1 : ``SYNSET/ID/model.obj``, up +y, front +x (README of the release).
v2 : ``SYNSET/ID/models/model_normalized.obj``, up +y, front -z (README of the release).
Both come as one ``SYNSET.zip`` a category, or as one archive
``ShapeNetCore.v1.zip`` or ``ShapeNetCore.v2.zip``; what is unpacked is preferred.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

from crossmodal.data.errors import DataError
from crossmodal.geometry.mesh import Mesh, MeshError, load_mesh
from crossmodal.prepare.source_check import Needed, require
from crossmodal.prepare.source_home import find_home
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.inside import OutsideError, plain_name
from crossmodal.runtime.limits import TooLarge
from crossmodal.runtime.safe_files import ZIP_ERRORS, open_regular, read_member

SYNSETS = {
    "bed": "02818832",
    "chair": "03001627",
    "sofa": "04256520",
    "table": "04379243",
    "car": "02958343",
}
FILES = {"v1": "model.obj", "v2": "models/model_normalized.obj"}
HIDDEN = (".", "__MACOSX")  # folders that are no shape
FRONTS = {"v1": "x", "v2": "-z"}
WHOLE = "ShapeNetCore*.zip"
# What reading a member of a zip file raises: torn, encrypted, packed in an unknown way.
TORN = (*ZIP_ERRORS, OSError)
_WHERE = (
    "ask for ShapeNetCore at https://shapenet.org or "
    "https://huggingface.co/datasets/ShapeNet/ShapeNetCore and put {synset}.zip, or the folder "
    "{synset}, here; or leave {category} out with --categories"
)


@dataclass(frozen=True)
class Model:
    """One shape: a file, or a member of a zip file. It may be missing: then reading it fails."""

    path: Path
    member: str | None
    bytes: int  # of the .obj, unpacked


@dataclass(frozen=True)
class Copy:
    """What lies in a folder: ``models[category][instance]``, sorted, all of one layout."""

    layout: str
    models: dict[str, dict[str, Model]]


@dataclass(frozen=True)
class _Place:
    """Where one category lies; instances in `files`, by layout, and those that have none."""

    files: dict[str, dict[str, Model]]
    instances: list[str]
    path: Path
    inside: str  # folder of the category in a zip file, with its slash


def find_models(source: Path, categories: Sequence[str], layout: str = "auto") -> Copy:
    """The models of `categories`, keys of SYNSETS.

    Raises MissingSource naming every category that is not there, DataError where models of both
    layouts are there and `layout` does not say which.
    """
    home = find_home(source, lambda folder: _holds(folder, categories))
    places = {category: _place(home, SYNSETS[category]) for category in categories}
    wanted = FILES if layout == "auto" else {layout: FILES[layout]}
    absent = [c for c, place in places.items() if not place or not wanted.keys() & place.files]
    if absent:
        where = {c: _WHERE.format(synset=SYNSETS[c], category=c) for c in absent}
        names = " or ".join(f"ID/{name}" for name in wanted.values())
        require(home, [Needed(f"{SYNSETS[c]}/{names}", f"{c}s", where[c]) for c in absent])
    found = {name for place in places.values() if place for name in place.files if name in wanted}
    if len(found) > 1:
        raise DataError(
            f"{home}: models of ShapeNetCore v1 and v2; say which with --layout v1 or v2"
        )
    (chosen,) = found
    return Copy(chosen, {c: _models(place, chosen) for c, place in places.items() if place})


def read_model(path: Path, member: str | None = None) -> Mesh:
    """The shape in an .obj file or member of a zip file: all its parts, without materials.

    Raises MeshError naming the file.
    """
    name = f"{path}, {member}" if member else f"{path}"
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "model.obj"  # without its materials, whose textures are large
        try:
            alone.write_bytes(_bytes(path, member))
        except TooLarge as error:
            raise MeshError(f"{name}: {error}") from error
        except (KeyError, FileNotFoundError, IsADirectoryError) as error:
            raise MeshError(f"{name}: no such file; fetch this model again") from error
        except TORN as error:
            raise MeshError(f"{name}: damaged ({one_line(error)}); fetch the zip "
                            "file again") from error
        try:
            return load_mesh(alone)
        except MeshError as error:
            raise MeshError(str(error).replace(str(alone), name)) from error


def _bytes(path: Path, member: str | None) -> bytes:
    if member:
        return read_member(_zip(path), member, path.stat().st_size)
    with open_regular(path) as file:
        return file.read()


def _holds(folder: Path, categories: Sequence[str]) -> bool:
    names = [SYNSETS[category] for category in categories]
    return (
        any((folder / name).is_dir() or (folder / f"{name}.zip").is_file() for name in names)
        or next(folder.glob(WHOLE), None) is not None
    )


def _place(home: Path, synset: str) -> _Place | None:
    folders = [home / synset] if (home / synset).is_dir() else []
    archives = [home / f"{synset}.zip", *sorted(home.glob(WHOLE))]
    places = chain(map(_unpacked, folders),
                   (_zipped(path, synset) for path in archives if path.is_file()))
    return next((place for place in places if place.files), None)


def _unpacked(folder: Path) -> _Place:
    instances = sorted(child.name for child in folder.iterdir()
                       if _is_name(child.name) and child.is_dir()
                       and not child.name.startswith(HIDDEN))
    files: dict[str, dict[str, Model]] = {}
    for instance in instances:
        for layout, name in FILES.items():
            path = folder / instance / name
            if path.is_file():
                files.setdefault(layout, {})[instance] = Model(path, None, path.stat().st_size)
    return _Place(files, instances, folder, "")


def _zipped(path: Path, synset: str) -> _Place:
    pattern = re.compile(rf"((?:[^/]+/)?{synset}/)([^/]+)/(.*)")
    layouts = {name: layout for layout, name in FILES.items()}
    files: dict[str, dict[str, Model]] = {}
    instances: set[str] = set()
    inside = f"{synset}/"
    for entry in _entries(path):
        match = pattern.fullmatch(entry.filename)
        if not match:
            continue
        inside, instance, name = match.groups()
        if instance.startswith(HIDDEN) or not _is_name(instance):
            continue
        instances.add(instance)
        if name in layouts:
            model = Model(path, entry.filename, entry.file_size)
            files.setdefault(layouts[name], {})[instance] = model
    return _Place(files, sorted(instances), path, inside)


def _is_name(instance: str) -> bool:
    """Whether an instance can be a file's name, as it will be; others are no shapes."""
    try:
        return bool(plain_name(instance))
    except OutsideError:
        return False


def _entries(path: Path) -> Iterable[zipfile.ZipInfo]:
    try:
        return _zip(path).infolist()
    except TORN as error:
        raise DataError(f"{path}: not a whole zip file ({one_line(error)}); fetch "
                        "it again") from error


def _zip(path: Path) -> zipfile.ZipFile:
    """Kept open: reading the contents of a large archive takes seconds."""
    return _opened(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _opened(path: Path, changed: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(open_regular(path))


def _models(place: _Place, layout: str) -> dict[str, Model]:
    """Every instance; the file of one that has none is named, so that it is missed by name."""
    found = {}
    for instance in place.instances:
        name = f"{place.inside}{instance}/{FILES[layout]}"
        zipped = bool(place.inside)
        absent = Model(place.path if zipped else place.path / name, name if zipped else None, 0)
        found[instance] = place.files[layout].get(instance, absent)
    return found
