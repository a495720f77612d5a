"""Closed or open, and which way up."""

from __future__ import annotations

import numpy as np
import pytest
from simple_shapes import cube, sphere

from crossmodal.geometry.mesh import Mesh, make_mesh, merge
from crossmodal.geometry.mesh_facts import is_watertight, likely_up


def scaled(mesh: Mesh, size: tuple[float, float, float]) -> Mesh:
    return make_mesh(mesh.vertices * np.array(size), mesh.faces)


def test_a_box_is_closed_and_without_a_side_it_is_not() -> None:
    box = cube()
    assert is_watertight(box)
    assert not is_watertight(make_mesh(box.vertices, box.faces[:-2]))


def test_corners_that_are_written_once_a_face_do_not_open_it() -> None:
    box = cube()
    apart = make_mesh(box.triangles.reshape(-1, 3), np.arange(36).reshape(12, 3))
    assert is_watertight(apart)


def test_two_boxes_that_touch_along_an_edge_have_an_edge_of_four_faces() -> None:
    assert not is_watertight(merge([cube(), cube(centre=(2, 2, 0))]))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_lamp_stands_on_its_foot(axis: int, sign: str) -> None:
    """A flat plate, a thin pole, a ball on top; then turned."""
    plate = scaled(cube(), (1, 0.05, 1))
    pole = make_mesh(scaled(cube(), (0.05, 1, 0.05)).vertices + [0, 1, 0], cube().faces)
    ball = make_mesh(sphere(8).vertices * 0.4 + [0, 2, 0], sphere(8).faces)
    lamp = merge([plate, pole, ball])
    vertices = np.roll(lamp.vertices, axis - 1, axis=1) * (-1 if sign else 1)
    assert likely_up(make_mesh(vertices, lamp.faces)) == f"{sign}{'xyz'[axis]}"


def test_of_a_ball_or_a_cube_it_is_not_clear() -> None:
    assert likely_up(sphere(8)) is None
    assert likely_up(cube()) is None
