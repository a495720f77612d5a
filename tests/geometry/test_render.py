"""Gray views: what is seen where, against a hand-written ray caster, and how fast."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from simple_shapes import cube, marked_body, sphere
from yardstick import relative_time

from crossmodal.geometry.camera import FRAME_MARGIN, Camera
from crossmodal.geometry.mesh import make_mesh, normalise
from crossmodal.geometry.raycast import Caster
from crossmodal.geometry.render import BACKGROUND, box_downsample, render_views


def first_hit_slowly(triangles: np.ndarray, origin: np.ndarray, ray: np.ndarray) -> float:
    """Distance of the first triangle on a ray (Moller and Trumbore, one by one), or infinity."""
    best = np.inf
    for a, b, c in triangles.astype(np.float64):
        normal = np.cross(ray, c - a)
        det = np.dot(b - a, normal)
        if abs(det) < 1e-12:
            continue
        s = origin - a
        u = np.dot(s, normal) / det
        q = np.cross(s, b - a)
        v, t = np.dot(ray, q) / det, np.dot(c - a, q) / det
        if u >= 0 and v >= 0 and u + v <= 1 and t > 0:
            best = min(best, t)
    return best


def test_shape_type_and_background() -> None:
    views = render_views(cube(), count=5, size=40)
    assert views.shape == (5, 40, 40) and views.dtype == np.uint8
    assert (views[:, 0, :] == BACKGROUND).all() and (views[:, :, 0] == BACKGROUND).all()
    assert (views[:, 20, 20] < 240).all()


def test_same_bytes_every_time() -> None:
    first, again = (render_views(marked_body(), 3, 64).tobytes() for _ in range(2))
    assert first == again


def test_distances_agree_with_a_slow_ray_caster() -> None:
    mesh = normalise(marked_body())
    origin, directions = Camera(25, 35).rays(16)
    hits = Caster(mesh).cast(origin, directions)
    slow = np.array([first_hit_slowly(mesh.triangles, origin, ray) for ray in directions])
    np.testing.assert_array_equal(hits.hit, np.isfinite(slow))
    np.testing.assert_allclose(hits.distance, slow[hits.hit], rtol=1e-5)
    corners = mesh.triangles[hits.face]
    place = np.einsum("hc,hcx->hx", hits.weights, corners)
    seen = origin + directions[hits.hit] * hits.distance[:, None]
    np.testing.assert_allclose(place, seen, atol=1e-5)


def test_a_sphere_fills_the_frame_as_a_unit_sphere_should() -> None:
    view = render_views(sphere(48), 1, 200)[0]
    rows, columns = np.nonzero(view < BACKGROUND)
    half = np.tan(np.radians(15))
    distance = FRAME_MARGIN / np.sin(np.radians(15))
    radius = np.tan(np.arcsin(1 / distance)) / half
    assert (np.ptp(columns) + 1) / 200 == pytest.approx(radius, abs=0.015)
    assert (np.ptp(rows) + 1) / 200 == pytest.approx(radius, abs=0.015)
    assert 0.9 < radius < 1


def test_size_and_place_of_the_mesh_do_not_matter() -> None:
    mesh = marked_body()
    moved = make_mesh(mesh.vertices * 40 + [100, -7, 3], mesh.faces)
    difference = render_views(mesh, 2, 64).astype(int) - render_views(moved, 2, 64)
    assert (np.abs(difference) > 3).mean() < 0.01


def test_orientation_front_left_and_top_are_seen_where_they_are() -> None:
    """The box is centred, so the bulk of the body lies on the other side than a small marker."""
    views = render_views(marked_body(), 4, 96, elevation=0.0) < BACKGROUND
    rows, columns = np.indices((96, 96))
    bulk_x = [columns[view].mean() - 47.5 for view in views]
    bulk_y = [rows[view].mean() - 47.5 for view in views]
    assert bulk_x[0] < -3  # from the front, the marker on +x is to the right
    assert bulk_x[1] > 3  # from +x, the one in front (+z) is to the left
    assert bulk_x[2] > 3  # from behind, the one on +x is to the left
    assert bulk_x[3] < -3  # from -x, the one in front is to the right
    assert min(bulk_y) > 3  # the one on +y is at the top


def test_turning_the_mesh_turns_the_views() -> None:
    mesh = marked_body()
    turn = Rotation.from_euler("y", -90, degrees=True).as_matrix()
    turned = make_mesh(mesh.vertices @ turn.T, mesh.faces)
    side, front = render_views(mesh, 12, 64)[3], render_views(turned, 12, 64)[0]
    assert np.abs(side.astype(int) - front).mean() < 0.5
    assert np.abs(side.astype(int) - render_views(mesh, 12, 64)[0]).mean() > 5


def test_faces_of_a_box_differ_in_brightness_and_winding_does_not_matter() -> None:
    mesh = cube()
    view = render_views(mesh, 8, 96)[1]
    levels = {int(v) for v in (view[30, 48], view[60, 30], view[60, 66])}
    assert len(levels) == 3 and max(levels) - min(levels) > 15 and max(levels) < 245
    inside_out = make_mesh(mesh.vertices, mesh.faces[:, ::-1])
    np.testing.assert_array_equal(render_views(inside_out, 8, 96)[1], view)


def test_box_downsample_is_the_mean_of_each_block() -> None:
    image = np.arange(32, dtype=np.float32).reshape(4, 8)
    slow = image.reshape(2, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(box_downsample(image, 2), slow)


def test_twelve_views_of_eight_thousand_faces_are_quick() -> None:
    mesh = sphere(45)
    assert 7900 < len(mesh.faces) < 8200
    render_views(mesh, 1, 224)
    assert relative_time(lambda: render_views(mesh)) < 25  # about 6
