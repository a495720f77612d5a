"""glTF: colours of faces, from vertices, materials and the mean of textures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from gltf_files import CORNERS, File, shape, square
from PIL import Image

from crossmodal.geometry.formats import gltf_colours
from crossmodal.geometry.formats.image_colour import mean_colour, to_srgb

HALF = 188  # sRGB of half the light of white


def coloured(rows: np.ndarray | None = None, material: dict | None = None) -> File:
    """A square with colours of its vertices and a material."""
    file = File()
    primitive = file.primitive()
    if rows is not None:
        primitive["attributes"]["COLOR_0"] = file.accessor(rows, normalized=rows.dtype.kind == "u")
    if material is not None:
        primitive["material"] = file.add("materials", **material)
    file.mesh(primitive)
    return file


def factor(*colour: float) -> dict:
    return {"pbrMetallicRoughness": {"baseColorFactor": [*colour, 1]}}


def colours(file: File, folder: Path) -> list | None:
    found = shape(file, folder).colours
    assert found is None or found.dtype == np.uint8
    return None if found is None else found.tolist()


def picture(colour: tuple = (255, 0, 0), size: tuple = (8, 8), kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, kind)
    return data.getvalue()


def textured(image: dict, **about: object) -> File:
    file = coloured(material={"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, **about}})
    file.add("textures", source=0)
    file.add("images", **image)
    return file


def test_srgb_of_linear_light() -> None:
    np.testing.assert_array_equal(to_srgb(np.array([0, 0.001, 0.2158605, 0.5, 1])),
                                  [0, 3, 128, HALF, 255])


def test_no_colours_and_no_material_is_none(tmp_path: Path) -> None:
    assert colours(coloured(), tmp_path) is None


@pytest.mark.parametrize(
    ("material", "expected"),
    [
        (factor(1, 0.5, 0), [255, HALF, 0]),
        (factor(2, -1, 0), [255, 0, 0]),
        ({}, [255, 255, 255]),
        ({"pbrMetallicRoughness": {}}, [255, 255, 255]),
        ({"extensions": {"KHR_materials_pbrSpecularGlossiness": {"diffuseFactor": [0, 0, 1, 1]}}},
         [0, 0, 255]),
    ],
)
def test_the_factor_of_a_material(tmp_path: Path, material: dict, expected: list) -> None:
    assert colours(coloured(material=material), tmp_path) == [expected] * 2


@pytest.mark.parametrize(("dtype", "one"), [(np.float32, 1), (np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("width", [3, 4])
def test_colours_of_vertices_are_averaged_over_a_face(
    tmp_path: Path, dtype: type, one: int, width: int
) -> None:
    rows = np.zeros((4, width), dtype)
    rows[0], rows[3, :3] = one, (0, one, 0)  # the corner A is white, D green
    third, two = (int(to_srgb(np.array(share / 3))) for share in (1, 2))
    assert colours(coloured(rows), tmp_path) == [[third] * 3, [third, two, third]]
    half = colours(coloured(rows, factor(0, 1, 0)), tmp_path)
    assert half == [[0, third, 0], [0, two, 0]]


def test_a_part_without_colours_is_white_beside_a_red_one(tmp_path: Path) -> None:
    file = coloured(material=factor(1, 0, 0))
    file.json["meshes"][0]["primitives"].append(file.primitive())
    assert colours(file, tmp_path) == [[255, 0, 0]] * 2 + [[255, 255, 255]] * 2


def test_copies_have_the_colours_of_their_faces(tmp_path: Path) -> None:
    file = coloured(np.repeat(np.eye(4, dtype=np.float32), [3, 1, 0, 0], axis=0))
    place = {"TRANSLATION": file.accessor(CORNERS)}
    file.show(file.add("nodes", mesh=0, extensions={
        "EXT_mesh_gpu_instancing": {"attributes": place}}))
    found = colours(file, tmp_path)
    assert found is not None and len(found) == 8 and found[:2] * 4 == found


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_mean_of_a_texture_in_a_view_or_in_a_file(tmp_path: Path, kind: str) -> None:
    data = picture((100, 150, 200), kind=kind)
    file = textured({"mimeType": f"image/{kind.lower()}"})
    file.json["images"][0]["bufferView"] = file.view(data)
    (tmp_path / "my wood.img").write_bytes(data)
    for each in (file, textured({"uri": "my%20wood.img"})):
        content = shape(each, tmp_path)
        assert content.colours is not None and content.ignored == ("textures",)
        np.testing.assert_allclose(content.colours, [[100, 150, 200]] * 2, atol=2)


def test_the_mean_is_of_light_and_times_the_factor(tmp_path: Path) -> None:
    board = Image.new("RGB", (2, 1), "white")
    board.putpixel((0, 0), (0, 0, 0))
    board.save(tmp_path / "board.png")
    image = {"uri": "board.png"}
    assert colours(textured(image), tmp_path) == [[HALF] * 3] * 2
    assert colours(textured(image, baseColorFactor=[1, 0, 0, 1]), tmp_path) == [[HALF, 0, 0]] * 2


@pytest.mark.parametrize(
    "image",
    [{}, {"uri": "absent.png"}, {"uri": "../wood.png"}, {"uri": "http://host/wood.png"},
     {"uri": "broken.png"}, {"uri": "cut.png"}, {"uri": "data:image/png;base64,####"},
     {"bufferView": 99}, {"uri": 3}, {"uri": "large.png"}],
)
def test_a_texture_that_cannot_be_read_costs_only_its_colour(
    tmp_path: Path, image: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gltf_colours, "MOST_PIXELS", 99)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG broken")
    (tmp_path / "cut.png").write_bytes(picture()[:60])
    (tmp_path / "large.png").write_bytes(picture(size=(10, 10)))
    file = textured(image, baseColorFactor=[1, 0, 0, 1])
    assert colours(file, tmp_path) == [[255, 0, 0]] * 2
    del file.json["textures"]
    assert colours(file, tmp_path) == [[255, 0, 0]] * 2


@pytest.mark.parametrize("index", [5, -1, "0"])
def test_broken_colours_are_no_colours(tmp_path: Path, index: object) -> None:
    file = coloured(material=factor(1, 0, 0))
    file.json["meshes"][0]["primitives"][0]["material"] = index
    assert colours(file, tmp_path) is None
    file = coloured(np.ones((4, 3), np.float32))
    file.json["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = index
    assert colours(file, tmp_path) is None


def test_numbers_that_are_no_colours(tmp_path: Path) -> None:
    assert colours(coloured(np.full((4, 3), np.nan, np.float32)), tmp_path) == [[0, 0, 0]] * 2
    file = square()
    primitive = file.json["meshes"][0]["primitives"][0]
    primitive["attributes"]["COLOR_0"] = file.accessor(np.ones((3, 3), np.float32))
    assert colours(file, tmp_path) is None


def test_an_image_that_claims_too_many_pixels_is_not_decoded() -> None:
    claim = bytearray(picture(size=(1, 1)))
    claim[16:24] = (60_000).to_bytes(4, "big") * 2
    assert mean_colour(bytes(claim), 64 << 20) == (None, 0)
