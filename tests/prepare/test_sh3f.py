"""Sweet Home 3D libraries: what is in them, and libraries that are broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from furniture_sources import BED, HEADER, LAMP, write_library

from crossmodal.geometry.mesh import MeshError
from crossmodal.prepare.sh3f import read_icon, read_library, read_mesh


def test_the_catalogue_is_read(tmp_path: Path) -> None:
    bed, lamp = read_library(write_library(tmp_path / "Mini.sh3f"))
    assert (bed.id, bed.name, bed.category) == ("Mini_0001", "Lit démo", "Living room")
    assert bed.key == "living_room/Mini_0001" and bed.size == (100, 50, 200)
    assert (bed.creator, bed.licence) == ("Ada", "Public domain")
    assert (lamp.creator, lamp.licence) == ("Bob", "CC-BY")


def test_models_are_scaled_to_their_real_size_and_turned_upright(tmp_path: Path) -> None:
    bed, lamp = read_library(write_library(tmp_path / "Mini.sh3f"))
    extent = np.ptp(read_mesh(bed).vertices, axis=0)
    np.testing.assert_allclose(extent / extent[1], [2, 1, 4], rtol=1e-5)
    extent = np.ptp(read_mesh(lamp).vertices, axis=0)
    np.testing.assert_allclose(extent / extent[0], [1, 4, 1], rtol=1e-5)


def test_the_mask_comes_from_transparency_or_the_white_background(tmp_path: Path) -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[5:15, 5:15] = 255
    for piece in read_library(write_library(tmp_path / "Mini.sh3f")):
        image, mask = read_icon(piece)
        np.testing.assert_array_equal(mask, truth)
        assert (image[0, 0] == 255).all() and tuple(image[10, 10]) == (200, 30, 30)


def test_broken_libraries_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.sh3f").touch()
    (tmp_path / "text.sh3f").write_text("no zip file")
    whole = write_library(tmp_path / "whole.sh3f").read_bytes()
    (tmp_path / "cut.sh3f").write_bytes(whole[: len(whole) // 2])
    write_library(tmp_path / "none.sh3f", HEADER)
    write_library(tmp_path / "width.sh3f", HEADER + BED.replace("width#1=100", "width#1=wide"))
    write_library(tmp_path / "turn.sh3f", HEADER + LAMP.replace("0 -1 0", "0 -1"))
    for name in ("empty", "text", "cut", "none", "width", "turn", "absent"):
        with pytest.raises(ValueError, match=rf"{name}\.sh3f"):
            read_library(tmp_path / f"{name}.sh3f")


def test_missing_members_cost_their_piece(tmp_path: Path) -> None:
    wrong = HEADER + BED.replace("bed/bed.obj", "gone.obj") + LAMP.replace("/mini/lamp.png", "")
    bed, lamp = read_library(write_library(tmp_path / "Mini.sh3f", wrong))
    with pytest.raises(FileNotFoundError, match=r"Mini\.sh3f: /mini/gone\.obj"):
        read_mesh(bed)
    with pytest.raises(ValueError, match="names no icon for Mini_0002"):
        read_icon(lamp)
    no_model = read_library(
        write_library(
            tmp_path / "M.sh3f", HEADER + "name#1=Box\nwidth#1=1\nheight#1=1\ndepth#1=1\n"
        )
    )
    with pytest.raises(MeshError, match="names no model"):
        read_mesh(no_model[0])
