"""glTF: triangles, strips and fans, what is no surface, and the same as trimesh where it can."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from gltf_files import CORNERS, HALVES, File, faces_of, good_files, scene, shape, square

from crossmodal.geometry.formats.gltf import read_gltf
from crossmodal.geometry.mesh import MeshError, load_mesh

A, B, C, D = CORNERS.tolist()


def corners(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_triangles(tmp_path: Path, dtype: type) -> None:
    content = shape(square(corners=HALVES.astype(dtype)), tmp_path)
    assert faces_of(content) == [[A, B, C], [A, C, D]]
    assert content.parts == 1 and content.ignored == () and content.colours is None
    assert content.vertices.dtype == np.float64 and content.faces.dtype == np.int64


def test_triangles_without_indices(tmp_path: Path) -> None:
    content = shape(square(vertices=CORNERS[[0, 1, 2, 0, 2, 3]], corners=None), tmp_path)
    assert faces_of(content) == [[A, B, C], [A, C, D]]


@pytest.mark.parametrize("indexed", [True, False])
def test_a_strip_keeps_all_faces_on_one_side(tmp_path: Path, indexed: bool) -> None:
    order = corners(0, 1, 3, 2)
    given = {"corners": order} if indexed else {"vertices": CORNERS[order], "corners": None}
    assert faces_of(shape(square(mode=5, **given), tmp_path)) == [[A, B, D], [B, C, D]]


@pytest.mark.parametrize("indexed", [True, False])
def test_a_fan_turns_about_its_first_corner(tmp_path: Path, indexed: bool) -> None:
    order = corners(1, 2, 3, 0)
    given = {"corners": order} if indexed else {"vertices": CORNERS[order], "corners": None}
    assert faces_of(shape(square(mode=6, **given), tmp_path)) == [[C, D, B], [D, A, B]]


@pytest.mark.parametrize("mode", [5, 6])
def test_a_strip_or_fan_of_two_corners_has_no_face(tmp_path: Path, mode: int) -> None:
    with pytest.raises(MeshError, match=r"chair\.glb.*no triangles"):
        shape(square(mode=mode, corners=corners(0, 1)), tmp_path)


def test_points_and_lines_are_ignored_with_a_word(tmp_path: Path) -> None:
    file = File()
    file.mesh(*(file.primitive(mode=mode) for mode in (0, 1, 2, 3, 4)))
    content = shape(file, tmp_path)
    assert faces_of(content) == [[A, B, C], [A, C, D]]
    assert content.ignored == ("points", "lines") and content.parts == 1


@pytest.mark.parametrize(("mode", "word"), [(0, "points"), (2, "lines")])
def test_nothing_but_points_or_lines_is_refused(tmp_path: Path, mode: int, word: str) -> None:
    with pytest.raises(MeshError, match=f"no triangles, only {word}"):
        shape(square(mode=mode), tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    for file in (File(), scene({"name": "nothing"}), scene(roots=[])):
        file.json.pop("meshes", None)
        with pytest.raises(MeshError, match="has no triangles"):
            shape(file, tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mode": 7}, "primitive 0 of mesh 0 is of the unknown mode 7"),
        ({"mode": "TRIANGLES"}, "mode 'TRIANGLES'"),
        ({"corners": corners(0, 1, 2, 3)}, "has 4 corners, which are no whole triangles"),
        ({"corners": corners(0, 1, 4)}, "names vertex 4, there are 4"),
        ({"corners": corners(0, 1, 65535), "mode": 5}, "names vertex 65535"),
        ({"corners": np.array([0, 1, 2], np.float32)}, "accessor 1 has no whole numbers"),
        ({"corners": np.array([0, 1, 2], np.int16)}, "accessor 1 has no whole numbers"),
        ({"indices": 9}, "names accessor 9, there are 2"),
        ({"indices": None}, "names accessor None"),
        ({"indices": -1}, "names accessor -1"),
        ({"indices": True}, "names accessor True"),
        ({"attributes": {"POSITION": "0"}}, "names accessor '0'"),
        ({"attributes": []}, "is broken: attributes of primitive 0 of mesh 0 is no object"),
        ({"vertices": CORNERS[:, :2].copy()}, "of type 'VEC2', not VEC3"),
        ({"attributes": {}, "extensions": {"ACME_voxels": {}}}, "by an extension only.*ACME_vox"),
    ],
)
def test_a_broken_primitive_is_named(tmp_path: Path, changes: dict, reason: str) -> None:
    arrays = {key: changes[key] for key in ("vertices", "corners") if key in changes}
    file = square(**arrays)
    primitive = file.json["meshes"][0]["primitives"][0]
    primitive.update({key: value for key, value in changes.items() if key not in arrays})
    with pytest.raises(MeshError, match=rf"chair\.glb: .*{reason}"):
        shape(file, tmp_path)


def test_primitives_that_share_one_long_accessor_take_what_they_use(tmp_path: Path) -> None:
    many = np.concatenate([np.zeros((500, 3), np.float32), CORNERS])
    file = square(vertices=many, corners=HALVES + 500)
    content = shape(file, tmp_path)
    assert content.vertices.tolist() == CORNERS.tolist()
    assert faces_of(content) == [[A, B, C], [A, C, D]]


def test_not_finite_positions_are_refused(tmp_path: Path) -> None:
    broken = np.where(CORNERS == 1, np.float32(np.inf), CORNERS)
    (tmp_path / "chair.glb").write_bytes(square(vertices=broken).glb())
    with pytest.raises(MeshError, match=r"chair\.glb.*not finite"):
        load_mesh(tmp_path / "chair.glb")


def test_what_says_nothing_of_the_shape_is_listed(tmp_path: Path) -> None:
    file = square()
    for kind in ("animations", "cameras", "textures"):
        file.add(kind)
    file.json["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "point"}]}}
    assert shape(file, tmp_path).ignored == ("animations", "cameras", "textures", "lights")


@pytest.mark.parametrize("name", ["KHR_materials_unlit", "KHR_texture_basisu", "EXT_texture_webp",
                                  "KHR_lights_punctual", "KHR_materials_variants", "KHR_xmp",
                                  "KHR_animation_pointer", "KHR_mesh_quantization"])
def test_extensions_that_do_not_change_the_shape_pass(tmp_path: Path, name: str) -> None:
    file = square()
    file.json["extensionsRequired"] = [name]
    assert len(shape(file, tmp_path).faces) == 2


@pytest.mark.parametrize("name", ["ACME_voxels", "KHR_gaussian_splatting", 3, "two\nlines"])
def test_other_required_extensions_are_refused_by_name(tmp_path: Path, name: object) -> None:
    file = square()
    file.json["extensionsRequired"] = ["KHR_materials_unlit", name]
    word = name if name in ("ACME_voxels", "KHR_gaussian_splatting") else re.escape(repr(name))
    with pytest.raises(MeshError, match=f"requires {word}, which is not understood; export it w"):
        shape(file, tmp_path)


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_the_same_triangles_as_trimesh(tmp_path: Path, suffix: str) -> None:
    parts = trimesh.Scene([trimesh.creation.box(), trimesh.creation.icosphere(2, 0.4)])
    turn = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3], [0.5, 0, 0])
    parts.add_geometry(trimesh.creation.cone(0.5, 1), transform=turn)
    path = tmp_path / f"parts{suffix}"
    parts.export(path)
    expected = trimesh.load(path, force="scene").to_mesh().triangles
    content = read_gltf(path)
    np.testing.assert_allclose(sorted(content.vertices[content.faces].reshape(-1, 9).tolist()),
                               sorted(expected.reshape(-1, 9).tolist()), atol=1e-6)
    assert content.parts == 3


def test_the_good_files_are_good(tmp_path: Path) -> None:
    counts = {"plain": (2, 1), "rich": (18, 9)}
    for name, data in good_files().items():
        (tmp_path / name).write_bytes(data)
        content = read_gltf(tmp_path / name)
        assert (len(content.faces), content.parts) == counts[Path(name).stem]


def test_broken_files_end_in_a_mesh_error(tmp_path: Path) -> None:
    """Each byte of the JSON's beginning, and some of all others, changed one at a time."""
    path = tmp_path / "chair.glb"
    data = good_files()["rich.glb"]
    length = struct.unpack("<I", data[12:16])[0]
    for place in [*range(40), *range(40, length, 31), *range(length, len(data), 17)]:
        for value in (0, 0x39, 0xff):
            path.write_bytes(data[:place] + bytes([value]) + data[place + 1:])
            try:
                read_gltf(path)
            except MeshError as error:
                assert "chair.glb" in str(error)  # noqa: PT017
