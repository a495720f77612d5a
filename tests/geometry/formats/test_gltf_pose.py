"""glTF: the default pose, by morph targets and by the joints of skins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gltf_files import CORNERS, File, faces_of, shape, square

from crossmodal.geometry.mesh import MeshError

A, B, C, D = CORNERS.tolist()
UP = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 1]], np.float32)  # C and D rise


def morphing(weights: list | None = None, of_node: list | None = None) -> File:
    """A square with two targets: C and D rise, all move along x."""
    file = File()
    right = np.tile(np.array([1, 0, 0], np.float32), (4, 1))
    targets = [{"POSITION": file.accessor(UP)}, {"POSITION": file.accessor(right)}, {"NORMAL": 0}]
    file.mesh(file.primitive(targets=targets), **({"weights": weights} if weights else {}))
    file.show(file.add("nodes", mesh=0, **({"weights": of_node} if of_node else {})))
    return file


@pytest.mark.parametrize(
    ("weights", "of_node", "second"),
    [
        (None, None, [A, C, D]),
        ([0.5, 0, 0], None, [A, [1, 1, 0.5], [0, 1, 0.5]]),
        ([1, 2, 1], None, [[2, 0, 0], [3, 1, 1], [2, 1, 1]]),
        ([1, 2, 1], [0, -1, 0], [[-1, 0, 0], [0, 1, 0], [-1, 1, 0]]),
    ],
)
def test_targets_move_vertices_as_far_as_their_weights_say(
    tmp_path: Path, weights: list | None, of_node: list | None, second: list
) -> None:
    assert faces_of(shape(morphing(weights, of_node), tmp_path))[1] == second


def test_a_mesh_may_stand_in_two_poses(tmp_path: Path) -> None:
    file = morphing([1, 0, 0])
    file.json["scenes"][0]["nodes"].append(file.add("nodes", mesh=0, weights=[0, 1, 0]))
    assert shape(file, tmp_path).vertices[:, 2].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_broken_targets_are_named(tmp_path: Path) -> None:
    file = morphing([1, 0, 0])
    file.json["accessors"][0]["count"] = 3
    with pytest.raises(MeshError, match="target 0 of primitive 0 of mesh 0 moves 3 vertices"):
        shape(file, tmp_path)
    for weights in (["a"], {"a": 1}, [1e999]):
        with pytest.raises(MeshError, match="mesh 0 has|not a readable"):
            shape(morphing(weights), tmp_path)


def skinned(joints: np.ndarray, weights: np.ndarray, *transforms: dict, inverse: bool = True,
            node: dict | None = None) -> File:
    """A square on joints, which are nodes 1, 2 ...; node 0 has the mesh."""
    file = File()
    file.mesh(file.primitive(attributes={
        "JOINTS_0": file.accessor(joints),
        "WEIGHTS_0": file.accessor(weights, normalized=weights.dtype.kind == "u")}))
    file.add("nodes", mesh=0, skin=0, **(node or {}))
    for transform in transforms:
        file.add("nodes", **transform)
    bind = np.tile(np.eye(4, dtype=np.float32), (len(transforms), 1, 1))
    bind[:, 3, 0] = -10  # column-major: the joints were bound at x = 10
    matrices = {"inverseBindMatrices": file.accessor(bind.reshape(-1, 16))} if inverse else {}
    file.add("skins", joints=list(range(1, len(transforms) + 1)), **matrices)
    file.show(0, *range(1, len(transforms) + 1))
    return file


FIRST = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]], np.uint8)
WHOLE = np.array([[1, 0, 0, 0]] * 4, np.float32)
AT_10 = {"translation": [10, 0, 0]}


def test_joints_move_their_vertices_and_the_mesh_node_does_not(tmp_path: Path) -> None:
    file = skinned(FIRST, WHOLE, AT_10, {"translation": [10, 0, 3]},
                   node={"translation": [50, 50, 50]})
    assert faces_of(shape(file, tmp_path)) == [[A, B, [1, 1, 3]], [A, [1, 1, 3], [0, 1, 3]]]


def test_without_inverse_bind_matrices_joints_move_from_the_origin(tmp_path: Path) -> None:
    file = skinned(FIRST.astype(np.uint16), WHOLE, {}, {"scale": [1, 1, 2]}, inverse=False)
    assert faces_of(shape(file, tmp_path))[0] == [A, B, C]


def test_weights_blend_and_need_not_sum_to_one(tmp_path: Path) -> None:
    joints = np.array([[0, 1, 0, 7]] * 4, np.uint8)  # nothing hangs on the last
    weights = np.array([[51, 51, 0, 0], [255, 255, 0, 0], [0, 9, 0, 0], [0, 0, 0, 0]], np.uint8)
    file = skinned(joints, weights, AT_10, {"translation": [10, 0, 4]})
    assert shape(file, tmp_path).vertices[:, 2].tolist() == [2, 2, 4, 0]


def test_joints_stand_where_their_parents_put_them(tmp_path: Path) -> None:
    file = skinned(FIRST, WHOLE, {"children": [2], **AT_10}, {"translation": [0, 0, 2]})
    file.json["scenes"][0]["nodes"] = [0]  # the joints need not be shown
    assert shape(file, tmp_path).vertices[:, 2].tolist() == [0, 0, 2, 2]


def test_a_mirroring_joint_keeps_the_outside(tmp_path: Path) -> None:
    mirror = {"scale": [-1, 1, 1]}
    content = shape(skinned(FIRST * 0, WHOLE, mirror, inverse=False), tmp_path)
    assert faces_of(content)[0] == [[-1, 1, 0], [-1, 0, 0], [0, 0, 0]]


def test_more_than_four_joints_a_vertex(tmp_path: Path) -> None:
    file = skinned(FIRST * 0, WHOLE, AT_10, {"translation": [10, 0, 4]})
    more = {"JOINTS_1": file.accessor(np.ones((4, 4), np.uint8)),
            "WEIGHTS_1": file.accessor(WHOLE)}
    file.json["meshes"][0]["primitives"][0]["attributes"].update(more)
    assert shape(file, tmp_path).vertices[:, 2].tolist() == [2] * 4


def test_a_primitive_without_joints_stands_with_its_node(tmp_path: Path) -> None:
    file = square()
    file.json["nodes"][0].update(skin=0, translation=[0, 0, 1])
    file.add("skins", joints=[0])
    assert shape(file, tmp_path).vertices[:, 2].tolist() == [1] * 4


def test_morph_targets_come_before_the_skin(tmp_path: Path) -> None:
    file = skinned(FIRST * 0, WHOLE, {"scale": [1, 1, 3]}, inverse=False, node={"weights": [1]})
    primitive = file.json["meshes"][0]["primitives"][0]
    primitive["targets"] = [{"POSITION": file.accessor(UP)}]
    assert shape(file, tmp_path).vertices[:, 2].tolist() == [0, 0, 3, 3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: file.json["nodes"][0].update(skin=4), "node 0 names skin 4, there are 1"),
        (lambda file: file.json["skins"][0].update(joints=[9]), "skin 0 names node 9"),
        (lambda file: file.json["skins"][0].update(joints=[]), "hangs on joint 1, its skin has 0"),
        (lambda file: file.json["skins"][0].update(joints=[1]), "hangs on joint 1, its skin has 1"),
        (lambda file: file.json["skins"][0].update(joints=[1, 2, 1]), "3 joints and 2 inverse"),
        (lambda file: file.json["accessors"][0].update(count=3), "3 joints and 4 weights for 4"),
        (lambda file: file.json["accessors"][1].update(count=2), "4 joints and 2 weights for 4"),
        (lambda file: file.json["nodes"][0].update(extensions={"EXT_mesh_gpu_instancing": {
            "attributes": {"TRANSLATION": 2}}}), "a skin and EXT_mesh_gpu_instancing"),
    ],
)
def test_broken_skins_are_named(tmp_path: Path, change, reason: str) -> None:
    file = skinned(FIRST, WHOLE, AT_10, AT_10)
    change(file)
    with pytest.raises(MeshError, match=reason):
        shape(file, tmp_path)
