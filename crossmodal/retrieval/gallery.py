"""A gallery on disk: every item's tokens, its id and category, and the model that made them.

A folder with ``gallery.json`` (ids, categories, contents' digests, fingerprint, settings) and the
array file it names, (S, V, D) and mapped into memory, not read. An update writes a new array file
and then replaces gallery.json in one step: whatever happens, the folder holds one whole gallery.
"""

from __future__ import annotations

import contextlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.inside import LONGEST, inside
from crossmodal.runtime.safe_files import read_json, read_npy

FORMAT = 1
INDEX = "gallery.json"
BLOCK = 1 << 22  # bytes checked at a time
_TOKENS = re.compile(r"tokens-[0-9a-f]{8}-[0-9]{1,18}\.npy")
# All other ids stay in their folder.
_DOUBTFUL = re.compile(r"[\x00-\x1f\x7f]|(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:|^[./\\]*$")


class GalleryError(ValueError):
    """A gallery that cannot be used; the message names the file and the remedy."""


class _TokensGone(GalleryError):
    """There is no such array file: it is lost, or an update has replaced it."""


@dataclass(frozen=True)
class Gallery:
    """S items and their tokens.

    ids, categories, digests : S texts; ids rise. A digest stands for the item's content.
    tokens : (S, V, D) float32 or float16
    fingerprint : names the model that made the tokens
    settings : what the items' pictures were made with, plain JSON values
    """

    ids: Sequence[str]
    categories: Sequence[str]
    digests: Sequence[str]
    tokens: np.ndarray
    fingerprint: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.categories), len(self.digests), len(self.tokens)}
        if len(lengths) != 1 or self.tokens.ndim != 3:
            raise GalleryError(f"{len(self.ids)} ids, {len(self.categories)} categories and "
                               f"{len(self.digests)} digests for tokens {self.tokens.shape}")
        if any(a >= b for a, b in zip(self.ids, self.ids[1:])):
            raise GalleryError("the ids of a gallery must rise, each once")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class _Index:
    """What is in gallery.json."""

    fingerprint: str
    settings: dict[str, Any]
    tokens: str  # name of the array file
    checksum: int
    shape: list[int]
    dtype: str
    ids: list[str]
    categories: list[str]
    digests: list[str]
    format: int = FORMAT


def save_gallery(gallery: Gallery, folder: Path) -> Path:
    """Write a gallery into `folder` in place of the one there; returns gallery.json's path.

    Raises OSError (disk full, no permission); the previous gallery is then untouched.
    """
    folder = Path(folder)
    tokens = np.ascontiguousarray(gallery.tokens)
    checksum = _checksum(tokens)
    name = f"tokens-{checksum:08x}-{len(tokens)}.npy"
    with atomic_write_in(folder, name) as file:
        _write_array(file, tokens)
    index = _Index(gallery.fingerprint, dict(gallery.settings), name, checksum,
                   list(tokens.shape), str(tokens.dtype), list(gallery.ids),
                   list(gallery.categories), list(gallery.digests))
    with atomic_write_in(folder, INDEX) as file:
        text = json.dumps(asdict(index), indent=1, ensure_ascii=False) + "\n"
        file.write(text.encode("utf-8", "backslashreplace"))  # file names need not be UTF-8
    for old in folder.glob("tokens-*.npy"):
        if old.name != name:
            with contextlib.suppress(OSError):  # somebody may still have it open
                old.unlink()
    return folder / INDEX


def open_gallery(folder: Path, check: bool = True) -> Gallery:
    """The gallery in `folder`, its tokens mapped.

    check : read the tokens once and compare their checksum (300 MB take a fraction of a second).
    Raises GalleryError when there is none, or it is torn.
    """
    folder = Path(folder)
    refuse_file(folder)
    path = folder / INDEX
    index, tokens = _read(folder)
    if check and _checksum(tokens) != index.checksum:
        raise GalleryError(f"{folder / index.tokens}: its bytes are not the ones that were "
                           f"written; {_remedy(folder)}")
    try:
        return Gallery(index.ids, index.categories, index.digests, tokens, index.fingerprint,
                       index.settings)
    except GalleryError as error:
        raise GalleryError(f"{path}: {error}; {_remedy(folder)}") from error


def refuse_file(folder: Path) -> None:
    """Raise GalleryError where `folder`, which is to hold an index, is a file."""
    if folder.exists() and not folder.is_dir():
        better = folder.parent if folder.name == INDEX else "a folder; it may be new"
        raise GalleryError(f"{folder} is a file, and an index is a folder; give --index {better}")


def refuse_other_model(gallery: Gallery, fingerprint: str, folder: Path) -> None:
    """Raise GalleryError unless the tokens were made by the model named `fingerprint`."""
    if gallery.fingerprint != fingerprint:
        raise GalleryError(
            f"{folder}: made with model {one_line(gallery.fingerprint, 80)}, the checkpoint is "
            f"{fingerprint}; "
            "their embeddings cannot be compared. Use the checkpoint it was made with, another "
            "folder, or make it again with --rebuild")


def _remedy(folder: Path) -> str:
    return f"delete {folder / INDEX} and index again (views that are there are used again)"


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    """A contiguous array as .npy; np.save does not say that the disk is full."""
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    file.write(array.reshape(-1).view(np.uint8).data)


def _read(folder: Path, missed: str = "") -> tuple[_Index, np.ndarray]:
    """The index and the tokens it names; both again if an update replaced them in between.

    missed : the array file that the index named before, and that was not there
    """
    index = _read_index(folder / INDEX)
    try:
        return index, _map_tokens(folder, index)
    except _TokensGone:
        if index.tokens == missed:
            raise
        return _read(folder, index.tokens)


def _read_index(path: Path) -> _Index:
    try:
        index = _Index(**_of_this_format(read_json(path)))
        _check(index)
    except FileNotFoundError as error:
        raise GalleryError(
            f"{path.parent}: no index here; make it with `python -m crossmodal.search index "
            f"--meshes MESHES --checkpoint RUN --index {path.parent}`") from error
    except OSError as error:
        raise GalleryError(f"{path}: not readable: {error.strerror}") from error
    except ValueError as error:
        raise GalleryError(f"{path}: {one_line(error, 400)}; {_remedy(path.parent)}") from error
    return index


def _of_this_format(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else content
        raise ValueError(f"not a gallery of format {FORMAT}, which this version reads, but "
                         f"{brief(found)}")
    names = {item.name for item in fields(_Index)}
    wrong = {"missing": names - set(content), "unknown": set(content) - names}
    for what, keys in wrong.items():
        if keys:
            raise ValueError(f"{what}: {', '.join(map(brief, sorted(keys)[:3]))}")
    return content


def _check(index: _Index) -> None:
    """Raises ValueError for values that no gallery has."""
    lists = {"ids": index.ids, "categories": index.categories, "digests": index.digests}
    for name, found in lists.items():
        if not isinstance(found, list) or not set(map(type, found)) <= {str}:
            raise ValueError(f"{name} are not what was written: {brief(found)}")
    whole = isinstance(index.shape, list) and all(type(n) is int and n >= 0 for n in index.shape)
    if not whole or not isinstance(index.dtype, str):
        raise ValueError("the tokens' shape or type is not what was written: "
                         f"{brief(index.shape)}, {brief(index.dtype)}")
    if not isinstance(index.tokens, str) or not _TOKENS.fullmatch(index.tokens):
        raise ValueError(f"the tokens' file is not what was written: {brief(index.tokens)}")
    if not isinstance(index.fingerprint, str) or not isinstance(index.settings, dict) or (
            type(index.checksum) is not int):
        raise ValueError("fingerprint, settings or checksum are not what was written")
    for name in index.ids:
        if len(name) > LONGEST or _DOUBTFUL.search(name):
            inside("", name, links=True)


def _map_tokens(folder: Path, index: _Index) -> np.ndarray:
    """(S, V, D) mapped array that has the size and type gallery.json says."""
    path, remedy = folder / index.tokens, _remedy(folder)
    try:
        tokens = read_npy(inside(folder, index.tokens), mapped=True)
    except FileNotFoundError as error:
        raise _TokensGone(f"{path}: not a readable array (it is not there); {remedy}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else one_line(error)
        raise GalleryError(f"{path}: not a readable array ({reason}); {remedy}") from error
    if list(tokens.shape) != index.shape or str(tokens.dtype) != index.dtype or (
            tokens.dtype.kind not in "biuf"):
        raise GalleryError(f"{path}: {tokens.dtype} {tokens.shape}, {INDEX} says "
                           f"{brief(index.dtype)} {brief(tuple(index.shape))}; {remedy}")
    return tokens


def _checksum(tokens: np.ndarray) -> int:
    """CRC-32 of an array's bytes, a block at a time."""
    flat = tokens.reshape(-1).view(np.uint8)
    found = 0
    for start in range(0, len(flat), BLOCK):
        found = zlib.crc32(flat[start : start + BLOCK].tobytes(), found)
    return found
