"""glTF: the containers, and buffers wherever they lie, as far as they may be read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from gltf_files import CORNERS, faces_of, glb, square

from crossmodal.geometry.formats.gltf import read_gltf
from crossmodal.geometry.mesh import MeshError, load_mesh

A, B, C, D = CORNERS.tolist()


def read(folder: Path, data: bytes, name: str = "chair.glb"):
    (folder / name).write_bytes(data)
    return read_gltf(folder / name)


def beside(folder: Path, uri: str, name: str | None = None) -> Path:
    """A .gltf whose buffer has this URI; the buffer is written under `name`."""
    file = square()
    (folder / "chair.gltf").write_bytes(file.document(uri=uri))
    if name is not None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(file.data)
    return folder / "chair.gltf"


@pytest.mark.parametrize("name", ["chair.glb", "chair.gltf", "chair.GLB"])
def test_both_containers_whatever_the_suffix(tmp_path: Path, name: str) -> None:
    for data in (square().glb(), square().gltf()):
        (tmp_path / name).write_bytes(data)
        assert len(load_mesh(tmp_path / name).faces) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_text_with_a_byte_order_mark_and_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    data = square().gltf().decode().encode(encoding)
    assert len(read(tmp_path, data, "chair.gltf").faces) == 2


def test_names_that_are_no_utf8_do_not_matter(tmp_path: Path) -> None:
    file = square()
    file.json["nodes"][0]["name"] = "Stuhl"
    assert len(read(tmp_path, file.glb().replace(b"Stuhl", b"St\xfchl")).faces) == 2
    folder = tmp_path / os.fsdecode(b"m\xf6bel")
    folder.mkdir()
    assert len(read(folder, file.glb(), os.fsdecode(b"St\xfchle.glb")).faces) == 2


def test_numbers_of_any_length_that_nothing_needs_do_not_matter(tmp_path: Path) -> None:
    file = square()
    file.json["extras"] = {"id": 10**30, "least": float("-inf")}
    text = file.document().replace(b'"least"', b'"all": ' + b"7" * 1_000_000 + b', "least"')
    assert len(read(tmp_path, glb(text, bytes(file.data))).faces) == 2


def test_padding_and_trailing_bytes(tmp_path: Path) -> None:
    file = square()
    text, binary = file.document(), bytes(file.data)
    assert read(tmp_path, glb(text + b"\0\0", binary + bytes(3))).ignored == ()
    assert read(tmp_path, glb(text, binary + b"later"), "long.glb").ignored == ()
    assert read(tmp_path, file.glb() + b"\nmore").ignored == ("bytes after the end",)
    with_more_chunks = glb(text, binary, more=12) + b"\4\0\0\0MORE" + bytes(4)
    assert len(read(tmp_path, with_more_chunks).faces) == 2


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value):]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (square().glb()[:15], "cut off after 15 bytes"),
        (square().glb()[:-5], r"cut off, it has \d+ of \d+ bytes; fetch it again"),
        (glb(square().document(), version=1), "binary glTF of version 1; export it as glTF 2.0"),
        (changed(square().glb(), 12, b"\xff\xff\xff\x7f"), "chunk 0 claims 2147483647 bytes"),
        (changed(square().glb(), 16, b"BIN\0"), "first chunk is not JSON"),
        (changed(square().glb(), 8, b"\14\0\0\0"), "first chunk is not JSON"),
        (glb(square().document()), "buffer 0 has no data"),
        (glb(square().document(), bytes(8)), "buffer 0 claims 60 bytes from byte 0 on, there are"),
        (b"solid chair\n", "not a readable glTF file"),
        (b"[1, 2]", "its JSON is no object"),
        (b'{"a": ' * 200_000, "not a readable glTF file"),
        (b'{"meshes":' + b"[" * 900 + b"]" * 900 + b"}", "readable|mesh 0 is no object"),
        (b'{"scenes": [{}], "scene": ' + b"9" * 5000 + b"}", "names scene inf"),
        (b'{"asset": {"version": "1.0"}}', "is glTF '1.0'; export it as glTF 2.0"),
        (b'{"asset": {"version": "2.0", "minVersion": "2.1"}}', "needs glTF '2.1'"),
        (b'{"asset": []}', "asset of the file is no object"),
        (b'{"meshes": {"chair": {}}}', "meshes that are no list, as in glTF 1; export it as glTF"),
    ],
)
def test_broken_containers_are_named(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(MeshError, match=rf"chair\.glb: .*{reason}"):
        read(tmp_path, data)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("chair.bin", "chair.bin"),
        ("my%20chair.bin", "my chair.bin"),
        ("my chair.bin", "my chair.bin"),
        ("100%25.bin", "100%.bin"),
        ("my%20chair.bin", "my%20chair.bin"),
        ("./parts/chair.bin", "parts/chair.bin"),
        ("parts\\chair.bin", "parts/chair.bin"),
        ("St%FChle.bin", os.fsdecode(b"St\xfchle.bin")),
        ("St%C3%BChle.bin", "Stühle.bin"),
        ("Stühle.bin", "Stühle.bin"),
    ],
)
def test_a_buffer_in_a_file_of_its_own(tmp_path: Path, uri: str, name: str) -> None:
    assert faces_of(read_gltf(beside(tmp_path, uri, name))) == [[A, B, C], [A, C, D]]


def test_a_missing_or_short_buffer_is_named(tmp_path: Path) -> None:
    path = beside(tmp_path, "my%20chair.bin")
    with pytest.raises(MeshError, match=r"gltf: my chair\.bin, which the file needs, is not there"):
        read_gltf(path)
    (tmp_path / "my chair.bin").write_bytes(bytes(59))
    with pytest.raises(MeshError, match="buffer 0 claims 60 bytes from byte 0 on, there are 59"):
        read_gltf(path)
    (tmp_path / "my chair.bin").unlink()
    (tmp_path / "my chair.bin").mkdir()
    with pytest.raises(MeshError, match="is not there"):
        read_gltf(path)


@pytest.mark.parametrize(
    "uri",
    ["../secret.bin", "a/../../secret.bin", "%2e%2e/secret.bin", "..%5Csecret.bin", "/etc/passwd",
     "\\\\server\\secret.bin", "file:///etc/passwd", "http://host/a.bin", "C:/secret.bin",
     "C:secret.bin", "c%3A/secret.bin", "", ".", "%00", "a%00.bin", "out/secret.bin", "link.bin",
     "loop.bin", "\ud800.bin"],
)
def test_no_file_outside_the_folder_is_read(tmp_path: Path, uri: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(square().data)
    (folder / "out").symlink_to(tmp_path)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "loop.bin").symlink_to("loop.bin")
    path = beside(folder, uri)
    reason = "not in the model's folder|leads out|not a file name|is not there|not the name"
    with pytest.raises(MeshError, match=reason) as caught:
        read_gltf(path)
    assert "passwd" not in str(caught.value) or "not in the model" in str(caught.value)


def test_a_folder_that_is_a_link_itself_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    beside(tmp_path / "real", "inner.bin", "chair.bin")
    (tmp_path / "real" / "inner.bin").symlink_to("chair.bin")
    assert len(read_gltf(tmp_path / "link" / "chair.gltf").faces) == 2


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("data:application/octet-stream;base64,####", "no base64"),
        ("data:;base64,AAA", "no base64"),
        ("data:;base64,AA\udcbd=", "no base64"),
        ("data:;base64,AAAA", "claims 60 bytes from byte 0 on, there are 3"),
        ("data:application/octet-stream,abc", "there are 3"),
        ("data:no comma", "not in the model's folder"),
        ("", "not in the model's folder"),
        (3, "buffer 0 has the uri 3"),
    ],
)
def test_broken_data_in_the_text_is_named(tmp_path: Path, uri: object, reason: str) -> None:
    with pytest.raises(MeshError, match=reason):
        read(tmp_path, square().document(uri=uri), "chair.gltf")


def test_data_in_the_text_may_be_broken_into_lines_or_percent_encoded(tmp_path: Path) -> None:
    document = json.loads(square().gltf())
    head, data = document["buffers"][0]["uri"].split(",")
    plain = "data:x/y," + "".join(f"%{byte:02x}" for byte in square().data)
    for uri in (f"{head.upper()},{data[:10]}\r\n{data[10:]}", f"{head},{data}".replace("=", "%3D"),
                plain):
        document["buffers"][0]["uri"] = uri
        assert len(read(tmp_path, json.dumps(document).encode(), "chair.gltf").faces) == 2


def test_several_buffers_and_one_that_nothing_needs(tmp_path: Path) -> None:
    file = square()
    text = json.loads(file.document(uri="chair.bin"))
    text["buffers"] += [{"byteLength": 7, "uri": "absent.bin"}, {"byteLength": 12, "uri": "b.bin"}]
    text["bufferViews"][1].update(buffer=2, byteOffset=0)
    (tmp_path / "chair.bin").write_bytes(file.data)
    (tmp_path / "b.bin").write_bytes(file.data[48:])
    assert len(read(tmp_path, json.dumps(text).encode(), "chair.gltf").faces) == 2


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=r"chair\.glb: cannot be read"):
        read_gltf(tmp_path / "chair.glb")


def test_a_path_relative_to_the_folder_one_is_in(tmp_path: Path, monkeypatch) -> None:
    beside(tmp_path, "chair.bin", "chair.bin")
    monkeypatch.chdir(tmp_path)
    assert len(read_gltf(Path("chair.gltf")).faces) == 2
