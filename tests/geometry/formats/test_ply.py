"""PLY files: text and binary, any elements and types, and what is cut off or no surface."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from mesh_files import (
    CUBE,
    ELL,
    QUADS,
    TRIANGLES,
    area,
    by_trimesh,
    corners_of,
    is_cube,
    ply_binary,
    ply_header,
    ply_text,
    read_text,
    surface,
)

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.ply import read_ply
from crossmodal.geometry.formats.ply_header import KINDS

MIXED = [QUADS[0], *TRIANGLES[2:6], *QUADS[3:]]
XYZ = "property float x\nproperty float y\nproperty float z\n"
INDICES = "property list uchar int vertex_indices\n"
POINTS = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n"
CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
         "f2": "e", "f4": "f", "f8": "d"}


def ply(vertex: str, face: str, body: str, counts: tuple[int, int] = (4, 2)) -> str:
    """A PLY of text with such properties."""
    return (f"ply\nformat ascii 1.0\nelement vertex {counts[0]}\n{vertex}"
            f"element face {counts[1]}\n{face}end_header\n{body}")


@pytest.mark.parametrize("faces", [QUADS, TRIANGLES, MIXED])
def test_text_and_binary_of_both_orders(tmp_path: Path, faces: list) -> None:
    files = (ply_text(faces), ply_binary(faces), ply_binary(faces, ">"))
    contents = [read_text(tmp_path, ".ply", file) for file in files]
    for content in contents:
        assert is_cube(content) and content.colours is None
        assert content.vertices.dtype == np.float64 and content.faces.dtype == np.int64
        np.testing.assert_array_equal(content.vertices, CUBE)
        np.testing.assert_array_equal(content.faces, contents[0].faces)
    if faces == QUADS:
        np.testing.assert_array_equal(contents[0].faces, TRIANGLES)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("ply\n", "ply\ncomment made by hand\nobj_info end_header 1\n"),
        lambda text: text.replace("ply\n", "ply\n\ncomment\n"),
        lambda text: text.replace("ascii 1.0\n", "ascii 1.0\nCreated by an old Blender\n"),
        lambda text: text.replace("end_header", "  end_header "),
        lambda text: text.replace("ply\n", "PLY \n"),
        lambda text: text.replace("float x", "double x").replace("float y", "float64 y"),
        lambda text: text.replace("uchar int vertex_indices", "uint8 uint32 vertex_index"),
        lambda text: text.replace("uchar int vertex_indices", "float double vertex_index"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("end_header\n", "end_header\n\n").replace(" ", " \t"),
        lambda text: text.replace("4 0 2 3 1", "4 0 2 3 1 # a comment"),
        lambda text: text + "\n\n\0\0",
        lambda text: text.rstrip("\n"),
        lambda text: text + "end of file\n",
        lambda text: text.replace("element face", "element nothing 7\nelement face"),
    ],
)
def test_ways_of_writing_the_same_text(tmp_path: Path, change) -> None:
    assert is_cube(read_text(tmp_path, ".ply", change(ply_text())))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1", "gbk"])
def test_encodings_of_text(tmp_path: Path, encoding: str) -> None:
    comment = "\u9519" if encoding == "gbk" else "St\u00fchle"
    text = ply_text().replace("ply\n", f"ply\ncomment {comment}\n")
    assert is_cube(read_text(tmp_path, ".ply", text.encode(encoding)))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: data + b"\r\n\0\0 and more bytes than a face has",
        lambda data: data.replace(b"ply\n", b"ply\ncomment St\xfchle\nobj_info \xb4\xed\n"),
        lambda data: data.replace(b"ply\n", b"ply\ncomment " + b"x" * 100_000 + b"\n"),
    ],
)
def test_comments_and_tails_of_binary(tmp_path: Path, change) -> None:
    for order in "<>":
        assert is_cube(read_text(tmp_path, ".ply", change(ply_binary(MIXED, order))))


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_the_body_begins_after_the_last_line_end_of_the_header(tmp_path: Path, end: bytes) -> None:
    header = (f"ply\nformat binary_big_endian 1.0\nelement vertex 3\n{XYZ.replace('float', 'char')}"
              f"element face 1\n{INDICES}end_header\n").encode().replace(b"\n", end)
    body = bytes([10, 0, 0, 1, 10, 0, 0, 1, 13, 3]) + struct.pack(">3i", 0, 1, 2)
    content = read_text(tmp_path, ".ply", header + body)  # 10 is a line feed, and a number here
    np.testing.assert_array_equal(content.vertices, [[10, 0, 0], [1, 10, 0], [0, 1, 13]])


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_every_type_of_number(tmp_path: Path, order: str, kind: str) -> None:
    name = next(word for word in KINDS if KINDS[word] == kind)
    names = {"<": "binary_little_endian", ">": "binary_big_endian"}
    header = (f"ply\nformat {names[order]} 1.0\nelement vertex 4\nproperty {name} x\n"
              f"property uchar flag\nproperty {name} y\nproperty list uchar {name} more\n"
              f"property {name} z\nelement face 2\nproperty {name} first\n"
              f"property list {name} {name} vertex_indices\nend_header\n").encode()
    code = CODES[kind]
    body = b"".join(struct.pack(f"{order}{code}B{code}B{row}{code}{code}", x, 9, y, row,
                                *[5] * row, 0)
                    for row, (x, y) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]))
    body += b"".join(struct.pack(f"{order}5{code}", 7, 3, *face) for face in ((0, 1, 2), (1, 3, 2)))
    content = read_text(tmp_path, ".ply", header + body)
    np.testing.assert_array_equal(content.vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    np.testing.assert_array_equal(content.faces, [[0, 1, 2], [1, 3, 2]])


@pytest.mark.parametrize("order", ["", "<", ">"])
def test_other_elements_and_lists_are_skipped(tmp_path: Path, order: str) -> None:
    names = {"": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}
    header = (f"ply\nformat {names[order]} 1.0\nelement camera 1\nproperty float view_px\n"
              "element face 2\nproperty list uchar float texcoord\nproperty uchar red\n" + INDICES
              + "property short flags\nelement list_of_words 2\nproperty list uint char word\n"
              f"element vertex 4\nproperty double nx\n{XYZ}element edge 1\nproperty int vertex1\n"
              "property int vertex2\nend_header\n").encode()
    rows = [("f", 5), ("B2fB", 2, 0.5, 0.5, 7), ("B3i", 3, 0, 1, 2), ("h", 1), ("BB", 0, 7),
            ("B3i", 3, 1, 3, 2), ("h", 1), ("I3b", 3, 1, 2, 3), ("I", 0)]
    rows += [("d3f", 9, x, y, 0) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))] + [("2i", 0, 1)]
    if order:
        body = b"".join(struct.pack(order + row[0], *row[1:]) for row in rows)
    else:
        lines = [row[1:] for row in rows]
        lines[1:4], lines[2:5] = [sum(lines[1:4], ())], [sum(lines[4:7], ())]
        body = "\n".join(" ".join(map(str, line)) for line in lines).encode()
    content = read_text(tmp_path, ".ply", header + body)
    np.testing.assert_array_equal(content.faces, [[0, 1, 2], [1, 3, 2]])
    assert area(content) == pytest.approx(1) and content.colours is None
    assert content.ignored == ("camera", "lines", "list_of_words")


def test_a_notch_stays_open(tmp_path: Path) -> None:
    points = "".join(f"{x} {y} {z}\n" for x, y, z in ELL)
    content = read_text(tmp_path, ".ply", ply(XYZ, INDICES, points + "6 0 1 2 3 4 5\n", (6, 1)))
    assert area(content) == pytest.approx(7)


@pytest.mark.parametrize("order", ["", "<", ">"])
def test_triangle_strips(tmp_path: Path, order: str) -> None:
    names = {"": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}
    header = (f"ply\nformat {names[order]} 1.0\nelement vertex 4\n{XYZ}element tristrips 1\n"
              "property list int int vertex_indices\nend_header\n").encode()
    strip = [8, 0, 1, 2, 3, -1, 0, 2, 1]
    body = (POINTS + " ".join(map(str, strip))).encode()
    if order:
        points = [float(word) for word in POINTS.split()]
        body = struct.pack(f"{order}12f9i", *points, *strip)
    content = read_text(tmp_path, ".ply", header + body)
    np.testing.assert_array_equal(content.faces, [[0, 1, 2], [2, 1, 3], [0, 2, 1]])


def test_faces_and_strips_together(tmp_path: Path) -> None:
    text = ply(XYZ, INDICES + "element tristrips 1\nproperty list int int vertex_indices\n",
               POINTS + "3 0 1 2\n3 1 3 2\n3 2 1 0\n")
    np.testing.assert_array_equal(read_text(tmp_path, ".ply", text).faces,
                                  [[0, 1, 2], [1, 3, 2], [2, 1, 0]])


RGB = "property {0} red\nproperty {0} green\nproperty {0} blue\n"


@pytest.mark.parametrize(
    ("kind", "first", "second", "colours"),
    [
        ("uchar", "255 0 1", "0 128 255", [[255, 0, 1], [0, 128, 255]]),
        ("uchar", "1 0 1", "0 1 1", [[1, 0, 1], [0, 1, 1]]),
        ("float", "1 0 0.5", "0 0.2 1", [[255, 0, 128], [0, 51, 255]]),
        ("float", "1 0 nan", "0 0.2 -3", [[255, 0, 0], [0, 51, 0]]),
        ("ushort", "65535 0 257", "0 32896 65535", [[255, 0, 1], [0, 128, 255]]),
    ],
)
def test_colours_of_faces(tmp_path: Path, kind: str, first: str, second: str, colours) -> None:
    text = ply(XYZ, INDICES + RGB.format(kind), f"{POINTS}3 0 1 2 {first}\n3 1 3 2 {second}\n")
    np.testing.assert_array_equal(read_text(tmp_path, ".ply", text).colours, colours)
    text = ply(XYZ, RGB.format(kind) + "property uchar alpha\n" + INDICES,
               f"{POINTS}{first} 255 4 0 1 3 2\n{second} 255 3 1 3 2\n")
    np.testing.assert_array_equal(read_text(tmp_path, ".ply", text).colours,
                                  [colours[0], colours[0], colours[1]])


@pytest.mark.parametrize(("kind", "one"), [("uchar", "255"), ("float", "1")])
def test_colours_of_vertices(tmp_path: Path, kind: str, one: str) -> None:
    rows = [f"{x} {y} 0 {red} 0 0" for x, y, red in
            ((0, 0, one), (1, 0, one), (0, 1, 0), (1, 1, 0))]
    text = ply(XYZ + RGB.format(kind), INDICES, "\n".join(rows) + "\n3 0 1 2\n3 1 3 2\n")
    content = read_text(tmp_path, ".ply", text)
    np.testing.assert_array_equal(content.colours, [[170, 0, 0], [85, 0, 0]])
    np.testing.assert_array_equal(content.colours, by_trimesh(tmp_path / "shape.ply").colours)


def test_textures_are_left_out(tmp_path: Path) -> None:
    text = ply_text().replace("ply\n", "ply\ncomment TextureFile wood.png\n")
    assert read_text(tmp_path, ".ply", text).ignored == ("textures",)


GOOD = f"{POINTS}3 0 1 2\n3 1 3 2\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no ply", 'no PLY file: it begins with "no ply"'),
        ("plywood\n", "no PLY file"),
        ("ply\nformat ascii 1.0\nelement vertex 3\n", "no end_header, the file is cut off"),
        (ply_text().replace("format ascii 1.0\n", ""), "does not name the format"),
        (ply_text().replace("ascii", "binary_middle_endian"), "line 2: .*unknown format"),
        (ply_text().replace("float x", "quad x"), "line 4: .*unknown type 'quad'"),
        (ply_text().replace("float y", "float x"), "line 5: .*twice"),
        (ply_text().replace("element face", "element vertex"), "line 7: .*twice"),
        (ply_text().replace("vertex 8", "vertex -8"), "line 3: .*name and a count"),
        (ply_text().replace("vertex 8", "vertex " + "8" * 5000), "line 3|cut off"),
        (ply_text().replace("property float x", "size float x"), "line 4: .*no statement"),
        (ply_text().replace("element vertex 8\n", ""), "line 3: .*no statement"),
        (ply_text().replace("list uchar int", "list int"), "line 8: .*a property has"),
        (ply_text().replace("float z", "float w"), "the vertices have no z"),
        (ply_text().replace("vertex_indices", "corners"), 'element "face" has no list vertex_ind'),
        (ply_text().replace("element vertex", "element node"), "no vertices; .*node, face"),
        (ply_text().replace("element face", "element patch"), "8 points, no faces .other.*: patch"),
        (ply(XYZ, "", POINTS, (4, 0)).replace("element face 0\n", ""), "4 points, no faces"),
        (ply(XYZ, INDICES, POINTS, (4, 0)), "4 points, no faces"),
        (ply(XYZ, INDICES, POINTS + "2 0 1\n0\n"), "4 points, no faces"),
        (ply(XYZ, INDICES, POINTS + "3 0 1 2\n"), "cut off.*: 1 of 2 faces are there"),
        (ply(XYZ, INDICES, "0 0 0\n"), "cut off.*: 1 of 4 vertices are there"),
        (ply(XYZ, INDICES, GOOD, (4, 10**12)), "cut off.*: 2 of 1000000000000 faces"),
        (ply(XYZ, INDICES, GOOD + "3 0 2 1\n"), 'line 16: "3 0 2 1" follows the 6 rows'),
        (ply(XYZ, INDICES, POINTS + "3 0 1 2\n3 1 3\n"), "line 15: .*fewer numbers"),
        (ply(XYZ, INDICES, POINTS + "3 0 1 2\n3 1 3 2 0\n"), "line 15: .*more numbers"),
        (ply(XYZ, INDICES, GOOD.replace("1 1 0", "1 1")), "line 13: .*fewer numbers"),
        (ply(XYZ, INDICES, GOOD.replace("1 1 0", "1 1 0 0")), "line 13: .*more numbers"),
        (ply(XYZ, INDICES, GOOD.replace("1 1 0", "1 l 0")), 'line 13: .*"1 l 0"'),
        (ply(XYZ, INDICES, GOOD.replace("3 1 3 2", "-3 1 3 2")), "line 15: .*no count"),
        (ply(XYZ, INDICES, GOOD.replace("3 1 3 2", "3.5 1 3 2")), "line 15: .*no count"),
        (ply(XYZ, INDICES, GOOD.replace("3 1 3 2", "1e300 1 3 2")), "line 15: .*no count"),
        (ply(XYZ, INDICES, GOOD.replace("3 1 3 2", "3 1 3 4")), "face 1: .*names vertex 4"),
        (ply(XYZ, INDICES, GOOD.replace("3 1 3 2", "3 1 3 -1")), "face 1: .*names vertex -1"),
        (ply(XYZ, INDICES, GOOD.replace("3 1 3 2", "3 1 3 1.5")), 'index of "face" is 1.5'),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(MeshError, match=rf"shape\.ply: .*({reason})"):
        read_text(tmp_path, ".ply", text)


def test_an_unknown_element_of_faces_is_part_of_the_shape(tmp_path: Path) -> None:
    text = ply(XYZ, INDICES + "element patch 1\n" + INDICES, GOOD + "4 0 1 3 2\n")
    with pytest.raises(MeshError, match='"patch" holds vertex indices and is not known'):
        read_text(tmp_path, ".ply", text)


@pytest.mark.parametrize("faces", [QUADS, MIXED])
def test_a_binary_file_that_is_cut_off_says_what_is_there(tmp_path: Path, faces: list) -> None:
    whole = ply_binary(faces)
    start = len(ply_header(faces, "binary_little_endian"))
    vertices_end = start + 8 * 12
    for end in range(start, len(whole)):
        with pytest.raises(MeshError) as caught:
            read_text(tmp_path, ".ply", whole[:end])
        if end < vertices_end:
            assert f"{(end - start) // 12} of 8 vertices are there" in str(caught.value)
        else:
            there = sum(end >= vertices_end + done for done in
                        np.cumsum([1 + 4 * len(face) for face in faces]))
            assert f"{there} of {len(faces)} faces are there" in str(caught.value)


@pytest.mark.parametrize(("element", "count"), [("vertex", 2**62), ("face", 2**40)])
def test_no_memory_is_taken_for_what_a_header_claims(
    tmp_path: Path, element: str, count: int
) -> None:
    for data in (ply_binary(), ply_binary(MIXED), ply_text().encode()):
        head, _, tail = data.partition(f"element {element} ".encode())
        claim = head + f"element {element} {count}".encode() + tail[1:]
        with pytest.raises(MeshError, match=f"of {count}"):
            read_text(tmp_path, ".ply", claim)


def test_a_list_that_is_longer_than_the_file(tmp_path: Path) -> None:
    data = bytearray(ply_binary(MIXED))
    data[len(ply_header(MIXED, "binary_little_endian")) + 8 * 12] = 255
    with pytest.raises(MeshError, match=f"0 of {len(MIXED)} faces"):
        read_text(tmp_path, ".ply", bytes(data))


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
@pytest.mark.parametrize("colours", [None, "vertex", "face"])
def test_regular_meshes_are_those_of_trimesh(tmp_path: Path, encoding: str, colours) -> None:
    for shape in (trimesh.creation.icosphere(2), trimesh.creation.torus(2, 0.7)):
        random = np.random.default_rng(0)
        if colours == "vertex":
            shape.visual.vertex_colors = random.integers(0, 256, (len(shape.vertices), 3))
        elif colours:
            shape.visual.face_colors = random.integers(0, 256, (len(shape.faces), 3))
        (tmp_path / "a.ply").write_bytes(shape.export(file_type="ply", encoding=encoding))
        mine, theirs = read_ply(tmp_path / "a.ply"), by_trimesh(tmp_path / "a.ply")
        # trimesh rounds the numbers of a text to float32.
        np.testing.assert_allclose(corners_of(mine), corners_of(theirs), rtol=0, atol=1e-7)
        if colours:
            np.testing.assert_array_equal(mine.colours, theirs.colours)


def test_mixed_polygons_are_those_of_trimesh(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".ply", ply_text(MIXED))
    theirs = by_trimesh(tmp_path / "shape.ply")
    np.testing.assert_array_equal(surface(corners_of(content)), surface(corners_of(theirs)))
