"""Shaded grayscale views of a mesh by ray casting; no display, no graphics card.

View i of V is seen from azimuth i * 360 / V. The background is white (255); the object is shaded by
two lights that travel with the camera (a headlight and a softer one from above left), both
two-sided, so that top, left and right faces differ and every silhouette stands out from the
background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossmodal.geometry.camera import Camera
from crossmodal.geometry.mesh import Mesh, normalise
from crossmodal.geometry.raycast import Caster
from crossmodal.geometry.smoothing import corner_normals

BACKGROUND = 255


@dataclass(frozen=True)
class ViewSettings:
    """How gray views are made; brightness values are fractions of white."""

    count: int = 12  # views, evenly spaced around the object
    size: int = 224  # pixels of each side
    elevation: float = 30.0  # degrees above the floor
    field_of_view: float = 30.0  # degrees
    supersampling: int = 2  # rays per pixel and axis
    ambient: float = 0.15  # brightness everywhere
    headlight: float = 0.35  # from the camera
    keylight: float = 0.45  # from above and left of the camera
    crease: float = 40.0  # degrees; flatter bends are shaded smooth


DEFAULT = ViewSettings()


def render_views(
    mesh: Mesh,
    count: int = 12,
    size: int = 224,
    elevation: float = 30.0,
    settings: ViewSettings = DEFAULT,
) -> np.ndarray:
    """(count, size, size) uint8 gray views; the mesh is normalised to the unit sphere first."""
    mesh = normalise(mesh)
    caster = Caster(mesh)
    normals = corner_normals(mesh, settings.crease)
    views = np.empty((count, size, size), np.uint8)
    for index in range(count):
        camera = Camera(360.0 * index / count, elevation, field_of_view=settings.field_of_view)
        views[index] = _render_view(caster, normals, camera, size, settings)
    return views


def interpolate_normals(normals: np.ndarray, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(H, 3) unit normals at hit points from corner normals (M, 3, 3)."""
    mixed = np.einsum("hc,hcx->hx", weights, normals[face])
    return mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)


def box_downsample(image: np.ndarray, factor: int) -> np.ndarray:
    """(H*f, W*f, ...) float image averaged over f x f blocks: (H, W, ...)."""
    total = np.zeros_like(image[::factor, ::factor])
    for row in range(factor):
        for column in range(factor):
            total += image[row::factor, column::factor]
    return total / np.float32(factor**2)


def _render_view(
    caster: Caster, normals: np.ndarray, camera: Camera, size: int, settings: ViewSettings
) -> np.ndarray:
    fine = size * settings.supersampling
    origin, directions = camera.rays(fine)
    hits = caster.cast(origin, directions)
    normal = interpolate_normals(normals, hits.face, hits.weights)
    toward = -directions[hits.hit]
    facing = np.sign(np.einsum("hx,hx->h", normal, toward))
    normal = normal * np.where(facing == 0, 1, facing)[:, None]
    right, up, back = camera.axes
    key = (0.55 * back + 0.75 * up - 0.36 * right).astype(np.float32)
    shade = settings.ambient + settings.headlight * np.einsum("hx,hx->h", normal, toward)
    shade += settings.keylight * np.maximum(normal @ (key / np.linalg.norm(key)), 0)
    image = np.ones(fine * fine, np.float32)
    image[hits.hit] = np.clip(shade, 0, 1)
    averaged = box_downsample(image.reshape(fine, fine), settings.supersampling)
    return np.round(averaged * BACKGROUND).astype(np.uint8)
