"""OFF files: what their keyword and counts say, polygons, colours, and what is refused."""

from __future__ import annotations

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
    off_text,
    read_text,
    surface,
)

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.off import read_off

POINTS = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n"


def test_quads_are_fans_in_the_order_of_the_file(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".off", off_text())
    np.testing.assert_array_equal(content.vertices, CUBE)
    np.testing.assert_array_equal(content.faces, TRIANGLES)
    assert content.colours is None and content.ignored == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("OFF\n8 6 0", "OFF 8 6 0"),
        lambda text: text.replace("OFF\n8 6 0", "OFF8 6 0"),  # as in ModelNet40
        lambda text: text.replace("OFF\n8 6 0", "OFF 8 6"),
        lambda text: text.replace("OFF", "off"),
        lambda text: text.replace("OFF", "# first\n\n OFF # the cube"),
        lambda text: text.replace("\n", " # a comment\n# another\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace(" ", "\t ").replace("\n", " \n\n\t"),
        lambda text: text + "\0\0\0",
        lambda text: text + "\x1a",
        lambda text: text.rstrip("\n"),
        lambda text: text + "made by hand\n",
        lambda text: text.replace("8 6 0", "8 6 12"),
        lambda text: text.replace("\n1 ", "\n1.0 ").replace("\n0 ", "\n0e0 "),
    ],
)
def test_ways_of_writing_the_same(tmp_path: Path, change) -> None:
    assert is_cube(read_text(tmp_path, ".off", change(off_text())))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = off_text().replace("OFF", "OFF # Würfel")
    assert is_cube(read_text(tmp_path, ".off", text.encode(encoding)))


def test_mixed_polygons_and_a_notch(tmp_path: Path) -> None:
    faces = [QUADS[0], *TRIANGLES[2:6], *QUADS[3:]]
    assert is_cube(read_text(tmp_path, ".off", off_text(faces)))
    text = "OFF 6 1 6\n" + "".join(f"{x} {y} {z}\n" for x, y, z in ELL) + "6 0 1 2 3 4 5\n"
    assert area(read_text(tmp_path, ".off", text)) == pytest.approx(7)


def test_faces_of_one_or_two_corners_have_no_surface(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".off", f"OFF 4 4 0\n{POINTS}1 0\n3 0 1 2\n2 0 1\n3 1 3 2\n")
    np.testing.assert_array_equal(content.faces, [[0, 1, 2], [1, 3, 2]])
    assert content.ignored == ("points", "lines")


@pytest.mark.parametrize(
    ("first", "second", "colours"),
    [
        ("255 0 0", "0 128 255", [[255, 0, 0], [0, 128, 255]]),
        ("255 0 0 255", "0 128 255 0", [[255, 0, 0], [0, 128, 255]]),
        ("1.0 0 0.5", "0 0.2 1", [[255, 0, 128], [0, 51, 255]]),
        ("1 0 0 1", "", [[255, 0, 0], [102, 102, 102]]),
        ("3", "7", None),  # colours of a table that the file does not hold
        ("", "", None),
    ],
)
def test_colours_of_faces(tmp_path: Path, first: str, second: str, colours) -> None:
    text = f"OFF 4 2 0\n{POINTS}3 0 1 2 {first}\n3 1 3 2 {second}\n"
    content = read_text(tmp_path, ".off", text)
    if colours is None:
        assert content.colours is None
    else:
        np.testing.assert_array_equal(content.colours, colours)
    quad = read_text(tmp_path, ".off", f"OFF 4 1 0\n{POINTS}4 0 1 3 2 9 8 7\n")
    np.testing.assert_array_equal(quad.colours, [[9, 8, 7]] * 2)


@pytest.mark.parametrize(
    ("keyword", "more", "coloured"),
    [
        ("COFF", "255 0 0 255", True),
        ("COFF", "255 0 0", True),
        ("NOFF", "0 0 1", False),
        ("CNOFF", "0 0 1 1.0 0.0 0.0 1.0", True),
        ("STOFF", "0.5 0.5", False),
        ("STCNOFF", "0 0 1 255 0 0 255 0.5 0.5", True),
        ("OFF", "7 8 9", False),
    ],
)
def test_what_else_vertices_have(tmp_path: Path, keyword: str, more: str, coloured: bool) -> None:
    points = POINTS.replace("\n", f" {more}\n")
    content = read_text(tmp_path, ".off", f"{keyword}\n4 2 0\n{points}3 0 1 2\n3 1 3 2\n")
    np.testing.assert_array_equal(content.vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    assert (content.colours is not None) == coloured
    assert content.ignored == (("textures",) if "ST" in keyword else ())
    if coloured:
        np.testing.assert_array_equal(content.colours, [[255, 0, 0]] * 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("OFF BINARY\n\0\0\0\x04", "OFF BINARY is not read; export it as text"),
        ("4OFF\n1 0 0\n", '"4OFF" has vertices of other than three dimensions'),
        ("nOFF 3\n1 0 0\n", '"nOFF" has vertices of other than three dimensions'),
        ("OFFICE 1 2 3", "no OFF file: it begins with \"OFFICE"),
        ("8 6 0", "no OFF file: it begins with \"8 6 0"),
        ("# nothing\n", "no OFF file"),
        ("OFF\n", "line 1: .*counts"),
        ("OFF\n# counts\n\n8\n", 'line 4: "8" in place of the counts'),
        ("OFF 4 x 0\n", "line 1: .*counts"),
        ("OFF -4 1 0\n", "line 1: .*counts"),
        ("OFF 4 1 0 0\n", "line 1: .*counts"),
        ("OFF " + "9" * 5000 + " 1 0\n", "line 1: a count is too large|cut off"),
        (f"OFF 99999999999 1 0\n{POINTS}", "cut off: 4 of 99999999999 vertices and 0 of 1 faces"),
        (f"OFF 4 99999999999 0\n{POINTS}3 0 1 2", "cut off: .* 1 of 99999999999 faces"),
        (f"OFF 4 2 0\n{POINTS}3 0 1 2\n", "cut off: 4 of 4 vertices and 1 of 2 faces are there"),
        (f"OFF 4 1 0\n{POINTS}3 0 1 2\n3 1 3 2\n", 'line 7: "3 1 3 2" follows the 4 .*declares'),
        (f"OFF 4 1 0\n{POINTS}4 0 1 2\n", "line 6: .*fewer corners than it declares"),
        (f"OFF 4 1 0\n{POINTS}3 0 1 2 3 3\n", "line 6: .*more corners than it declares"),
        (f"OFF 4 1 0\n{POINTS}3 0 1 4\n", "line 6: a face names vertex 4, and there are 4"),
        (f"OFF 4 1 0\n{POINTS}3 0 1 -1\n", "line 6: a face names vertex -1"),
        (f"OFF 4 1 0\n{POINTS}3 0 1 1.5\n", "line 6: .*no integer"),
        (f"OFF 4 1 0\n{POINTS}3 0 1 nan\n", "line 6: .*no integer"),
        (f"OFF 4 1 0\n{POINTS}2.5 0 1 2\n", "line 6: .*number of its corners"),
        (f"OFF 4 1 0\n{POINTS}-3 0 1 2\n", "line 6: .*number of its corners"),
        (f"OFF 4 1 0\n{POINTS}1e300 0 1 2\n", "line 6: .*number of its corners"),
        (f"OFF 4 1 0\n{POINTS}3 a b c\n", 'line 6: a face with "3 a b c"'),
        ("OFF 3 1 0\n0 0 0\n1,5 0 0\n0 1 0\n3 0 1 2\n", 'line 3: a vertex with "1,5 0 0"'),
        ("OFF 3 1 0\n0 0 0\n1 0\n0 1 0\n3 0 1 2\n", "line 3: .*fewer than three numbers"),
        (f"OFF 4 0 0\n{POINTS}", "4 points, no faces"),
        (f"OFF 4 1 0\n{POINTS}2 0 1\n", "4 points, no faces"),
        (f"OFF 4 1 0\n{POINTS}3 0 \0 1 2\n", "line 6"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(MeshError, match=rf"shape\.off: ({reason})"):
        read_text(tmp_path, ".off", text)


@pytest.mark.parametrize("shape", [trimesh.creation.icosphere(2), trimesh.creation.torus(2, 0.7)])
def test_regular_meshes_are_those_of_trimesh(tmp_path: Path, shape: trimesh.Trimesh) -> None:
    shape.export(tmp_path / "a.off")
    mine, theirs = read_off(tmp_path / "a.off"), by_trimesh(tmp_path / "a.off")
    np.testing.assert_array_equal(corners_of(mine), corners_of(theirs))


def test_quads_are_those_of_trimesh(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".off", off_text())
    theirs = by_trimesh(tmp_path / "shape.off")
    np.testing.assert_array_equal(surface(corners_of(content)), surface(corners_of(theirs)))
