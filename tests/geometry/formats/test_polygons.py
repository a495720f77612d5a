"""Polygons in triangles: the right surface, turned the right way, in the order of the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh_files import ELL
from yardstick import relative_time

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats import polygons
from crossmodal.geometry.formats.polygons import cut_polygons, triangles_of_strips, triangulate


def cut(*rings: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles and the polygon of each, of polygons with vertices of their own."""
    vertices = np.array([point for ring in rings for point in ring], np.float64)
    sizes = np.array([len(ring) for ring in rings])
    return (vertices, *triangulate(vertices, np.arange(len(vertices)), sizes))


def signed_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Areas as seen from +z: positive for triangles that turn left."""
    a, b, c = (vertices[faces[:, k], :2] for k in range(3))
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def test_convex_polygons_are_fans_in_the_order_of_the_file() -> None:
    square = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    pentagon = [(0, 0, 0), (2, 0, 0), (3, 1, 0), (1, 2, 0), (-1, 1, 0)]
    _, faces, polygon = cut(pentagon, square[:3], square)
    np.testing.assert_array_equal(
        faces, [[0, 1, 2], [0, 2, 3], [0, 3, 4], [5, 6, 7], [8, 9, 10], [8, 10, 11]])
    np.testing.assert_array_equal(polygon, [0, 0, 0, 1, 2, 2])


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("turn", [1, -1])
def test_a_notch_stays_open_wherever_the_polygon_begins(start: int, turn: int) -> None:
    vertices, faces, _ = cut((ELL[start:] + ELL[:start])[::turn])
    areas = turn * signed_areas(vertices, faces)
    assert areas.min() > 0 and areas.sum() == pytest.approx(7)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concave_polygons_in_every_plane(axis: int) -> None:
    vertices, faces, _ = cut(np.roll(np.array(ELL), axis, axis=1).tolist())
    edges = np.diff(vertices[faces], axis=1)
    normals = np.cross(edges[:, 0], edges[:, 1])
    assert np.linalg.norm(normals, axis=1).sum() / 2 == pytest.approx(7)
    assert np.abs(normals.sum(0)).max() / 2 == pytest.approx(7)  # all turn the same way


def test_a_polygon_with_a_hole_reached_by_a_slit() -> None:
    outer = [(0, 0, 0), (4, 0, 0), (4, 4, 0), (0, 4, 0), (0, 0, 0)]
    hole = [(1, 1, 0), (1, 3, 0), (3, 3, 0), (3, 1, 0), (1, 1, 0)]
    vertices, faces, _ = cut(outer + hole)
    areas = signed_areas(vertices, faces)
    assert (areas > -1e-9).all() and areas.sum() == pytest.approx(12)
    centres = vertices[faces].mean(1)[areas > 1e-9]
    assert not ((centres > 1) & (centres < 3))[:, :2].all(1).any()


def test_a_quad_that_is_not_flat_is_split_at_its_first_corner() -> None:
    _, faces, _ = cut([(0, 0, 0), (1, 0, 0.3), (1, 1, 0), (0, 1, 0.3)])
    np.testing.assert_array_equal(faces, [[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize("start", range(4))
def test_an_arrow_is_split_at_its_notch(start: int) -> None:
    arrow = [(0, 0, 0), (2, 1, 0), (4, 0, 0), (2, 3, 0)]  # the notch is at its second corner
    vertices, faces, _ = cut(arrow[start:] + arrow[:start])
    np.testing.assert_allclose(np.sort(signed_areas(vertices, faces)), [2, 2])


@given(st.lists(st.floats(0.2, 1), min_size=4, max_size=30), st.integers(0, 29))
def test_stars_have_their_area(radii: list[float], start: int) -> None:
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) * np.array(radii)[:, None]
    vertices, faces, _ = cut(np.roll(ring, start, axis=0).tolist())
    x, y = ring[:, 0], ring[:, 1]
    shoelace = (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
    areas = signed_areas(vertices, faces)
    assert areas.min() > -1e-6 and areas.sum() == pytest.approx(shoelace, rel=1e-6)


def test_what_has_no_inside_fails_nothing() -> None:
    line = [(0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)]
    bow = [(0, 0, 0), (2, 2, 0), (2, 0, 0), (0, 2.5, 0)]
    broken = [(0, 0, 0), (np.nan, 0, 0), (1, 1, 0), (0, np.inf, 0), (1e308, -1e308, 0)]
    for ring, triangles in ((line, 2), (bow, 2), (broken, 3), ([(5, 5, 5)] * 4, 2), (line[:2], 0)):
        vertices, faces, polygon = cut(ring)
        assert len(faces) == len(polygon) == triangles
        assert not len(faces) or faces.max() < len(ring)


def test_a_large_polygon_that_crosses_itself_a_little_keeps_its_notch() -> None:
    ring = [*ELL, (4.2, 0.5, 0), (3.9, 0.5, 0)]  # back over its last side
    vertices, faces, _ = cut(ring)
    areas = signed_areas(vertices, faces)
    assert areas.min() > 0 and 7 <= areas.sum() < 7.5


def test_tiny_and_far_polygons_are_cut_alike() -> None:
    near = cut(ELL)[1]
    for scale, shift in ((1e-12, 0), (1e150, 0), (1, 1e6)):
        ring = (np.array(ELL) * scale + shift).tolist()
        np.testing.assert_array_equal(cut(ring)[1], near)


def test_a_polygon_that_is_too_large_to_be_cut_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polygons, "MOST_CORNERS", 5)
    with pytest.raises(MeshError, match=r"a\.obj: line 7: a concave polygon of 6 corn.*at most 5"):
        cut_polygons(tmp_path / "a.obj", np.array(ELL, float), np.arange(6), np.array([6]),
                     lambda number: f"line {number + 7}")


def test_a_vertex_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="face 1: a face names vertex 6, and there are 6"):
        cut_polygons(tmp_path / "a.ply", np.array(ELL, float), np.array([0, 1, 2, 3, 4, 6]),
                     np.array([3, 3]), "face {}".format)


def test_the_largest_polygon_takes_seconds_at_most() -> None:
    random = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, polygons.MOST_CORNERS, endpoint=False)
    radius = random.uniform(0.2, 1, len(angle))
    ring = np.stack([np.cos(angle) * radius, np.sin(angle) * radius, 0 * angle], axis=1)
    assert len(cut(ring.tolist())[1]) == len(ring) - 2
    assert relative_time(lambda: cut(ring.tolist())) < 10  # about 0.3


def test_strips_turn_every_other_triangle_and_end_at_minus_one() -> None:
    corners = np.array([0, 1, 2, 3, 4, -1, 5, 6, 7, -1, 8, 9, 9, 10, 11])
    expected = [[0, 1, 2], [2, 1, 3], [2, 3, 4], [5, 6, 7], [9, 10, 11]]
    faces = triangles_of_strips(corners, np.array([15]))
    np.testing.assert_array_equal(faces, expected)
    apart = triangles_of_strips(np.array([0, 1, 2, 3, 4, 5]), np.array([3, 3]))
    np.testing.assert_array_equal(apart, [[0, 1, 2], [3, 4, 5]])
