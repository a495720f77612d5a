"""glTF compressed with Draco or meshopt: decoded where the package is there, else refused."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gltf_files import CORNERS, HALVES, File, faces_of, shape, square

from crossmodal.geometry.mesh import MeshError

A, B, C, D = CORNERS.tolist()
DRACO = "KHR_draco_mesh_compression"
MESHOPT = ["EXT_meshopt_compression", "KHR_meshopt_compression"]
FINE = SimpleNamespace(
    faces=HALVES.astype(np.uint32),
    attributes=[{"unique_id": 5, "data": CORNERS * 2}, {"unique_id": 3, "data": CORNERS}])


STREAM = b"DRACO\2\2\1\0\0\0\2\4stand-in"  # two faces, four points


def with_draco(data: bytes = STREAM, required: bool = True, plain: bool = False) -> File:
    """A square whose primitive is a Draco stream; `plain` : its accessors have data too."""
    file = square()
    stream = file.view(data)
    file.json["meshes"][0]["primitives"][0]["extensions"] = {
        DRACO: {"bufferView": stream, "attributes": {"POSITION": 5}}}
    if not plain:
        for accessor in file.json["accessors"]:
            del accessor["bufferView"]
    file.json["extensionsRequired" if required else "extensionsUsed"] = [DRACO]
    return file


def pretend(monkeypatch: pytest.MonkeyPatch, package: str, **functions: object) -> None:
    """A stand-in for an optional package; without functions it is not there."""
    monkeypatch.setitem(sys.modules, package, SimpleNamespace(**functions) if functions else None)


def raising(error: BaseException):
    def function(*_: object) -> None:
        raise error
    return function


@pytest.mark.parametrize("required", [True, False])
def test_draco_without_its_package_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, required: bool
) -> None:
    pretend(monkeypatch, "DracoPy")
    file = with_draco(required=required)
    file.json["meshes"][0]["primitives"].append(file.primitive())  # the rest is no whole shape
    with pytest.raises(MeshError, match=f"{DRACO} of .*pip install DracoPy.*without compression"):
        shape(file, tmp_path)


def test_draco_beside_plain_accessors_needs_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "DracoPy")
    assert faces_of(shape(with_draco(required=False, plain=True), tmp_path))[0] == [A, B, C]
    with pytest.raises(MeshError, match=DRACO):
        shape(with_draco(required=True, plain=True), tmp_path)


def test_draco_attributes_are_found_by_their_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "DracoPy", decode=lambda data: FINE if data == STREAM else None)
    file = with_draco()
    assert faces_of(shape(file, tmp_path))[0] == [A, [2, 0, 0], [2, 2, 0]]
    extension = file.json["meshes"][0]["primitives"][0]["extensions"][DRACO]
    extension["attributes"]["POSITION"] = 3
    assert faces_of(shape(file, tmp_path))[0] == [A, B, C]
    file.json["meshes"][0]["primitives"][0]["mode"] = 5  # the stream has triangles nevertheless
    assert len(shape(file, tmp_path).faces) == 2
    extension["attributes"]["POSITION"] = 4
    with pytest.raises(MeshError, match=f"{DRACO} of .*lacks its POSITION"):
        shape(file, tmp_path)


@pytest.mark.parametrize(
    ("decode", "reason"),
    [
        (raising(RuntimeError("no Draco")), "is broken .*no Draco.*without compression"),
        (raising(MemoryError()), "is broken"),
        (lambda data: SimpleNamespace(attributes=[]), "is broken"),
        (lambda data: SimpleNamespace(attributes=[], faces=HALVES), "lacks its POSITION"),
        (lambda data: SimpleNamespace(attributes=FINE.attributes, faces=HALVES + 3), "there are 4"),
        (lambda data: SimpleNamespace(faces=HALVES, attributes=[
            {"unique_id": 5, "data": CORNERS[:, :2]}]), "of 2 numbers in its Draco stream"),
    ],
)
def test_broken_draco_streams_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decode: object, reason: str
) -> None:
    pretend(monkeypatch, "DracoPy", decode=decode)
    with pytest.raises(MeshError, match=rf"chair\.glb: .*{reason}"):
        shape(with_draco(), tmp_path)


def test_draco_for_real(tmp_path: Path) -> None:
    draco = pytest.importorskip("DracoPy", reason="optional: pip install DracoPy")
    data = draco.encode(CORNERS, HALVES.astype(np.uint32), quantization_bits=16)
    file = with_draco(data)
    ids = [one["unique_id"] for one in draco.decode(data).attributes]
    extension = file.json["meshes"][0]["primitives"][0]["extensions"][DRACO]
    extension["attributes"]["POSITION"] = ids[0]
    content = shape(file, tmp_path)
    normals = np.cross(*np.diff(content.vertices[content.faces], axis=1).transpose(1, 0, 2))
    np.testing.assert_allclose(normals, [[0, 0, 1]] * 2, atol=1e-3)
    for broken in (b"stand-in bytes", data[:20], data[:-3], bytes(len(data))):
        with pytest.raises(MeshError, match=f"{DRACO} of primitive 0 of mesh 0 is broken"):
            shape(with_draco(broken), tmp_path)


def with_meshopt(name: str = MESHOPT[0], required: bool = True, fallback: str = "absent",
                 packed: tuple[bytes, bytes] = (b"first", b"second"), **changes: object) -> File:
    """A square in compressed views; `fallback` : "absent", or "file" for plain.bin beside it."""
    file = square()
    plain = bytes(file.data)
    about = ({"byteStride": 12, "count": 4, "mode": "ATTRIBUTES", **changes},
             {"byteStride": 2, "count": 6, "mode": "TRIANGLES"})
    file.data.clear()
    for view, data, more in zip(list(file.json["bufferViews"]), packed, about):
        start = len(file.data)
        file.data += data
        view["buffer"] = 1
        view["extensions"] = {name: {"buffer": 0, "byteOffset": start, "byteLength": len(data),
                                     **more}}
    uri = {"uri": "plain.bin"} if fallback == "file" else {}
    file.json["buffers"] = [{"byteLength": len(file.data)},
                            {"byteLength": len(plain), **uri, "extensions": {
                                name: {"fallback": True}}}]
    file.json["extensionsRequired" if required else "extensionsUsed"] = [name]
    return file


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("name", MESHOPT)
def test_meshopt_without_its_package_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, required: bool
) -> None:
    pretend(monkeypatch, "meshopt")
    with pytest.raises(MeshError, match=f"{name} of bufferView .*pip install meshopt.*without"):
        shape(with_meshopt(name, required), tmp_path)


def test_meshopt_beside_plain_data_needs_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "meshopt")
    (tmp_path / "plain.bin").write_bytes(square().data)
    assert len(shape(with_meshopt(required=False, fallback="file"), tmp_path).faces) == 2
    with pytest.raises(MeshError, match=MESHOPT[0]):
        shape(with_meshopt(required=True, fallback="file"), tmp_path)
    (tmp_path / "plain.bin").unlink()
    with pytest.raises(MeshError, match=MESHOPT[0]):
        shape(with_meshopt(required=False, fallback="file"), tmp_path)


def test_meshopt_is_decoded_as_the_view_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(data: bytes, count: int, size: int, mode: str, kind: str) -> np.ndarray:
        known = {(b"first", 4, 12, "ATTRIBUTES", "EXPONENTIAL"): CORNERS,
                 (b"second", 6, 2, "TRIANGLES", "NONE"): HALVES}
        return known[data, count, size, mode, kind]

    pretend(monkeypatch, "meshopt", decode_gltf_buffer=decode)
    file = with_meshopt(filter="EXPONENTIAL")
    assert faces_of(shape(file, tmp_path)) == [[A, B, C], [A, C, D]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"count": 10**9}, "claims 1000000000 elements of 12 bytes, packed in 5"),
        ({"count": 3}, "accessor 0 claims 4 elements"),
        ({"count": "4"}, "has the count '4'"),
        ({"mode": "POINTS"}, "has 12 bytes an element in mode 'POINTS'"),
        ({"filter": "OCTAHEDRAL"}, "12 bytes an element in mode 'ATTRIBUTES' with filter 'OCT"),
        ({"byteStride": 10}, "has 10 bytes an element"),
        ({"byteStride": 260}, "has 260 bytes an element"),
        ({"byteLength": 100}, "claims 100 bytes from byte 0"),
    ],
)
def test_broken_meshopt_views_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict, reason: str
) -> None:
    def decode(data: bytes, count: int, size: int, *_: str) -> np.ndarray:
        return np.zeros(count * size, np.uint8)

    pretend(monkeypatch, "meshopt", decode_gltf_buffer=decode)
    with pytest.raises(MeshError, match=reason):
        shape(with_meshopt(**changes), tmp_path)


def test_a_broken_meshopt_stream_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "meshopt", decode_gltf_buffer=raising(ValueError("Malformed")))
    with pytest.raises(MeshError, match=f"{MESHOPT[0]} of .* is broken .Malformed.; export it w"):
        shape(with_meshopt(), tmp_path)


def test_meshopt_for_real(tmp_path: Path) -> None:
    meshopt = pytest.importorskip("meshopt", reason="optional: pip install meshopt")
    packed = (meshopt.encode_gltf_buffer(CORNERS, "ATTRIBUTES"),
              meshopt.encode_gltf_buffer(HALVES.ravel(), "TRIANGLES"))
    assert faces_of(shape(with_meshopt(packed=packed), tmp_path)) == [[A, B, C], [A, C, D]]
    for broken in (packed[0][:-3], bytes(len(packed[0])), b"stand-in"):
        with pytest.raises(MeshError, match=f"{MESHOPT[0]} of bufferView 0 is broken"):
            shape(with_meshopt(packed=(broken, packed[1])), tmp_path)
