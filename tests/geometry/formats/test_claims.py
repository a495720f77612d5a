"""Mesh files that claim or name more than they may: refused by name, whatever they take."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from mesh_files import TRIANGLES, obj_text

from crossmodal.geometry import binvox
from crossmodal.geometry.formats import obj_lines, obj_materials, polygons, text
from crossmodal.geometry.formats.beside import Folder, NotBeside
from crossmodal.geometry.formats.companions import companions
from crossmodal.geometry.formats.polygons import triangles_of_strips, triangulate
from crossmodal.geometry.formats.registry import SUFFIXES, read
from crossmodal.geometry.mesh import MeshError, load_mesh, make_mesh

TRIANGLE = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
PLY = (b"ply\nformat %s 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
       b"property float z\nelement face %d\nproperty list %s uchar vertex_indices\nend_header\n")
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()


def refused(path: Path, data: bytes, why: str, most: int = 64 * 2**20) -> None:
    """The file is refused in one line that names it and says why, without much memory."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(MeshError, match=why) as caught:
            load_mesh(path)
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message and len(message) < 500


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name on this system")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_pipe_is_no_mesh(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"a{suffix}")
    with pytest.raises(MeshError, match=f"a{suffix}"):
        load_mesh(tmp_path / f"a{suffix}")
    assert companions(tmp_path / f"a{suffix}") == []


def test_an_archive_of_zeros(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, kind in (("v", "<f8"), ("f", "<i8")):
            with archive.open(f"{name}.npy", "w") as file:
                header = {"descr": kind, "fortran_order": False, "shape": (2**20 * 6, 3)}
                np.lib.format.write_array_header_1_0(file, header)
                for _ in range(9):
                    file.write(bytes(2**24))
    refused(tmp_path / "a.npz", (tmp_path / "a.npz").read_bytes(), "2 arrays in it would take")


def test_small_numbers_that_would_grow(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "vf":
            with archive.open(f"{name}.npy", "w") as file:
                np.save(file, np.zeros((6 * 2**20, 3), np.uint8))
    refused(tmp_path / "a.npz", (tmp_path / "a.npz").read_bytes(),
            "6291456 vertices and 6291456 faces would take 288.0 MiB of memory", 128 * 2**20)


def test_names_other_than_the_mesh_cost_nothing(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", v=np.eye(3), f=np.array([[0, 1, 2]]),
                        other=np.zeros(2**24, np.uint8))
    assert len(load_mesh(tmp_path / "a.npz").faces) == 1


@pytest.mark.parametrize("kind, order", [(b"ascii", ""), (b"binary_little_endian", "<")])
def test_counts_of_a_ply(tmp_path: Path, kind: bytes, order: str) -> None:
    path = tmp_path / "a.ply"
    face = b"0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n" if kind == b"ascii" else CORNERS + b"\3\0\1\2"
    refused(path, PLY % (kind, 2**60, b"uchar") + face, "1 of 1152921504606846976 faces are there")
    refused(path, (PLY % (kind, 1, b"uchar")).replace(b"face 1", b"face " + b"9" * 5000) + face,
            "too many rows")
    many = b"".join(b"property char a%d\n" % number for number in range(20_000))
    refused(path, (PLY % (kind, 1, b"uchar")).replace(b"end_header", many + b"end_header") + face,
            "more than 10000 elements or properties")
    many = b"".join(b"element a%d 0\n" % number for number in range(20_000))
    refused(path, (PLY % (kind, 1, b"uchar")).replace(b"end_header", many + b"end_header") + face,
            "too many elements")


def test_a_list_of_gigabytes(tmp_path: Path) -> None:
    data = PLY % (b"binary_little_endian", 1, b"uint") + CORNERS
    refused(tmp_path / "a.ply", data + struct.pack("<I", 2**31) + b"\0\1\2", "0 of 1 faces are")


def test_a_polygon_of_a_million_corners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polygons, "LARGEST", 1000)
    refused(tmp_path / "a.obj", TRIANGLE + b"f" + b" 1 2 3" * 400, "a polygon of 1200 corners")


def test_polygons_that_take_long_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting ears takes a time that grows with the square of the corners."""
    ring = b"v 0 0 0\nv 2 0 0\nv 2 2 0\nv 1 .5 0\nv 0 2 0\n"
    monkeypatch.setattr(polygons, "MOST_WORK", 25 * 10)
    (tmp_path / "b.obj").write_bytes(ring + b"f 4 5 1 2 3\nf 1 2 3 4 5\n" * 5)
    assert len(read(tmp_path / "b.obj").faces) == 30
    refused(tmp_path / "a.obj", ring + b"f 1 2 3 4 5\n" * 11, "line 16: a concave polygon of 5")


@pytest.mark.parametrize("at_once", [1, 2, 7, 1000])
def test_polygons_cut_in_groups_are_those_cut_at_once(monkeypatch: pytest.MonkeyPatch,
                                                      at_once: int) -> None:
    rng = np.random.default_rng(at_once)
    sizes = rng.integers(0, 7, 60)
    vertices, corners = rng.random((40, 3)), rng.integers(0, 40, sizes.sum())
    expected = triangulate(vertices, corners, sizes)
    strips = np.where(rng.random(300) < 0.1, -1, rng.integers(0, 9, 300))
    lengths = np.full(30, 10)
    expected_strips = triangles_of_strips(strips, lengths)
    monkeypatch.setattr(polygons, "AT_ONCE", at_once)
    for one, other in zip(triangulate(vertices, corners, sizes), expected):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(triangles_of_strips(strips, lengths), expected_strips)


def test_a_number_of_a_megabyte(tmp_path: Path) -> None:
    digits = b"1" * 2**20
    refused(tmp_path / "a.obj", TRIANGLE + b"f 1 2 -" + digits, "line 5.*not a number")
    refused(tmp_path / "a.off", b"OFF\n" + digits + b" 1 0\n", "a count is too large")
    refused(tmp_path / "a.off", b"C" * 2**20 + b"OFF", "no OFF file")
    refused(tmp_path / "b.obj", b"v 1e" + digits + b" 0 0\n" + TRIANGLE, "not finite")


def test_runs_without_faces_take_no_memory(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(b"g a\n" * 1000 + TRIANGLE + b"usemtl b\ng\n" * 1000)
    file = obj_lines.read_statements(tmp_path / "a.obj", (tmp_path / "a.obj").read_bytes())
    assert len(file.runs) == 2 and read(tmp_path / "a.obj").parts == 1


def test_the_wrong_line_is_found_by_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = obj_text(TRIANGLES).count("\n")
    calls: list[int] = []
    real = obj_lines._read_lines
    monkeypatch.setattr(obj_lines, "_read_lines",
                        lambda *given: calls.append(len(given[2])) or real(*given))
    data = obj_text(TRIANGLES).encode() + b"f 1 2 3\n" * 3000 + b"f 1 2 x\n" + b"f 1 2 3\n" * 900
    refused(tmp_path / "a.obj", data, f'line {lines + 3001}: "f 1 2 x": not a number')
    assert sum(calls) < 4 * 3901 and len(calls) < 40


def test_names_of_materials_without_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    real = obj_materials.read_bytes
    monkeypatch.setattr(obj_materials, "read_bytes", lambda path: reads.append(path) or real(path))
    looks: list[str] = []
    find = Folder.by_name
    monkeypatch.setattr(Folder, "by_name",
                        lambda self, name: looks.append(name) or find(self, name))
    (tmp_path / "a.mtl").write_bytes(b"newmtl a\nKd 1 0 0\n")
    (tmp_path / "a.obj").write_bytes(TRIANGLE + b"mtllib a.mtl\nmtllib ./a.mtl\n" * 500
                                     + b"mtllib" + b" none" * 9_000)
    assert len(read(tmp_path / "a.obj").faces) == 1
    assert len(reads) == 1 and len(looks) < 3_000


def test_textures_without_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    find = Folder.by_name
    monkeypatch.setattr(Folder, "by_name",
                        lambda self, name: looks.append(name) or find(self, name))
    for number in range(20):
        (tmp_path / f"{number}.mtl").write_bytes(
            b"".join(b"map_Kd %d.png\n" % name for name in range(500)))
    (tmp_path / "a.obj").write_bytes(TRIANGLE + b"".join(
        b"mtllib %d.mtl\n" % number for number in range(20)))
    assert len(companions(tmp_path / "a.obj")) == 20 and len(looks) < 1200


@pytest.mark.parametrize("name", ["../a", "/a", "C:\\a", "b/../../a", "..\\a", "a\0", "x" * 10**6,
                                  "a/" * 10**5, "", "http://host/a", "file:///etc/passwd"])
def test_names_that_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "model").mkdir()
    for find in (Folder(tmp_path / "model").by_name, Folder(tmp_path / "model").by_uri):
        with pytest.raises(NotBeside) as caught:
            find(name)
        assert len(str(caught.value)) < 200
    with pytest.raises(NotBeside):
        Folder(tmp_path / "model").by_uri(name.replace("/", "%2f").replace(".", "%2e") or "%2e%2e/")


def test_links_that_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "secret").touch()
    (tmp_path / "model" / "a").symlink_to(tmp_path / "secret")
    (tmp_path / "model" / "b").symlink_to(tmp_path)
    for name in ("a", "b/secret"):
        with pytest.raises(NotBeside, match="leads out of the model's folder"):
            Folder(tmp_path / "model").by_name(name)


def test_runs_of_voxels_that_are_a_bomb(tmp_path: Path) -> None:
    data = b"#binvox 1\ndim 1020 1020 510\ndata\n" + b"\1\xff" * 2_080_800
    (tmp_path / "a.binvox").write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(binvox.BinvoxError, match="530604000 voxels would take .* of memory"):
            binvox.read_binvox(tmp_path / "a.binvox")
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    (tmp_path / "a.binvox").write_bytes(b"#binvox 1\ndim " + b"9" * 9999 + b" 1 1\ndata\n\1\1")
    with pytest.raises(binvox.BinvoxError, match="a.binvox") as caught:
        binvox.read_binvox(tmp_path / "a.binvox")
    assert len(str(caught.value)) < 400


def test_a_mesh_is_checked_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the whole, and without a copy of all corners."""
    from crossmodal.geometry import mesh

    rng = np.random.default_rng(0)
    vertices, faces = rng.random((300, 3)), rng.integers(0, 250, (900, 3)).astype(np.int64)
    colours = rng.integers(0, 256, (900, 3), dtype=np.uint8)
    expected = make_mesh(vertices, faces, colours)
    used, flat = np.unique(faces[mesh._solid_faces(vertices, faces)], return_inverse=True)
    np.testing.assert_array_equal(expected.vertices, vertices[used].astype(np.float32))
    np.testing.assert_array_equal(expected.faces, flat.reshape(-1, 3))
    monkeypatch.setattr(mesh, "AT_ONCE", 7)
    found = make_mesh(vertices, faces, colours)
    for key in ("vertices", "faces", "colours"):
        np.testing.assert_array_equal(getattr(found, key), getattr(expected, key))


def test_rows_know_their_lines_without_a_number_each() -> None:
    rows = text.rows_of(Path("a"), b"1\n\n# x\n2 3\n", 5)
    assert list(rows.lines) == [5, 8] and rows.texts == [b"1", b"2 3"]
