"""glTF files that claim more than they hold, or have others look at too much."""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from gltf_files import CORNERS, File, glb
from test_gltf_compression import DRACO, STREAM, with_draco, with_meshopt

from crossmodal.geometry.formats import gltf_accessors, gltf_colours, gltf_document, image_colour
from crossmodal.geometry.formats.draco_header import Claim, claim_of
from crossmodal.geometry.mesh import MeshError, load_mesh


def square() -> File:
    file = File()
    file.add("nodes", mesh=file.mesh())
    file.add("scenes", nodes=[0])
    return file


def refused(folder: Path, file: File, why: str, most: int = 32 * 2**20) -> None:
    """Refused in one line, without much memory."""
    path = folder / "a.glb"
    file.json.setdefault("buffers", [{"byteLength": len(file.data)}])
    path.write_bytes(glb(json.dumps(file.json).encode(), bytes(file.data)))
    tracemalloc.start()
    try:
        with pytest.raises(MeshError, match=why) as caught:
            load_mesh(path)
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path)) and len(str(caught.value)) < 600


def test_accessors_of_zeros_take_no_memory(tmp_path: Path) -> None:
    file = square()
    nothing = file.add("accessors", componentType=5126, type="VEC3", count=3 * 2**20)
    file.json["meshes"][0]["primitives"] = [
        {"attributes": {"POSITION": nothing}, "indices": file.accessor(np.zeros(3, np.uint8))}] * 99
    refused(tmp_path, file, "have no area")


def test_lists_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gltf_document, "MOST_ITEMS", 1000)
    file = square()
    file.json["nodes"] += [{}] * 1000
    refused(tmp_path, file, "has 1001 nodes, and at most 1000 are read")
    file = square()
    file.json["meshes"][0]["primitives"] *= 1001
    refused(tmp_path, file, "mesh 0 has 1001 primitives")


def test_copies_without_end(tmp_path: Path) -> None:
    file = square()
    places = file.accessor(np.zeros((200_000, 3), np.float32))
    file.json["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": places}}}
    refused(tmp_path, file, "brings the file to .* vertices and indices, more than .*--max-memory")
    file = square()
    large = file.accessor(np.zeros((60_000, 3), np.float32))
    file.json["meshes"][0]["primitives"] = [{"attributes": {"POSITION": large}}]
    file.json["nodes"] = [{"mesh": 0, "translation": [1, 1, number]} for number in range(1000)]
    file.json["scenes"] = [{"nodes": list(range(1000))}]
    refused(tmp_path, file, "brings the file to .* vertices and indices", 2**30)


def test_weights_of_a_mesh_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                              ) -> None:
    asked: list[str] = []
    real = gltf_document.Entry.numbers
    monkeypatch.setattr(gltf_document.Entry, "numbers", lambda self, key, count=None: (
        asked.append(f"{self.name} {key}") or real(self, key, count)))
    file = square()
    file.json["meshes"][0]["weights"] = [0] * 100
    file.json["nodes"] *= 50
    file.json["scenes"] = [{"nodes": list(range(50))}]
    file.json["buffers"] = [{"byteLength": len(file.data)}]
    (tmp_path / "a.glb").write_bytes(glb(json.dumps(file.json).encode(), bytes(file.data)))
    assert len(load_mesh(tmp_path / "a.glb").faces) == 100
    assert asked.count("mesh 0 weights") == 1


def test_joints_and_bones_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gltf_accessors, "AT_LEAST", 0)
    monkeypatch.setattr(gltf_accessors, "MOST_OF_NONE", 10_000)
    file = square()
    attributes = file.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["JOINTS_0"] = file.accessor(np.zeros((4, 4), np.uint8))
    attributes["WEIGHTS_0"] = file.accessor(np.ones((4, 4), np.float32))
    file.add("skins", joints=[0] * 2000)
    file.json["nodes"][0]["skin"] = 0
    refused(tmp_path, file, "skin 0 brings the file to 32")


def test_a_picture_is_opened_as_often_as_it_is_worth(tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    real = image_colour.mean_colour
    monkeypatch.setattr(gltf_colours, "mean_colour",
                        lambda data, most: opened.append(most) or real(data, most))
    file = square()
    view = file.view(bytes(2**20))
    for number in range(500):
        file.add("images", bufferView=view)
        file.add("textures", source=number)
        file.add("materials", pbrMetallicRoughness={"baseColorTexture": {"index": number}})
    primitive = file.json["meshes"][0]["primitives"][0]
    file.json["meshes"][0]["primitives"] = [{**primitive, "material": n} for n in range(500)]
    file.json["buffers"] = [{"byteLength": len(file.data)}]
    (tmp_path / "a.glb").write_bytes(glb(json.dumps(file.json).encode(), bytes(file.data)))
    assert len(load_mesh(tmp_path / "a.glb").faces) == 1000
    assert len(opened) == 64 and min(opened) > 0


def test_a_view_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    file = with_meshopt(packed=(bytes(2**20), b"second"), count=2**26)
    del file.json["meshes"][0]["primitives"][0]["indices"]
    refused(tmp_path, file, "is a bomb: 67108864 elements of 12 bytes, packed in 1048576 would")


@pytest.mark.parametrize("method", [0, 1])
def test_a_draco_stream_that_claims_millions(tmp_path: Path, method: int) -> None:
    count = b"\xff\xff\xff\xff\x07"
    head = struct.pack("<5s4BH", b"DRACO", 2, 2, 1, method, 0) + bytes(method)
    pytest.importorskip("DracoPy", reason="no DracoPy")
    refused(tmp_path, with_draco(head + 2 * count), f"{DRACO} of .* is a bomb: 2147483647 faces")


def test_claims_of_draco_streams() -> None:
    assert claim_of(memoryview(STREAM)) == Claim(2, 4)
    named = b"\1\0\0\1" + b"\1a\0\0" + b"\0\0"  # of one attribute, with one part; of the mesh
    flagged = STREAM[:9] + b"\0\x80" + named + STREAM[11:]
    assert claim_of(memoryview(flagged)) == Claim(2, 4)
    old = struct.pack("<5s4BHII", b"DRACO", 2, 1, 1, 0, 0, 5, 6)
    assert claim_of(memoryview(old)) == Claim(5, 6)
    for broken in (STREAM[:12], b"", b"OTHER" + STREAM[5:], flagged[:14]):
        with pytest.raises(ValueError, match="Draco stream"):
            claim_of(memoryview(broken))


@pytest.mark.parametrize("order", [True, False])
def test_claims_are_those_of_the_encoder(order: bool) -> None:
    draco = pytest.importorskip("DracoPy", reason="no DracoPy")
    rng = np.random.default_rng(0)
    data = draco.encode(rng.random((300, 3)).astype(np.float32), rng.integers(0, 300, (500, 3)),
                        preserve_order=order)
    mesh = draco.decode(data)
    claim = claim_of(memoryview(data))
    assert claim.faces >= len(mesh.faces) and claim.faces < 600 and 250 < claim.points < 2000


def test_a_scheme_without_end_is_no_data(tmp_path: Path) -> None:
    file = square()
    file.json["buffers"] = [{"byteLength": 4, "uri": "data:" + "a" * 10**6}]
    refused(tmp_path, file, "is not in the model's folder")
    assert len(CORNERS) == 4
