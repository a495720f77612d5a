"""glTF: which meshes the scene shows, and where its nodes place them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gltf_files import CORNERS, File, faces_of, scene, shape, square

from crossmodal.geometry.mesh import MeshError

A, B, C, D = CORNERS.tolist()
INSTANCING = "EXT_mesh_gpu_instancing"


def moved(by: tuple[float, float, float], *corners: list) -> list:
    return [np.add(corner, by).tolist() for corner in corners]


@pytest.mark.parametrize(
    ("node", "first"),
    [
        ({"translation": [1, 2, 3]}, [[1, 2, 3], [2, 2, 3], [2, 3, 3]]),
        ({"rotation": [0, 0, 2**-0.5, 2**-0.5]}, [[0, 0, 0], [0, 1, 0], [-1, 1, 0]]),
        ({"rotation": [0, 0, 5, 5]}, [[0, 0, 0], [0, 1, 0], [-1, 1, 0]]),
        ({"rotation": [2**-0.5, 0, 0, 2**-0.5]}, [[0, 0, 0], [1, 0, 0], [1, 0, 1]]),
        ({"scale": [2, 3, 4]}, [[0, 0, 0], [2, 0, 0], [2, 3, 0]]),
        ({"translation": [0, 0, 1], "rotation": [0, 0, 2**-0.5, 2**-0.5], "scale": [2, 1, 1]},
         [[0, 0, 1], [0, 2, 1], [-1, 2, 1]]),
        ({"matrix": [0, 2, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1]},
         [[0, 0, 1], [0, 2, 1], [-1, 2, 1]]),
    ],
)
def test_a_node_places_its_mesh(tmp_path: Path, node: dict, first: list) -> None:
    assert faces_of(shape(scene({"mesh": 0, **node}), tmp_path))[0] == first


def test_transforms_of_parents_come_after_those_of_children(tmp_path: Path) -> None:
    content = shape(scene({"children": [1], "scale": [2, 2, 2]},
                          {"children": [2], "translation": [1, 0, 0]},
                          {"mesh": 0, "translation": [0, 1, 0]}), tmp_path)
    assert faces_of(content)[0] == [[2, 2, 0], [4, 2, 0], [4, 4, 0]]


@pytest.mark.parametrize("scale", [[-1, 1, 1], [-1, -1, -1], [1, 1, -1]])
def test_a_mirrored_mesh_keeps_its_outside(tmp_path: Path, scale: list) -> None:
    """The normals are mirrored as the surface is: what pointed away from it still does."""
    content = shape(scene({"mesh": 0, "scale": scale}), tmp_path)
    corners = content.vertices[content.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    np.testing.assert_allclose(normals, [[0, 0, scale[2]]] * 2)
    assert faces_of(content)[0] == (np.array([C, B, A]) * scale).tolist()


def test_two_mirrors_are_none(tmp_path: Path) -> None:
    content = shape(scene({"children": [1], "scale": [-1, 1, 1]}, {"mesh": 0, "scale": [-1, 1, 1]}),
                    tmp_path)
    assert faces_of(content)[0] == [A, B, C]


def test_a_mesh_stands_at_every_node_that_has_it(tmp_path: Path) -> None:
    content = shape(scene({"mesh": 0}, {"mesh": 0, "translation": [0, 0, 2]}, roots=[0, 1]),
                    tmp_path)
    assert faces_of(content)[::2] == [[A, B, C], moved((0, 0, 2), A, B, C)]
    assert content.parts == 2 and len(content.vertices) == 8


def test_the_default_scene_is_shown_and_the_rest_named(tmp_path: Path) -> None:
    file = scene({"mesh": 0, "translation": [0, 0, 1]}, {"mesh": 1})
    file.mesh()
    file.show(1)
    for number, height in ((0, 1), (1, 0)):
        file.json["scene"] = number
        content = shape(file, tmp_path)
        assert set(content.vertices[:, 2]) == {height}
        assert content.ignored == ("meshes outside the scene",)
    del file.json["scene"]
    assert set(shape(file, tmp_path).vertices[:, 2]) == {1}


def test_without_scenes_all_root_nodes_are_shown(tmp_path: Path) -> None:
    file = scene({"children": [1], "translation": [0, 0, 1]}, {"mesh": 0}, {"mesh": 0})
    del file.json["scenes"]
    content = shape(file, tmp_path)
    assert content.parts == 2 and content.vertices[:, 2].tolist() == [1] * 4 + [0] * 4
    assert content.ignored == ()


def test_a_scene_that_shows_no_mesh_gives_way_to_all_nodes(tmp_path: Path) -> None:
    content = shape(scene({"name": "camera"}, {"mesh": 0, "translation": [0, 0, 1]}), tmp_path)
    assert faces_of(content)[0] == moved((0, 0, 1), A, B, C)
    assert content.ignored == ("the scene, which shows no mesh",)


def test_meshes_that_no_node_has_are_read_as_they_are(tmp_path: Path) -> None:
    file = File()
    file.mesh()
    file.mesh()
    content = shape(file, tmp_path)
    assert content.parts == 2 and content.ignored == ()
    file.show()
    assert shape(file, tmp_path).ignored == ("the scene, which shows no mesh",)


def test_hidden_nodes_are_left_out_with_what_hangs_on_them(tmp_path: Path) -> None:
    hidden = {"extensions": {"KHR_node_visibility": {"visible": False}}}
    file = scene({"mesh": 0, "children": [1]}, {**hidden, "children": [2]}, {"mesh": 0})
    content = shape(file, tmp_path)
    assert content.parts == 1 and content.ignored == ("hidden nodes",)
    file.json["nodes"][0].update(hidden)
    with pytest.raises(MeshError, match="no triangles, only hidden nodes"):
        shape(file, tmp_path)


def test_a_chain_of_ten_thousand_nodes(tmp_path: Path) -> None:
    nodes = [{"children": [n + 1], "translation": [0.5, 0, 0]} for n in range(9_999)]
    content = shape(scene(*nodes, {"mesh": 0}), tmp_path)
    assert faces_of(content)[0] == moved((4999.5, 0, 0), A, B, C)


@pytest.mark.parametrize(
    ("nodes", "roots", "reason"),
    [
        ([{"mesh": 0, "children": [1]}, {"children": [0]}], [0], "node 0 hangs on a cycle"),
        ([{"mesh": 0}, {"children": [2]}, {"children": [1]}], [0], "node 1 hangs on a cycle"),
        ([{"mesh": 0, "children": [0]}], [0], "node 0 hangs on a cycle"),
        ([{"children": [1, 2]}, {"mesh": 0}, {"children": [1]}], [0], "child of nodes 0 and 2"),
        ([{"children": [1]}, {"mesh": 0}], [0, 1], "node 1 stands in scene 0 and is a child"),
        ([{"mesh": 0, "children": [7]}], [0], "node 0 names node 7, there are 1"),
        ([{"mesh": 0, "children": ["x"]}], [0], "no whole numbers"),
        ([{"mesh": 0, "children": {}}], [0], "children that are no list"),
        ([{"mesh": 3}], [0], "node 0 names mesh 3, there are 1"),
        ([{"mesh": None}], [0], "names mesh None"),
        ([{"mesh": 0}], [4], "scene 0 names node 4"),
        ([{"mesh": 0, "matrix": [1] * 15}], [0], "not 16 numbers"),
        ([{"mesh": 0, "matrix": [1, 0, 0, 1] * 4}], [0], "no affine transform"),
        ([{"mesh": 0, "scale": ["1", 1, 1]}], [0], "node 0 has the scale"),
        ([{"mesh": 0, "translation": 5}], [0], "translation that are no list"),
        ([{"mesh": 0, "rotation": [float("nan"), 0, 0, 1]}], [0], "node 0 has the rotation"),
    ],
)
def test_nodes_that_are_no_tree_or_broken_are_named(
    tmp_path: Path, nodes: list, roots: list, reason: str
) -> None:
    with pytest.raises(MeshError, match=reason):
        shape(scene(*nodes, roots=roots), tmp_path)


@pytest.mark.parametrize("number", [5, -1, "0", None])
def test_a_default_scene_that_is_not_there_is_named(tmp_path: Path, number: object) -> None:
    file = square()
    file.json["scene"] = number
    with pytest.raises(MeshError, match="names scene"):
        shape(file, tmp_path)


def instanced(**attributes: np.ndarray) -> File:
    file = scene({"mesh": 0, "translation": [0, 0, 5], "children": [1]}, {"mesh": 0})
    given = {key: file.accessor(rows, normalized=rows.dtype.kind == "i")
             for key, rows in attributes.items()}
    file.json["nodes"][0]["extensions"] = {INSTANCING: {"attributes": given}}
    file.json["extensionsRequired"] = [INSTANCING]
    return file


def test_instances_multiply_a_mesh_but_not_the_nodes_below(tmp_path: Path) -> None:
    file = instanced(
        TRANSLATION=np.array([[0, 0, 0], [4, 0, 0]], np.float32),
        ROTATION=np.array([[0, 0, 0, 127], [0, 0, 127, 0]], np.int8),
        SCALE=np.array([[1, 1, 1], [2, -2, 2]], np.float32),
    )
    content = shape(file, tmp_path)
    assert content.parts == 3
    assert faces_of(content)[::2] == [
        moved((0, 0, 5), A, B, C), [[2, 2, 5], [2, 0, 5], [4, 0, 5]], moved((0, 0, 5), A, B, C)]


@pytest.mark.parametrize(
    "attributes",
    [{}, {"TRANSLATION": CORNERS, "SCALE": CORNERS[:2]}, {"ROTATION": CORNERS}],
)
def test_broken_instances_are_named(tmp_path: Path, attributes: dict) -> None:
    with pytest.raises(MeshError, match=f"{INSTANCING} of node 0|accessor 2 is of type"):
        shape(instanced(**attributes), tmp_path)


def test_a_small_file_cannot_ask_for_endless_copies(tmp_path: Path) -> None:
    file = instanced(TRANSLATION=CORNERS)
    file.json["accessors"][-1].update(count=4_000_000)
    del file.json["accessors"][-1]["bufferView"]
    with pytest.raises(MeshError, match="more than the [0-9]{8} that are read"):
        shape(file, tmp_path)
