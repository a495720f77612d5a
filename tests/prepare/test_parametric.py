"""Parametric furniture: solids are closed, every seed is another plausible piece."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from crossmodal.geometry.mesh import Mesh, face_normals
from crossmodal.geometry.render import render_views
from crossmodal.prepare.parametric import MAKERS, legs, solids

SOLIDS = {
    "box": (solids.box((1, 2, 3), (0, 0, 0)), 6.0),
    "cushion": (solids.cushion((1, 2, 3), (1, 1, 1), 0.2, steps=12), 5.79),
    "sharp cushion": (solids.cushion((1, 2, 3), (0, 0, 0), 1e-4), 6.0),
    "rod": (solids.rod((0, 0, 0), (0, 2, 0), 0.1, sides=64), np.pi * 0.01 * 2),
    "cone": (solids.rod((1, 0, 0), (0, 1, 1), 0.3, 0.1, sides=64), np.pi * 0.13 / 3 * np.sqrt(3)),
    "turned": (solids.turned([(1, 0), (0.5, 1)], (0, 0, 0), sides=96), np.pi * 1.75 / 3),
    "plate": (solids.plate(solids.ellipse(2, 1, sides=96), 0.1, (0, 5, 0)), np.pi / 2 * 0.1),
    "trapezoid": (solids.plate(solids.trapezoid(2, 1, 1), 0.5, (0, 0, 0)), 0.75),
    "tube": (solids.tube([(0, 0, 0), (1, 0, 0), (2, 0, 0)], [0.1] * 3, 64), np.pi * 0.01 * 2),
}


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.parametrize("name", SOLIDS)
def test_solids_are_closed_outward_and_as_large_as_they_should_be(name: str) -> None:
    mesh, volume = SOLIDS[name]
    body = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    assert body.is_watertight and body.is_winding_consistent
    assert body.volume == pytest.approx(volume, rel=0.01)  # negative if inside out


def test_tilting_keeps_the_pivot_and_the_volume() -> None:
    mesh = solids.tilted(solids.box((1, 1, 1), (0, 0.5, 0)), 90, (0, 0, 0))
    np.testing.assert_allclose(mesh.vertices.min(0), [-0.5, -0.5, 0], atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(0), [0.5, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("category", MAKERS)
def test_every_piece_is_sound_upright_and_of_a_plausible_size(category: str) -> None:
    for seed in range(40):
        mesh = MAKERS[category](rng(seed))
        low, high = mesh.vertices.min(0), mesh.vertices.max(0)
        assert np.isfinite(mesh.vertices).all()
        assert low[1] == pytest.approx(0, abs=0.06), seed  # stands on the floor
        assert (high - low > 0.2).all() and (high - low < 3.8).all(), seed
        assert 50 < len(mesh.faces) < 40_000
        areas = np.linalg.norm(face_normals(mesh.triangles), axis=1)
        assert (areas > 0).mean() > 0.98


@pytest.mark.parametrize("category", MAKERS)
def test_same_seed_same_piece_other_seed_another(category: str) -> None:
    first, again = MAKERS[category](rng(1)), MAKERS[category](rng(1))
    np.testing.assert_array_equal(first.vertices, again.vertices)
    views = [render_views(MAKERS[category](rng(seed)), 2, 48) for seed in range(12)]
    for index, view in enumerate(views):
        for other in views[:index]:
            assert (np.abs(view.astype(int) - other) > 20).mean() > 0.01


@pytest.mark.parametrize(
    "maker", ["four_legs", "panels", "sled", "crossed", "hairpins", "pedestal", "trestle"]
)
def test_stands_reach_from_the_floor_to_the_given_height(maker: str) -> None:
    for seed in range(10):
        parts: list[Mesh] = getattr(legs, maker)(rng(seed), 1.0, 0.6, 0.7)
        vertices = np.concatenate([part.vertices for part in parts])
        assert vertices[:, 1].min() == pytest.approx(0, abs=0.06)
        assert vertices[:, 1].max() == pytest.approx(0.7, abs=0.06)
