"""Files that are something else than their name says: the refusal tells what."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossmodal.geometry.formats.registry import SUFFIXES
from crossmodal.geometry.mesh import MeshError, load_mesh
from crossmodal.runtime.what_it_is import describe

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 1234\n"
KINDS = {
    "git LFS pointer.*git lfs pull": POINTER,
    "web page": b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>404</body></html>",
    "gzip": b"\x1f\x8b\x08\x00" + bytes(20),
    "zip archive; unpack": b"PK\x03\x04" + bytes(40),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(40),
    "rar": b"Rar!\x1a\x07\x01\x00" + bytes(40),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_format_names_what_stands_in_its_place(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    path = tmp_path / f"chair{suffix}"
    path.write_bytes(KINDS[kind])
    itself = {".npz": r"not a readable \.npz", ".3mf": "no whole 3MF file"}.get(suffix, kind)
    expected = itself if kind.startswith("zip") else kind
    with pytest.raises(MeshError, match=rf"chair\{suffix}.*{expected}"):
        load_mesh(path)


@pytest.mark.parametrize("beginning", [b"", b"v 0 0 0\n", b"glTF\x02\x00\x00\x00", b"{}", b"PK"])
def test_models_are_not_described(beginning: bytes) -> None:
    assert describe(beginning) is None
