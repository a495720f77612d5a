"""OBJ files: every way of writing a shape that is read, and what is refused."""

from __future__ import annotations

import os
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
    obj_text,
    read_text,
    surface,
)

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats import obj_lines
from crossmodal.geometry.formats.obj import read_obj

CORNER = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def test_quads_are_fans_in_the_order_of_the_file(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".obj", obj_text())
    np.testing.assert_array_equal(content.vertices, CUBE)
    np.testing.assert_array_equal(content.faces, TRIANGLES)
    assert content.vertices.dtype == np.float64 and content.faces.dtype == np.int64
    assert content.colours is None and content.parts == 1 and content.ignored == ()


@pytest.mark.parametrize("form", ["{}", "{}/9", "{}//9", "{}/9/9", "{}/", "{}//"])
def test_texture_and_normal_of_a_corner_are_not_looked_at(tmp_path: Path, form: str) -> None:
    lines = ["f " + " ".join(form.format(corner + 1) for corner in face) for face in QUADS]
    content = read_text(tmp_path, ".obj", obj_text(()) + "\n".join(lines))
    assert is_cube(content)


def test_forms_of_corners_and_sizes_of_polygons_may_differ(tmp_path: Path) -> None:
    text = obj_text(()) + ("f 1/1 3//2 4/5/6 2\nf 5 6 8\nf 5 8 7\nf 1 2 6 5\nf 3 7 8 4\n"
                           "f 1 5 7 3\nf 2 4 8 6\n")
    assert is_cube(read_text(tmp_path, ".obj", text))


def test_relative_indices_count_back_from_their_face(tmp_path: Path) -> None:
    lines = [f"v {x} {y} {z}" for x, y, z in CUBE]
    for a, b, c, d in QUADS:
        lines.append(f"f {a - 8}/1 {b - 8} {c - 8} {d - 8}")
    assert is_cube(read_text(tmp_path, ".obj", "\n".join(lines)))
    soup = [f"v {x} {y} {z}\n" for face in TRIANGLES for x, y, z in (CUBE[k] for k in face)]
    text = "".join("".join(soup[k:k + 3]) + "f -3 -2 -1\n" for k in range(0, 36, 3))
    assert is_cube(read_text(tmp_path, ".obj", text))


def test_a_face_may_stand_before_its_vertices(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".obj", "f 1 2 3\n" + CORNER)
    np.testing.assert_array_equal(content.faces, [[0, 1, 2]])


def test_a_notch_stays_open(tmp_path: Path) -> None:
    text = "".join(f"v {x} {y} {z}\n" for x, y, z in ELL) + "f 1 2 3 4 5 6\n"
    assert area(read_text(tmp_path, ".obj", text)) == pytest.approx(7)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace(" ", "\t"),
        lambda text: text.replace("v ", "  v   ").replace("f ", " \t f\t "),
        lambda text: text.replace("\n", "  \t\n\n"),
        lambda text: text.replace("\n", " # a comment\n"),
        lambda text: text.replace("\n", "#a comment\n# f 1 2 3\n"),
        lambda text: text.replace(" ", " \\\n "),
        lambda text: text.replace("f 1 3", "f \\  \r\n 1\\\n3"),
        lambda text: "# C:\\models\\\n" + text,
        lambda text: text.upper(),
        lambda text: text.replace("f ", "fo "),
        lambda text: text.rstrip("\n"),
        lambda text: text + "\0" * 100,
        lambda text: text + "\x1a",
        lambda text: "vn 0 0 1\nvt 0 0\nvp 1 2\ns 1\ng\no\nlod 3\n" + text,
        lambda text: "# Maya\nsome_program a b\nusemap off\n" + text,
    ],
)
def test_ways_of_writing_the_same_lines(tmp_path: Path, change) -> None:
    assert is_cube(read_text(tmp_path, ".obj", change(obj_text())))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1", "utf-8"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "# Stühle\ng Rückenlehne\nusemtl grün\n" + obj_text()
    assert is_cube(read_text(tmp_path, ".obj", text.encode(encoding)))


def test_a_byte_of_a_chinese_name_is_no_backslash(tmp_path: Path) -> None:
    name = "乗".encode("gbk")
    assert name.endswith(b"\\")  # the next line would be lost
    text = b"usemtl " + name + b"\n" + obj_text().encode()
    assert is_cube(read_text(tmp_path, ".obj", text))


def test_positions_are_what_python_reads(tmp_path: Path) -> None:
    words = ["0.1", "1e-7", "-1.7976931348623157e308", "123456789.123456789", "+.5", "5E-324",
             "0.30000000000000004", "7.", "-0"]
    text = "".join(f"v {' '.join(words[k:k + 3])}\n" for k in (0, 3, 6)) + "f 1 2 3\n"
    content = read_text(tmp_path, ".obj", text)
    np.testing.assert_array_equal(content.vertices.reshape(-1), [float(word) for word in words])


def test_long_files_are_read_as_short_ones(tmp_path: Path, monkeypatch) -> None:
    text = obj_text(QUADS * 40).replace("f 2 4", "f 2/1 4/1/3")
    fast = read_text(tmp_path, ".obj", text)
    monkeypatch.setattr(obj_lines, "LONG", 2 * len(text))
    np.testing.assert_array_equal(read_text(tmp_path, ".obj", text).faces, fast.faces)
    assert len(fast.faces) == 480


def test_long_files_are_refused_as_short_ones(tmp_path: Path) -> None:
    for bad in ("f 1-2 3\nf 1 2 /3\n", "f 1 2 3.0\n", "f 1 2 3x\n", "f 1 2 +\n"):
        with pytest.raises(MeshError, match=f"line 489: \"{bad.split(chr(10))[0]}"):
            read_text(tmp_path, ".obj", obj_text(QUADS * 80) + bad + "f 1 2 3\n" * 99)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f 1 2 4", 'line 4: a face names vertex 4, and there are 3'),
        ("f 1 2 -4", "line 4: a face names vertex -4, and there are 3"),
        ("f 0 1 2", "line 4: a face names vertex 0"),
        ("f 1 2", "line 4: cut off in the middle of this face"),
        ("f 1 2 3\n  F 1 ", "line 5: cut off in the middle of this face"),
        ("f 1 2\n", "3 vertices and lines, no faces"),
        ("f 1 2 3\nf\nf 1 2 3", "line 5: .*a face without corners"),
        ("f 1 2 x", 'line 4: "f 1 2 x": not a number'),
        ("f 1 2 3.5", "line 4: .*not a number"),
        ("f 1 2 /3", "line 4"),
        ("f 1 2 3\n\nf 1 2 99999999999999999999", "line 6"),
        ("v 1 2\nf 1 2 3", "line 4: .*three numbers"),
        ("v 1,5 2,5 3\nf 1 2 3", 'line 4: "v 1,5 2,5 3": not a number'),
        ("f 1 2 3\nv1 2 3", "line 5: .*no statement"),
        ("f 1 2 3\nf1 2 3", "line 5: .*no statement"),
        ("f 1 2 3\n1 2 3", "line 5: .*no statement"),
        ("f 1 2 3\n\0\0\0f 1 2 3", "line 5: .*no statement"),
        ("f 1 2 3\nq 1 2 3", 'line 5: "q 1 2 3": an unknown statement'),
        ("f 1 2 3\ncstype bspline\nsurf 0 1 0 1 1 2 3", "line 6: .*free-form surfaces"),
        ("cstype bezier\ndeg 3 3\nsurf 0 1 0 1 1 2 3\nend", "line 6: .*free-form surfaces"),
        ("f 1 2 3\nbzp 1 2 3", "line 5: .*free-form surfaces"),
        ("call other.obj", "line 4: .*other files"),
        ("f 1 2 3\ncsh echo", "line 5: .*other files"),
        ("l 1 2\nl 2 3", "3 vertices and lines, no faces"),
        ("p 1\ncurv 0 1 1 2", "3 vertices and curves and points, no faces"),
        ("", "3 vertices, no faces"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(MeshError, match=rf"shape\.obj: {reason}.*(export|fetch)"):
        read_text(tmp_path, ".obj", CORNER + text)


def test_lines_and_points_beside_faces_are_left_out(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".obj", CORNER + "f 1 2 3\nl 1 2\np 3\ncurv2 1 2\n")
    assert content.ignored == ("curves", "lines", "points") and len(content.faces) == 1


def test_faces_of_one_or_two_corners_have_no_surface(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".obj", CORNER + "f 1 2 3\nf 1 2\nf 3\n")
    assert content.ignored == ("lines", "points") and len(content.faces) == 1


def test_parts_are_objects_and_groups_with_faces(tmp_path: Path) -> None:
    text = CORNER + ("o a\ng empty\ng one\nf 1 2 3\nusemtl x\nf 1 2 3\ng two # and more\nf 1 2 3\n"
                     "o b\nf 1 2 3\no a\ng one\nf 1 2 3\n")
    assert read_text(tmp_path, ".obj", text).parts == 3


def test_colours_of_vertices_are_those_of_trimesh(tmp_path: Path) -> None:
    text = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0.5 1\nv 1 1 0 1 1 1\nf 1 2 3\nf 3 2 4\n"
    content = read_text(tmp_path, ".obj", text)
    np.testing.assert_array_equal(content.colours, [[85, 127, 85], [85, 212, 170]])
    np.testing.assert_array_equal(content.colours, by_trimesh(tmp_path / "shape.obj").colours)
    bytes_too = read_text(tmp_path, ".obj", "v 0 0 0 255 0 9\n" * 2 + "v 0 1 0 255 0 9\nf 1 2 3")
    np.testing.assert_array_equal(bytes_too.colours, [[255, 0, 9]])


def test_a_weight_is_no_colour(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".obj", "v 0 0 0 1\nv 1 0 0 1\nv 0 1 0 0.5\nf 1 2 3\n")
    assert content.colours is None and area(content) == 0.5


def test_some_vertices_without_colour_are_grey(tmp_path: Path) -> None:
    content = read_text(tmp_path, ".obj", CORNER + "v 1 1 1 1 1 1\nf 1 2 3\nf 4 4 4\n")
    np.testing.assert_array_equal(content.colours, [[102] * 3, [255] * 3])


MTL = ("newmtl red\nKd 1 0 0\nmap_Kd wood.png\n\nnewmtl plain\nKa 1 1 1\n"
       "newmtl my blue # 7\nkd 0 0 0.5 # dark\nnewmtl spectrum\nKd spectral file.rfl\n"
       "newmtl half\nKd 0.5\n")
FACES = ("f 1 2 3\nusemtl red\nf 1 2 3\nusemtl plain\nf 1 2 3\nusemtl my blue\nf 1 2 3\n"
         "usemtl my blue # 7\nf 1 2 3\nusemtl spectrum\nf 1 2 3\nusemtl half\nf 1 2 3\n"
         "usemtl absent\nf 1 2 3\nusemtl red # again\nf 1 2 3\n")
GREY = [102] * 3
COLOURS = [GREY, [255, 0, 0], GREY, [0, 0, 128], [0, 0, 128], GREY, [128] * 3, GREY, [255, 0, 0]]


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("a.mtl", "mtllib a.mtl"),
        ("my wood.mtl", "mtllib my wood.mtl"),
        ("maps/a.mtl", r"mtllib .\maps\a.mtl"),
        ("a.mtl", "mtllib a.mtl # of last year"),
        ("a.mtl", "mtllib   a.mtl \t"),
    ],
)
def test_materials_beside_the_file(tmp_path: Path, name: str, statement: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(MTL)
    content = read_text(tmp_path, ".obj", statement + "\n" + CORNER + FACES)
    np.testing.assert_array_equal(content.colours, COLOURS)
    assert content.ignored == ("textures",)


def test_several_materials_libraries(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_bytes("newmtl grün\nKd 0 1 0\n".encode("utf-16"))
    (tmp_path / "b.mtl").write_text("newmtl blue\r\nKd 0 0 1\r\n")
    text = "mtllib a.mtl b.mtl c.mtl\n" + CORNER + "usemtl grün\nf 1 2 3\nusemtl blue\nf 1 2 3\n"
    content = read_text(tmp_path, ".obj", text)
    np.testing.assert_array_equal(content.colours, [[0, 255, 0], [0, 0, 255]])
    assert content.ignored == ("materials",)


@pytest.mark.parametrize("name", ["../out.mtl", "in/../../out.mtl", "ABSOLUTE", "link.mtl",
                                  "linked/out.mtl", "loop.mtl", "folder", "x\0y", "n" * 5000, ""])
def test_no_file_outside_of_the_folder_is_opened(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "shapes"
    (folder / "folder").mkdir(parents=True)
    (folder / "in").mkdir()
    (tmp_path / "out.mtl").write_text(MTL)
    (folder / "link.mtl").symlink_to(tmp_path / "out.mtl")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "loop.mtl").symlink_to("loop.mtl")
    name = name.replace("ABSOLUTE", str(tmp_path / "out.mtl"))
    content = read_text(folder, ".obj", f"mtllib {name}\n" + CORNER + "usemtl red\nf 1 2 3\n")
    assert content.colours is None and content.ignored == ("materials",)


def test_a_linked_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to("there")
    (tmp_path / "here" / "a.mtl").write_text(MTL)
    text = "mtllib a.mtl\n" + CORNER + "usemtl red\nf 1 2 3\n"
    assert read_text(tmp_path / "here", ".obj", text).colours is not None


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"st\xfchl.obj")
    path.write_text("mtllib st\xfchl.mtl\n" + obj_text(), encoding="latin-1")
    path.with_suffix(".mtl").write_text(MTL)
    content = read_obj(path)
    assert is_cube(content) and content.ignored == ("textures",)
    path.write_text("f 1 2 3\n")
    with pytest.raises(MeshError, match="hl.obj: line 1: a face names vertex 1") as caught:
        read_obj(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("shape", [trimesh.creation.icosphere(2), trimesh.creation.torus(2, 0.7),
                                   trimesh.creation.box((1, 2, 3))])
def test_regular_meshes_are_those_of_trimesh(tmp_path: Path, shape: trimesh.Trimesh) -> None:
    path = tmp_path / "a.obj"
    for colours in (None, "vertex", "texture"):
        copy = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
        random = np.random.default_rng(0)
        if colours == "vertex":
            copy.visual.vertex_colors = random.integers(0, 256, (len(copy.vertices), 3))
        elif colours:
            copy.visual = trimesh.visual.TextureVisuals(
                random.uniform(0, 1, (len(copy.vertices), 2)),
                trimesh.visual.material.SimpleMaterial(diffuse=[10, 200, 30]))
        copy.export(path)
        mine, theirs = read_obj(path), by_trimesh(path)
        np.testing.assert_array_equal(corners_of(mine), corners_of(theirs))
        if colours:
            np.testing.assert_array_equal(mine.colours, theirs.colours)


def test_mixed_polygons_are_those_of_trimesh(tmp_path: Path) -> None:
    path = tmp_path / "prism.obj"
    ring = [(np.cos(k), np.sin(k)) for k in np.arange(7) * 2 * np.pi / 7]
    lines = [f"v {x:.6f} {y:.6f} {z}" for z in (0, 1) for x, y in ring]
    lines += ["f " + " ".join(map(str, range(7, 0, -1))), "f " + " ".join(map(str, range(8, 15)))]
    lines += [f"f {k + 1} {(k + 1) % 7 + 1} {(k + 1) % 7 + 8} {k + 8}" for k in range(7)]
    path.write_text("\n".join(lines))
    np.testing.assert_array_equal(surface(corners_of(read_obj(path))),
                                  surface(corners_of(by_trimesh(path))))
