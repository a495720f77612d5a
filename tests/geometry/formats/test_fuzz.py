"""Damaged files of every format: each is read as a sound mesh or refused, soon and by name."""

from __future__ import annotations

import re
import struct
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from gltf_files import good_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mesh_files import (
    QUADS,
    TRIANGLES,
    obj_text,
    off_text,
    ply_binary,
    ply_text,
    stl_binary,
    stl_text,
)

from crossmodal.geometry.formats.registry import read
from crossmodal.geometry.mesh import MeshError, make_mesh

SECONDS = 5.0  # for one file; the largest of these has 4 kB
MIXED = [QUADS[0], *TRIANGLES[2:6], *QUADS[3:]]
COLOURED = off_text(TRIANGLES[:4]).replace("3 0 2 3", "3 0 2 3 255 0 0", 1)


@dataclass(frozen=True)
class Format:
    """Good files of a format.

    declares : whether they say how much they hold, so that one that is cut off can be known
    """

    suffix: str
    files: tuple[bytes, ...]
    declares: tuple[bool, ...]


def gltf(suffix: str) -> Format:
    """The good files of one of glTF's two forms."""
    files = tuple(data for name, data in good_files().items() if name.endswith(suffix))
    return Format(suffix, files, (True,) * len(files))


FORMATS = [  # one row a format
    Format(".obj", (b"mtllib a.mtl\no cube\nusemtl red\n" + obj_text(MIXED).encode(),
                    obj_text(()).encode() + b"vn 0 0 1\nf -8//1 -7//1 -5//1\nf 1/1/1 2/2/1 6\n"),
           (False, False)),
    Format(".ply", (ply_text(MIXED).encode(), ply_binary(MIXED), ply_binary(QUADS, ">")),
           (True, True, True)),
    Format(".stl", (stl_text(TRIANGLES[:3]).encode(), stl_binary(TRIANGLES)), (False, True)),
    Format(".off", (off_text(MIXED).encode(), COLOURED.encode()), (True, True)),
    gltf(".glb"), gltf(".gltf"),
]
NUMBERS = [b"", b"-1", b"0", b"1", b"3", b"7", b"255", b"4294967295", b"-2147483649", b"1e308",
           b"-1e400", b"nan", b"1.5", b"99999999999999999999", b"0x10", b"1_0", b"\xff", b"1/2/3"]
NUMBER = re.compile(rb"-?\d+")


def flipped(data: bytes, at: int, value: int) -> bytes:
    """One byte changed."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ (value % 255 + 1)]) + data[at + 1:]


def cut_off(data: bytes, at: int, value: int) -> bytes:
    """The end lost."""
    return data[:at % len(data)]


def cut_out(data: bytes, at: int, value: int) -> bytes:
    """Some bytes lost."""
    at %= len(data)
    return data[:at] + data[at + value % 64 + 1:]


def doubled(data: bytes, at: int, value: int) -> bytes:
    """Some bytes twice."""
    at %= len(data)
    return data[:at + value % 64 + 1] + data[at:]


def renumbered(data: bytes, at: int, value: int) -> bytes:
    """Another number in place of one that is written as text."""
    places = list(NUMBER.finditer(data))
    place = places[at % len(places)] if places else None
    if place is None:
        return data
    return data[:place.start()] + NUMBERS[value % len(NUMBERS)] + data[place.end():]


def swapped(data: bytes, at: int, value: int) -> bytes:
    """Two lines in each other's place."""
    lines = data.split(b"\n")
    first, second = at % len(lines), value % len(lines)
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


DAMAGES: list[Callable[[bytes, int, int], bytes]] = [flipped, cut_off, cut_out, doubled,
                                                      renumbered, swapped]
DAMAGE = struct.Struct("<" + 3 * "BHH")  # one draw of bytes: hypothesis takes as long as reading


def damaged(data: bytes, drawn: bytes) -> bytes:
    """The file after one to three changes: which, where and how stands in the bytes drawn."""
    numbers = DAMAGE.unpack(drawn)
    for k in range(0, 3 * (1 + numbers[0] % 3), 3):
        which, at, value = numbers[k:k + 3]
        data = DAMAGES[which // 3 % len(DAMAGES)](data, at, value) if data else data
    return data


def faces_of(path: Path, data: bytes) -> int | None:
    """Faces that are read from a file of such bytes, all sound; None if it is refused by name."""
    path.write_bytes(data)
    begin = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            content = read(path)
    except MeshError as error:
        assert str(path) in str(error)
        return None
    finally:
        assert time.process_time() - begin < SECONDS
    assert content.colours is None or content.colours.shape == content.faces.shape
    assert content.colours is None or content.colours.dtype == np.uint8
    try:
        mesh = make_mesh(content.vertices, content.faces, content.colours, name=str(path))
    except MeshError as error:
        assert "vertices" in str(error) or "no area" in str(error)  # they name it, and no shape
        return None
    assert np.isfinite(mesh.vertices).all() and mesh.faces.min() >= 0
    assert mesh.faces.max() < len(mesh.vertices) and content.parts >= 1
    return len(content.faces)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.suffix)
def test_damaged_files_are_read_or_refused(kind: Format, tmp_path: Path) -> None:
    path, seen = tmp_path / f"shape{kind.suffix}", [0, 0]

    @settings(max_examples=2000, derandomize=True, database=None, deadline=None,
              suppress_health_check=list(HealthCheck))
    @given(st.binary(min_size=DAMAGE.size, max_size=DAMAGE.size))
    def check(drawn: bytes) -> None:
        data = kind.files[drawn[-1] % len(kind.files)]
        seen[faces_of(path, damaged(data, drawn)) is None] += 1

    check()
    assert min(seen) > 100  # both happen: the damage is neither too small nor too large


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.suffix)
def test_a_file_that_is_cut_off_is_no_silent_part(kind: Format, tmp_path: Path) -> None:
    path = tmp_path / f"shape{kind.suffix}"
    for data, declares in zip(kind.files, kind.declares):
        whole = faces_of(path, data)
        assert whole is not None
        before = 0
        for end in range(len(data)):
            faces = faces_of(path, data[:end])
            if declares:
                assert faces in (None, whole), f"{faces} of {whole} faces of {end} bytes"
            elif faces is not None:
                assert before <= faces <= whole  # what is written so far, and never less
                before = faces
