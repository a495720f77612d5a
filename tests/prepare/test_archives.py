"""Archives and tables of others that mean harm: bounded, refused by name, written by no name."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from furniture_sources import BED, CATALOGUE, HEADER, icon, write_library
from PIL import Image
from scipy.io import savemat
from small_items import box_obj
from yardstick import relative_time

from crossmodal.data.errors import DataError
from crossmodal.geometry.mesh import MeshError
from crossmodal.prepare import java_properties, matlab_file, sh3f, shapenet_source, stanford_cars
from crossmodal.prepare.java_properties import parse_properties
from crossmodal.prepare.matlab_file import read_mat
from crossmodal.prepare.sh3f import read_icon, read_library, read_mesh
from crossmodal.prepare.shapenet_source import find_models, read_model
from crossmodal.runtime import limits

PIECE = "name#{0}=\nwidth#{0}=1\nheight#{0}=1\ndepth#{0}=1\nmodel#{0}={1}\nicon#{0}={2}\n"


def library(path: Path, catalogue: str, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CATALOGUE, catalogue.encode("iso-8859-1"))
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def one_line(error: BaseException, path: Path) -> None:
    assert str(error).startswith(str(path)) and "\n" not in str(error) and len(str(error)) < 500


@pytest.mark.parametrize("name", ["../../victim.obj", "/etc/victim.obj", "a/..\\..\\victim.obj",
                                  "..", "a.obj\\nb", "victim.obj/.."])
def test_a_models_name_says_nothing_of_where_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It goes to a file of our name in a folder that is removed again."""
    written: list[Path] = []
    real = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes",
                        lambda self, data: written.append(self) or real(self, data))
    stored = name.lstrip("/").replace("\\\\", "\\").replace("\\n", "\n")
    path = library(tmp_path / "M.sh3f", PIECE.format(1, name.replace("\\", "\\\\"), ""),
                   **{stored: box_obj((1, 1, 1))})
    before = sorted(tmp_path.rglob("*"))
    try:
        read_mesh(read_library(path)[0])
    except (ValueError, OSError) as error:
        one_line(error, path)
    assert sorted(tmp_path.rglob("*")) == before
    assert {file.stem for file in written} <= {"model"} and not any(f.exists() for f in written)


def test_a_model_that_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANY_FILE", 2**16)
    path = library(tmp_path / "M.sh3f", PIECE.format(1, "a.obj", "a.png"),
                   **{"a.obj": bytes(2**21), "a.png": bytes(2**21)})
    (piece,) = read_library(path)
    for read in (read_mesh, read_icon):
        with pytest.raises(DataError, match="in it would take 2.0 MiB of memory") as caught:
            read(piece)
        one_line(caught.value, path)


def test_catalogues_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sh3f, "MOST_ENTRIES", 10)
    text = "".join(PIECE.format(number, "", "") for number in range(11))
    for catalogue, why in ((text, "lists 11 pieces of furniture; at most 10"),
                           (HEADER + BED.replace("width#1=100", "width#1=" + "9 " * 10**5),
                            "has 100002 numbers"),
                           (HEADER + BED.replace("width#1=100", "width#1=" + "x" * 10**5),
                            "unreadable numbers"),
                           ("name#" + "1" * 10**5 + "=a\n", "lists no furniture")):
        path = library(tmp_path / "M.sh3f", catalogue)
        with pytest.raises(DataError, match=why) as caught:
            read_library(path)
        one_line(caught.value, path)
    monkeypatch.setattr(sh3f, "LARGEST_CATALOGUE", 1000)
    path = library(tmp_path / "N.sh3f", " " * 2000)
    with pytest.raises(DataError, match="a catalogue of 1.9 KiB; at most 1000 bytes") as caught:
        read_library(path)
    one_line(caught.value, path)


def test_an_icon_of_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sh3f, "MOST_PIXELS", 300)
    path = write_library(tmp_path / "Mini.sh3f")
    with pytest.raises(DataError, match="bed.png: a picture of 20 x 20 pixels") as caught:
        read_icon(read_library(path)[0])
    one_line(caught.value, path)


def test_a_library_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the contents of one with tens of thousands of members takes seconds."""
    path = library(tmp_path / "M.sh3f", "".join(
        PIECE.format(number, "a.obj", "a.png") for number in range(20)),
        **{"a.obj": box_obj((1, 1, 1)), "a.png": icon(alpha=True)},
        **{f"x{number}": b"" for number in range(1000)})
    opened: list[object] = []
    real = zipfile.ZipFile
    monkeypatch.setattr(sh3f.zipfile, "ZipFile", lambda file: opened.append(file) or real(file))
    for piece in read_library(path):
        read_mesh(piece)
        read_icon(piece)
    assert len(opened) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name on this system")
def test_pipes_are_no_archives(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.sh3f")
    with pytest.raises(DataError, match="a.sh3f.*pipe"):
        read_library(tmp_path / "a.sh3f")
    os.mkfifo(tmp_path / "a.mat")
    with pytest.raises(DataError, match="a.mat: .*pipe"):
        read_mat(tmp_path / "a.mat", "annotations")
    os.mkfifo(tmp_path / "a.obj")
    with pytest.raises(MeshError, match="a.obj.*pipe"):
        read_model(tmp_path / "a.obj")


def test_a_shapenet_zip_with_names_and_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                             ) -> None:
    path = tmp_path / "03001627.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("good", "..", "a\\..\\b", "C:x", "x" * 300):
            archive.writestr(f"03001627/{name}/model.obj", box_obj((1, 1, 1)))
        archive.writestr("03001627/bomb/model.obj", bytes(2**21))
    models = find_models(tmp_path, ["chair"]).models["chair"]
    assert sorted(models) == ["bomb", "good"]
    monkeypatch.setattr(limits, "ANY_FILE", 2**16)
    assert len(read_model(path, models["good"].member).faces) == 12
    with pytest.raises(MeshError, match="in it would take 2.0 MiB of memory") as caught:
        read_model(path, models["bomb"].member)
    one_line(caught.value, path)
    assert not shapenet_source._is_name("con") and shapenet_source._is_name("1a2b")


@pytest.mark.parametrize("make", [
    lambda n: b"a=" + b"\\\n" * n, lambda n: b"a" * n, lambda n: b"a " + b"\\t" * (n // 2),
    lambda n: b" " * n + b"x", lambda n: b"a=b\n" * (n // 4), lambda n: b"\\u0041" * (n // 6)],
    ids=["continued", "key", "escapes", "blanks", "lines", "letters"])
def test_properties_take_a_time_that_grows_with_their_length(make) -> None:
    short, long = make(20_000), make(160_000)
    assert relative_time(lambda: parse_properties(long)) < 40 * max(
        relative_time(lambda: parse_properties(short)), 0.01)


def test_a_line_of_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java_properties, "LONGEST", 1000)
    with pytest.raises(ValueError, match="a line of 2002 letters; at most 1000"):
        parse_properties(b"a=" + b"b" * 2000)
    with pytest.raises(ValueError, match="a line of 2002 letters"):
        parse_properties(b"a=" + b"b\\\n" * 2000)


def compressed(data: bytes) -> bytes:
    packed = zlib.compress(data, 9)
    head = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x100) + b"IM"
    return head + struct.pack("<II", 15, len(packed)) + packed


def test_a_mat_file_that_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANY_FILE", 2**20)
    path = tmp_path / "a.mat"
    path.write_bytes(compressed(bytes(2**23)))
    with pytest.raises(DataError, match="what is packed in it would take .* of memory") as caught:
        read_mat(path, "annotations")
    one_line(caught.value, path)


def test_a_mat_file_that_nothing_here_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    for data in (b"MATLAB 7.3 MAT-file".ljust(512) + matlab_file.HDF5, matlab_file.HDF5 + bytes(9)):
        path.write_bytes(data)
        with pytest.raises(DataError, match="MATLAB 7.3 .HDF5.; save it again with -v7") as caught:
            read_mat(path, "annotations")
        one_line(caught.value, path)


def test_a_mat_file_that_claims_millions_of_cells(tmp_path: Path) -> None:
    """SciPy makes an array of them all before it looks for the first."""
    cells = 10**9
    matrix = (struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 1, cells)
              + struct.pack("<II8s", 1, 8, b"annotati"))
    path = tmp_path / "a.mat"
    path.write_bytes(compressed(struct.pack("<II", 14, len(matrix)) + matrix))
    with pytest.raises(DataError, match="a.mat") as caught:
        read_mat(path, "annotati")
    one_line(caught.value, path)


def test_a_mat_file_is_read_as_before(tmp_path: Path) -> None:
    from scipy.io import loadmat

    rows = np.array([("a.jpg", 1, 2, 30, 40), ("b.jpg", 5, 6, 70, 80)], [
        ("fname", object), *((f"bbox_{k}", object) for k in ("x1", "y1", "x2", "y2"))])
    for packed in (True, False):
        savemat(tmp_path / "a.mat", {"annotations": rows, "other": np.ones(9)},
                do_compression=packed)
        expected = loadmat(str(tmp_path / "a.mat"), simplify_cells=True)["annotations"]
        assert repr(read_mat(tmp_path / "a.mat", "annotations")) == repr(expected)
    assert [name for name, _ in stanford_cars._read_mat(tmp_path / "a.mat")] == ["a.jpg", "b.jpg"]


def test_what_is_no_picture_in_a_library_is_named(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    path = library(tmp_path / "M.sh3f", PIECE.format(1, "", "a.png"),
                   **{"a.png": file.getvalue()[:40]})
    with pytest.raises(DataError, match="a.png: no whole picture of a kind") as caught:
        read_icon(read_library(path)[0])
    one_line(caught.value, path)
