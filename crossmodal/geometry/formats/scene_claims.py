"""What a scene in XML claims, looked at before a library builds it: 3MF and COLLADA.

Entities can make gigabytes of a line, or bring in other files; and parts that are made of parts, a
few deep, are placed more often than there are atoms.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from html import unescape
from pathlib import Path

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.text import without_mark
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge, check_claim
from crossmodal.runtime.safe_files import ZIP_ERRORS, read_member

MOST_PLACES = 300_000  # of parts in a scene
_ATTRIBUTES = rb"((?:[^>\"']|\"[^\"]*\"|'[^']*')*)"
_TAG = re.compile(rb"<(/?)(?:[\w.-]+:)?([A-Za-z_]+)(?=[\s/>])" + _ATTRIBUTES + rb">")
_ATTRIBUTE = re.compile(rb"([^\s=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ENCODING = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)")
# Of these, every byte that is a sign of XML is that sign.
_PLAIN = re.compile(rb"utf-?8|utf-?16|(?:us-)?ascii|latin-?1|iso-8859-\d+|windows-\d+|cp\d+|gb\w+|"
                    rb"shift_jis|euc-\w+|big5", re.IGNORECASE)
Parts = dict[str, list[str]]  # of each part, the parts that it places
ROOT = ""


def check_3mf(path: Path, data: bytes) -> None:
    """Raise MeshError for an archive that is torn, takes too much, or places too many parts."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            check_claim(f"{len(infos)} files in it", sum(info.file_size for info in infos),
                        len(data))
            for info in infos:
                text = read_member(archive, info.filename, len(data))
                if info.filename.lower().endswith(".model"):
                    _check_places(path, _parts_of_3mf(_tags(path, text)))
    except TooLarge as error:
        raise MeshError(f"{path}: {error}") from error
    except MeshError:
        raise
    except ZIP_ERRORS as error:
        raise MeshError(f"{path}: no whole 3MF file ({one_line(error)}); fetch it "
                        "again") from error


def check_dae(path: Path, data: bytes) -> None:
    """Raise MeshError for a scene with entities, in an archive, or of too many nodes."""
    if data.startswith(b"PK"):
        raise MeshError(f"{path}: a zip archive; unpack it first")
    _check_places(path, _parts_of_dae(_tags(path, data)))


def _tags(path: Path, data: bytes) -> Iterator[tuple[bool, bytes, bytes]]:
    """(whether it ends an element, the element's name, its attributes) of each tag."""
    text = without_mark(data)
    named = _ENCODING.match(text)
    if b"\0" in text[:4] or named and not _PLAIN.fullmatch(named[1]):
        raise MeshError(f"{path}: its XML is in an unusual encoding; save it in UTF-8")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise MeshError(f"{path}: its XML declares entities, which are not read; export it again")
    for piece in _without(text, b"<!--", b"-->"):
        for plain in _without(piece, b"<![CDATA[", b"]]>"):
            for tag in _TAG.finditer(plain):
                yield bool(tag[1]), tag[2], tag[3]


def _without(text: bytes, begin: bytes, end: bytes) -> Iterator[bytes]:
    """The pieces of a text between what begins and ends so."""
    at = 0
    while (start := text.find(begin, at)) >= 0:
        yield text[at:start]
        stop = text.find(end, start)
        at = stop + len(end) if stop >= 0 else len(text)
    yield text[at:] if at else text


def _parts_of_3mf(tags: Iterable[tuple[bool, bytes, bytes]]) -> Parts:
    parts: Parts = {ROOT: []}
    name = ROOT
    for ends, kind, attributes in tags:
        if kind == b"object":
            name = ROOT if ends else f"#{_value(attributes, b'id')}"
            parts.setdefault(name, [])
        elif kind in (b"component", b"item") and not ends:
            parts[ROOT if kind == b"item" else name].append(f"#{_value(attributes, b'objectid')}")
    return parts


def _parts_of_dae(tags: Iterable[tuple[bool, bytes, bytes]]) -> Parts:
    parts: Parts = {ROOT: []}
    inside = [ROOT]
    for ends, kind, attributes in tags:
        if kind in (b"node", b"visual_scene") and ends:
            inside = inside[:-1] or [ROOT]
        elif kind in (b"node", b"visual_scene"):
            name = f"#{_value(attributes, b'id') or f' {len(parts)}'}"
            parts.setdefault(name, [])
            parts[inside[-1] if kind == b"node" else ROOT].append(name)
            if not attributes.endswith(b"/"):
                inside.append(name)
        elif kind == b"instance_node" and not ends:
            parts[inside[-1]].append(_value(attributes, b"url"))
    return parts


def _value(attributes: bytes, name: bytes) -> str:
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1] == name:
            return unescape((found[2] or found[3] or b"").decode("utf-8", "replace"))
    return ""


def _check_places(path: Path, parts: Parts) -> None:
    """Count in how many places the scene shows a part: those of all parts that it is made of."""
    counts: dict[str, int] = {}
    begun: set[str] = set()
    waiting = [ROOT]
    while waiting:
        name = waiting[-1]
        below = [part for part in dict.fromkeys(parts.get(name, ())) if part not in counts]
        begun.add(name)
        if not begun.isdisjoint(below):
            raise MeshError(f"{path}: {brief(name)} is a part of itself; export it again")
        if below:
            waiting += below
            continue
        waiting.pop()
        counts[name] = 1 + sum(counts[part] for part in parts.get(name, ()))
        if counts[name] > MOST_PLACES:
            raise MeshError(f"{path}: it places more than {MOST_PLACES} parts, the same ones over "
                            "and over; export it with fewer copies")
