"""Which files a model needs beside its own: those it names, that exist, in its folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from gltf_files import glb
from yardstick import relative_time

from crossmodal.geometry.formats.companions import companions

FACE = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


def names(path: Path) -> list[str]:
    return [file.relative_to(path.parent).as_posix() for file in companions(path)]


@pytest.mark.parametrize("suffix", [".gltf", ".glb"])
def test_buffers_and_images_of_a_gltf(tmp_path: Path, suffix: str) -> None:
    text = json.dumps({
        "buffers": [{"uri": "my%20chair.bin"}, {"uri": "data:;base64,AAAA"}, {}, 3,
                    {"uri": "absent.bin"}, {"uri": "../secret"}, {"uri": 5}],
        "images": [{"uri": "wood.png"}, {"bufferView": 0}, {"uri": "http://host/wood.png"},
                   {"uri": "wood.png"}],
    }).encode()
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").touch()
    put(folder, {"my chair.bin": b"1", "wood.png": b"2", "else.png": b"3"})
    path = folder / f"chair{suffix}"
    path.write_bytes(text if suffix == ".gltf" else glb(text, bytes(8)))
    assert names(path) == ["my chair.bin", "wood.png"]


@pytest.mark.parametrize(
    "line",
    [b"mtllib a.mtl\n", b"# wood\nmtllib\ta.mtl  \r\n", b"  mtllib ./a.mtl", b"\rmtllib a.mtl\r",
     b"\xef\xbb\xbfmtllib a.mtl\n", b"mtllib none.mtl\nmtllib a.mtl\nmtllib a.mtl\n",
     b"mtllib none.mtl a.mtl\n", FACE * 9 + b"mtllib a.mtl"],
)
def test_materials_of_an_obj(tmp_path: Path, line: bytes) -> None:
    put(tmp_path, {"chair.obj": line + b"\n" + FACE * 3, "a.mtl": b"newmtl wood\n"})
    assert names(tmp_path / "chair.obj") == ["a.mtl"]


@pytest.mark.parametrize(
    "line", [b"# mtllib a.mtl\n", b"o mtllib a.mtl\n", b"mtllibs a.mtl\n", b"mtllib ../m/a.mtl\n",
             b"mtllib /a.mtl", b"mtllib C:\\a.mtl", b"mtllib", b"mtllib \0"])
def test_what_names_no_material(tmp_path: Path, line: bytes) -> None:
    put(tmp_path, {"chair.obj": line, "a.mtl": b""})
    assert names(tmp_path / "chair.obj") == []


def test_several_materials_and_names_with_spaces(tmp_path: Path) -> None:
    umlaut = os.fsdecode(b"St\xfchle.mtl")
    put(tmp_path, {"a.mtl": b"", "b c.mtl": b"", "d.mtl": b"", umlaut: b"",
                   "chair.obj": b"mtllib a.mtl d.mtl\nmtllib b c.mtl\nmtllib St\xfchle.mtl"})
    assert names(tmp_path / "chair.obj") == ["a.mtl", "d.mtl", "b c.mtl", umlaut]


def test_textures_that_materials_name(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    material = (b"newmtl wood\n map_Kd -s 1 1 1 maps\\wood grain.png\nmap_Ks absent.png\r\n"
                b"BUMP -bm 0.5 wood.png\nrefl -type sphere sky.jpg\n# map_Ka no.png\nKd 1 1 1\n"
                b"map_Ka /etc/passwd\nmap_d ../x.png\ndisp")
    put(tmp_path, {"chair.obj": b"mtllib a.mtl\n", "a.mtl": material, "wood.png": b"",
                   "sky.jpg": b"", "no.png": b"", "maps/wood grain.png": b""})
    assert names(tmp_path / "chair.obj") == ["a.mtl", "maps/wood grain.png", "wood.png", "sky.jpg"]


@pytest.mark.parametrize("name", ["chair.gltf", "chair.glb", "chair.obj", "chair.OBJ", "chair.ply",
                                  "chair.npz", "photo.jpg", "none.obj", "none.gltf", "folder.obj"])
@pytest.mark.parametrize("data", [b"", b"glTF", b"glTF" + b"\xff" * 30, b"[" * 9999, b"\0" * 99,
                                  b'{"buffers": 3, "images": {"uri": "a.png"}}', b"mtllib a\0b\n"])
def test_broken_and_other_files_have_none(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / "folder.obj").mkdir()
    if not name.startswith(("none", "folder")):
        (tmp_path / name).write_bytes(data)
    assert companions(tmp_path / name) == []


@pytest.mark.parametrize("text", [b"\n" * 1_000_000, b"map_Kd" + b" " * 1_000_000,
                                  b"map_Kd " * 100_000, b"map_Kd a b c d e f g\n" * 100_000],
                         ids=["lines", "spaces", "words", "names"])
def test_a_file_of_materials_cannot_take_long(tmp_path: Path, text: bytes) -> None:
    put(tmp_path, {"chair.obj": b"mtllib a.mtl\n", "a.mtl": text})
    assert names(tmp_path / "chair.obj") == ["a.mtl"]
    assert relative_time(lambda: companions(tmp_path / "chair.obj")) < 8


def test_a_large_obj_is_looked_through_quickly(tmp_path: Path) -> None:
    put(tmp_path, {"chair.obj": FACE * 1_000_000 + b"mtllib a.mtl\n", "a.mtl": b""})
    assert names(tmp_path / "chair.obj") == ["a.mtl"]
    assert relative_time(lambda: companions(tmp_path / "chair.obj")) < 4  # about 0.1
