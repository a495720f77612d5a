"""STL files: text or binary by their content, every ending, and what is cut off."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from mesh_files import (
    CUBE,
    TRIANGLES,
    by_trimesh,
    corners_of,
    facet,
    is_cube,
    read_text,
    stl_binary,
    stl_text,
)

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.stl import read_stl

OPEN = TRIANGLES[:-1]


@pytest.mark.parametrize("file", [stl_text(), stl_binary()])
def test_each_triangle_has_vertices_of_its_own(tmp_path: Path, file: str | bytes) -> None:
    content = read_text(tmp_path, ".stl", file)
    np.testing.assert_array_equal(content.vertices, [CUBE[k] for face in TRIANGLES for k in face])
    np.testing.assert_array_equal(content.faces, np.arange(36).reshape(12, 3))
    assert content.vertices.dtype == np.float64
    assert content.colours is None and content.parts == 1 and content.ignored == ()


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.title,
        lambda text: text.replace("endsolid", "end solid"),
        lambda text: text.replace("endsolid cube", "end"),
        lambda text: text.replace("endsolid cube\n", ""),
        lambda text: text.replace("endsolid cube\n", "").rstrip(),
        lambda text: text.replace("endloop", "end loop").replace("endfacet", "end facet"),
        lambda text: text.replace(" cube", ""),
        lambda text: text.replace(" cube", " vertex group 2"),
        lambda text: text.replace(" cube", " facet"),
        lambda text: text.replace(" cube", " endsolid solid facet normal 1 2 3"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace(" ", "\t ").replace("\n", " \n\n"),
        lambda text: text.replace(" normal 0 0 0", ""),
        lambda text: text.replace("normal 0 0 0", "normal -nan(ind) 0 1.#QNAN"),
        lambda text: text.replace("cube\nfacet", "cube\ncolor 0.5 0.5 0.5\n# made by hand\nfacet"),
        lambda text: text + "\0\0\0",
        lambda text: text + "solid empty\nendsolid\n",
        lambda text: text.replace("1", "1.000e+00"),
    ],
)
def test_ways_of_writing_the_same_text(tmp_path: Path, change) -> None:
    content = read_text(tmp_path, ".stl", change(stl_text()))
    assert is_cube(content) and content.parts == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    assert is_cube(read_text(tmp_path, ".stl", stl_text(name="Würfel").encode(encoding)))


@pytest.mark.parametrize("end", ["endsolid a\n", "end solid\n", ""])
def test_all_solids_are_read(tmp_path: Path, end: str) -> None:
    text = "".join(f"solid {name}\n{''.join(map(facet, faces))}{end}" for name, faces in
                   (("a", TRIANGLES[:4]), ("none", []), ("b", TRIANGLES[4:])))
    content = read_text(tmp_path, ".stl", text)
    assert is_cube(content) and content.parts == 2


def test_positions_are_what_python_reads(tmp_path: Path) -> None:
    words = ["0.1", "1e-7", "123456789.123456789", "+.5", "5E-324", "0.30000000000000004", "7.",
             "-0", "1"]
    corners = "".join(f"vertex {' '.join(words[k:k + 3])}\n" for k in (0, 3, 6))
    text = f"solid\nfacet normal 0 0 0\nouter loop\n{corners}endloop\nendfacet\nendsolid\n"
    np.testing.assert_array_equal(read_text(tmp_path, ".stl", text).vertices.reshape(-1),
                                  [float(word) for word in words])


@pytest.mark.parametrize(
    "file",
    [
        stl_binary(header=b"solid cube"),
        stl_binary(header=b"solid facet normal outer"),
        stl_binary(header=b"solid cube\nfacet normal 0 0 0\nouter loop"),
        stl_binary(header=b"\xef\xbb\xbf"),
        stl_binary() + b"\0",
        stl_binary() + b"\r\n" + b"x" * 47,
        stl_binary() + b"\0" * 5000,
        stl_binary() + b"a line of text that is longer than a triangle of fifty bytes\n",
        stl_binary(count=0),
        stl_binary(count=13),
        stl_binary(count=2**32 - 1),
        stl_binary(header=b"solid cube", count=0),
    ],
)
def test_binary_files_are_known_by_their_length(tmp_path: Path, file: bytes) -> None:
    assert is_cube(read_text(tmp_path, ".stl", file))


def test_bytes_of_attributes_may_be_colours(tmp_path: Path) -> None:
    data = bytearray(stl_binary())
    data[-2:] = b"\x12\x80"
    content = read_text(tmp_path, ".stl", bytes(data))
    assert is_cube(content) and content.ignored == ("colours",) and content.colours is None


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (stl_binary(OPEN, 12), "cut off: 11 of 12 triangles are there"),
        (stl_binary(count=12)[:-1], "cut off: 11 of 12 triangles are there"),
        (stl_binary(count=12)[:-50], "cut off: 11 of 12 triangles are there"),
        (stl_binary(count=2**32 - 1)[:-7], "cut off: 11 of 4294967295 triangles"),
        (stl_binary([], 12), "cut off: 0 of 12 triangles"),
        (stl_binary(count=0)[:-1], "declares 0 triangles, and is as long as 11 triangles and 49"),
        (stl_binary(count=5), "declares 5 triangles, and is as long as 12 triangles"),
        (stl_binary(count=5) + b"\0\0", "declares 5 triangles, .* 12 triangles and 2 bytes"),
        (stl_binary([]), "no triangles"),
        (b"\0" * 83, "83 bytes are no STL file"),
        (b"nothing", "7 bytes are no STL file"),
        ("solid", "a solid without facets"),
        ("solid a\nendsolid a\n", "a solid without facets"),
        (stl_text().partition("\n")[2], "does not begin with a solid"),
        (stl_text().replace("vertex 0 0 0", "vertex 0 0", 1), "line 2: a facet that is not"),
        (stl_text().replace("vertex 0 0 0", "vertex 0 o 0", 1), "line 4: .*not three numbers"),
        (stl_text().replace("vertex 0 0 0", "vertex 0 0,5 0", 1), "line 4: .*not three numbers"),
        (stl_text().replace("  vertex 0 0 0\n", "", 1), "line 2: a facet of 2 vertices, not 3"),
        (stl_text([(0, 2, 3, 1)]), "line 2: a facet of 4 vertices, not 3"),
        (stl_text().replace("endfacet", "end", 1), "line 2: cut off in the middle of this facet"),
        (stl_text().replace("endfacet\n", "endfacet\nbox 1 2 3\n", 1), 'line 9: "box 1 2 3" is no'),
        (stl_text().replace("endfacet\n", "endfacet\n\0\0\0\n", 1), "line 9: .* is no facet"),
        (stl_text().replace("cube\n", "cube 1\nand 2\n"), 'line 2: "and 2" is no facet'),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, file: str | bytes, reason: str) -> None:
    with pytest.raises(MeshError, match=rf"shape\.stl: .*{reason}.*(export|fetch)"):
        read_text(tmp_path, ".stl", file)


def test_a_text_that_ends_within_a_facet_is_refused(tmp_path: Path) -> None:
    whole = stl_text(TRIANGLES[:2])
    for end in range(1, len(whole)):
        done = whole[:end].count("endfacet")
        rest = whole[:end].rpartition("endfacet")[2].split()
        if done and (not rest or rest[0] in ("end", "endsolid")):
            assert len(read_text(tmp_path, ".stl", whole[:end]).faces) == done
        else:
            with pytest.raises(MeshError):
                read_text(tmp_path, ".stl", whole[:end])


def test_a_count_that_is_too_large_needs_a_closed_surface(tmp_path: Path) -> None:
    degenerate = [*TRIANGLES, (0, 0, 1), (0, 1, 0)]
    for faces, whole in ((TRIANGLES, True), (degenerate, True), (OPEN, False)):
        file = stl_binary(faces, len(faces) + 3)
        if whole:
            assert len(read_text(tmp_path, ".stl", file).faces) == len(faces)
        else:
            with pytest.raises(MeshError, match="cut off"):
                read_text(tmp_path, ".stl", file)


@pytest.mark.parametrize("shape", [trimesh.creation.icosphere(2), trimesh.creation.torus(2, 0.7)])
def test_regular_meshes_are_those_of_trimesh(tmp_path: Path, shape: trimesh.Trimesh) -> None:
    for file in (shape.export(file_type="stl"), shape.export(file_type="stl_ascii")):
        path = tmp_path / "a.stl"
        path.write_bytes(file if isinstance(file, bytes) else file.encode())
        np.testing.assert_array_equal(corners_of(read_stl(path)), corners_of(by_trimesh(path)))


def test_nothing_is_made_of_a_count(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="cut off: 0 of 4000000000"):
        read_text(tmp_path, ".stl", b"\0" * 80 + struct.pack("<I", 4_000_000_000) + b"\0" * 49)
