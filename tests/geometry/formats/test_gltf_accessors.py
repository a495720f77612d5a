"""glTF: numbers of all kinds, strided, sparse or absent, and claims that the bytes do not hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gltf_files import CORNERS, HALVES, File, faces_of, shape, square

from crossmodal.geometry.formats import gltf_accessors
from crossmodal.geometry.mesh import MeshError

A, B, C, D = CORNERS.tolist()


def of_positions(**accessor: object) -> File:
    """A square whose accessor of positions is changed so."""
    file = square()
    entry = file.json["accessors"][0]
    entry.update(accessor)
    file.json["accessors"][0] = {key: value for key, value in entry.items() if value is not None}
    return file


@pytest.mark.parametrize(
    ("dtype", "whole"), [(np.int8, 127), (np.uint8, 255), (np.int16, 32767), (np.uint16, 65535)]
)
def test_quantised_positions(tmp_path: Path, dtype: type, whole: int) -> None:
    """As KHR_mesh_quantization has them: normalised, or whole numbers for a node to scale."""
    for normalised, one in ((True, whole), (False, 1)):
        file = File()
        rows = np.pad((CORNERS * one).astype(dtype), ((0, 0), (0, 1)))
        view = file.view(rows.tobytes(), byteStride=rows.itemsize * 4)
        position = file.accessor(rows[:, :3], bufferView=view, normalized=normalised)
        file.mesh({"attributes": {"POSITION": position}, "indices": file.accessor(HALVES.ravel())})
        assert faces_of(shape(file, tmp_path)) == [[A, B, C], [A, C, D]]


def test_the_lowest_normalised_integers_mean_minus_one(tmp_path: Path) -> None:
    file = square()
    rows = np.array([[-128, -127, 0], [127, 64, 0], [0, 1, 0]], np.int8)
    file.json["meshes"][0]["primitives"] = [
        file.primitive(rows, np.array([0, 1, 2], np.uint8))]
    file.json["accessors"][-2]["normalized"] = True
    np.testing.assert_allclose(shape(file, tmp_path).vertices,
                               [[-1, -1, 0], [1, 64 / 127, 0], [0, 1 / 127, 0]])


def test_stride_and_offset(tmp_path: Path) -> None:
    file = File()
    rows = np.zeros((4, 8), np.float32)
    rows[:, 3:6] = CORNERS
    view = file.view(rows.tobytes(), byteStride=32)
    position = file.accessor(CORNERS, bufferView=view, byteOffset=12)
    file.mesh({"attributes": {"POSITION": position}, "indices": file.accessor(HALVES.ravel())})
    assert faces_of(shape(file, tmp_path)) == [[A, B, C], [A, C, D]]


def test_an_offset_that_is_not_aligned(tmp_path: Path) -> None:
    file = square()
    file.data[:0] = b"\1"
    for view in file.json["bufferViews"]:
        view["byteOffset"] += 1
    assert faces_of(shape(file, tmp_path))[0] == [A, B, C]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_sparse_values_replace_those_of_the_view_or_zeros(tmp_path: Path, dtype: type) -> None:
    for zeros in (False, True):
        file = square(vertices=CORNERS)
        listed = np.array([1, 2, 3] if zeros else [2], dtype)
        values = CORNERS[listed.astype(int)] * np.float32(3)
        file.json["accessors"][0]["sparse"] = {
            "count": len(listed),
            "indices": {"bufferView": file.view(listed.tobytes()),
                        "componentType": {1: 5121, 2: 5123, 4: 5125}[listed.itemsize]},
            "values": {"bufferView": file.view(values.tobytes())},
        }
        if zeros:
            del file.json["accessors"][0]["bufferView"]
        b, d = (np.multiply(corner, 3 if zeros else 1).tolist() for corner in (B, D))
        assert faces_of(shape(file, tmp_path)) == [[A, b, [3, 3, 0]], [A, [3, 3, 0], d]]


@pytest.mark.parametrize(
    ("sparse", "reason"),
    [
        ({"count": 1}, "sparse of accessor 0 is broken"),
        ({"count": 5}, "sparse of accessor 0 is broken"),
        ({"count": 1, "indices": {"componentType": 5121}, "values": {"bufferView": 0}},
         "is broken"),
        ({"count": 1, "indices": {"componentType": 5121, "bufferView": 2},
          "values": {"bufferView": 0}}, "name element 9, there are 4"),
        ({"count": 1, "indices": {"componentType": 5126, "bufferView": 2},
          "values": {"bufferView": 0}}, "no whole numbers"),
        ({"count": 3, "indices": {"componentType": 5123, "bufferView": 2},
          "values": {"bufferView": 0}}, "claims 3 elements of 2 bytes"),
        ([], "sparse of accessor 0 is no object"),
    ],
)
def test_broken_sparse_accessors_are_named(tmp_path: Path, sparse: object, reason: str) -> None:
    file = of_positions(sparse=sparse)
    file.view(b"\x09\x00\x00\x00")
    with pytest.raises(MeshError, match=reason):
        shape(file, tmp_path)


def test_zeros_without_a_view_are_a_point(tmp_path: Path) -> None:
    assert not shape(of_positions(bufferView=None), tmp_path).vertices.any()


@pytest.mark.parametrize(
    ("accessor", "reason"),
    [
        ({"count": 5}, "accessor 0 claims 5 elements of 12 bytes, 12 apart, from byte 0 of 48"),
        ({"count": 10**18}, "claims 10{18} elements"),
        ({"count": -1}, "accessor 0 has the count -1"),
        ({"count": 1.5}, "count 1.5"),
        ({"count": "4"}, "count '4'"),
        ({"count": None}, "count None"),
        ({"byteOffset": 4}, "from byte 4 of 48 on"),
        ({"bufferView": None, "count": 10**9}, "claims 1000000000 elements without data"),
        ({"bufferView": None, "count": 2**62}, "without data"),
        ({"count": 10**30}, r"claims 10{15}\d{15} elements"),
        ({"bufferView": 7}, "accessor 0 names bufferView 7, there are 2"),
        ({"componentType": 5124}, "unknown componentType 5124"),
        ({"componentType": 5130}, "unknown componentType 5130"),
        ({"type": "MAT2"}, "type 'MAT2', not VEC3, as primitive 0 of mesh 0 needs it"),
        ({"type": 3}, "type 3, which is no text"),
    ],
)
def test_claims_that_the_bytes_do_not_hold_are_named(
    tmp_path: Path, accessor: dict, reason: str
) -> None:
    with pytest.raises(MeshError, match=rf"chair\.glb: .*{reason}"):
        shape(of_positions(**accessor), tmp_path)


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        ({"byteLength": 47}, "claims 4 elements of 12 bytes"),
        ({"byteLength": 4000}, "bufferView 0 claims 4000 bytes from byte 0 on, there are 60"),
        ({"byteOffset": 50}, "bufferView 0 claims 48 bytes from byte 50 on"),
        ({"byteStride": 8}, "8 apart"),
        ({"byteStride": 16}, "16 apart"),
        ({"byteStride": 2**40}, "apart"),
        ({"buffer": 1}, "bufferView 0 names buffer 1, there are 1"),
        ({"buffer": None}, "buffer None"),
    ],
)
def test_views_that_the_buffer_does_not_hold_are_named(
    tmp_path: Path, view: dict, reason: str
) -> None:
    file = square()
    file.json["bufferViews"][0].update(view)
    with pytest.raises(MeshError, match=reason):
        shape(file, tmp_path)


def test_the_same_numbers_used_again_and_again_cannot_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gltf_accessors, "MOST", 100_000)
    file = File()
    accessor = file.accessor(CORNERS, bufferView=None)
    file.json["accessors"][accessor]["count"] = 3_000
    file.mesh(*[{"attributes": {"POSITION": accessor}}] * 1000)
    with pytest.raises(MeshError, match="vertices and indices, more than the 100000 that"):
        shape(file, tmp_path)
