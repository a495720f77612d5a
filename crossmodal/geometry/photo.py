"""Photo-like colour renders of a mesh with the exact mask of what is visible of it.

Everything that varies is drawn from the generator passed in: the same generator state gives the
same picture. Shading is diffuse and specular, with optional shadows; no display, no graphics card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import ndimage

from crossmodal.geometry.background import BACKGROUNDS, Stage
from crossmodal.geometry.camera import Camera
from crossmodal.geometry.material import random_colour
from crossmodal.geometry.mesh import Mesh, normalise
from crossmodal.geometry.photo_settings import CATALOGUE, PhotoSettings, Range
from crossmodal.geometry.raycast import Caster
from crossmodal.geometry.render import box_downsample, interpolate_normals
from crossmodal.geometry.smoothing import corner_normals
from crossmodal.geometry.surfaces import (
    Light,
    Surfaces,
    face_families,
    random_surfaces,
    reflect,
)

SUPERSAMPLING = 2
SHADOW_OFFSET = 2e-3  # keeps a shadow ray from hitting the surface it starts on


class PhotoModel:
    """A mesh with everything that does not change from photo to photo."""

    def __init__(self, mesh: Mesh, crease: float = CATALOGUE.crease) -> None:
        self.mesh = normalise(mesh)
        self.caster = Caster(self.mesh)
        self.normals = corner_normals(self.mesh, crease)
        self.families = face_families(self.mesh)


def render_photo(
    model: PhotoModel,
    settings: PhotoSettings,
    rng: np.random.Generator,
    size: int = 224,
    camera: Camera | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One photo: RGB (size, size, 3) uint8 and mask (size, size) uint8, 255 on the object.

    A pixel belongs to the object when at least half of its rays hit it and nothing is in front.
    """
    camera = camera or random_camera(model.mesh, settings, rng)
    light = random_light(camera, settings, rng)
    surfaces = random_surfaces(model.families, settings, rng)
    behind = _behind(model, camera, light, settings, rng, size)
    colour, cover = _shade(model, camera, light, surfaces, size)
    image = colour + behind * (1 - cover[:, :, None])
    mask = cover >= 0.5
    if rng.random() < settings.occlusion_chance:
        _put_in_front(image, mask, settings.occluded, rng)
    image = _develop(image, settings, rng)
    return image, np.where(mask, 255, 0).astype(np.uint8)


def random_camera(mesh: Mesh, settings: PhotoSettings, rng: np.random.Generator) -> Camera:
    """A camera within the settings' ranges, framed so that the object fills the drawn share."""
    front = rng.random() < settings.front_chance
    camera = Camera(
        azimuth=_draw(rng, settings.front_azimuth if front else (-180.0, 180.0)),
        elevation=_draw(rng, settings.elevation),
        roll=_draw(rng, settings.roll),
        field_of_view=_draw(rng, settings.field_of_view),
    )
    return _frame(mesh, camera, _draw(rng, settings.fill), settings.off_centre, rng)


def random_light(camera: Camera, settings: PhotoSettings, rng: np.random.Generator) -> Light:
    """Lights within the settings' ranges, placed relative to the camera."""
    azimuth = camera.azimuth + _draw(rng, settings.light_azimuth)
    place = Camera(azimuth, _draw(rng, settings.light_elevation))
    exposure = _draw(rng, settings.exposure)
    return Light(
        direction=place.axes[2].astype(np.float32),
        sun=exposure * _draw(rng, settings.sun),
        lamp=exposure * _draw(rng, settings.lamp),
        ambient=exposure * _draw(rng, settings.ambient),
        colour=(1 + rng.normal(0, settings.tint, 3)).astype(np.float32),
        shadows=bool(rng.random() < settings.shadow_chance),
    )


def _draw(rng: np.random.Generator, limits: Range) -> float:
    return float(rng.uniform(*limits))


def _frame(
    mesh: Mesh, camera: Camera, fill: float, off_centre: float, rng: np.random.Generator
) -> Camera:
    """The camera zoomed so that the object's box takes `fill` of the frame, and shifted."""
    seen = (mesh.vertices - camera.position) @ camera.axes.T
    half = np.tan(np.radians(camera.field_of_view) / 2)
    flat = seen[:, :2] / -seen[:, 2:] / half
    low, high = flat.min(0), flat.max(0)
    zoom = 2 * fill / max((high - low).max(), 1e-6)
    room = np.maximum(1 - zoom * (high - low) / 2, 0)
    shift = -(low + high) / 2 * zoom + room * rng.uniform(-off_centre, off_centre, 2)
    return replace(camera, zoom=float(zoom), shift=(float(shift[0]), float(shift[1])))


def _shade(
    model: PhotoModel,
    camera: Camera,
    light: Light,
    surfaces: Surfaces,
    size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(size, size, 3) colour of the object, times its cover, and (size, size) cover 0..1."""
    fine = size * SUPERSAMPLING
    origin, directions = camera.rays(fine)
    hits = model.caster.cast(origin, directions)
    toward = -directions[hits.hit]
    points = origin - toward * hits.distance[:, None]
    normal = interpolate_normals(model.normals, hits.face, hits.weights)
    normal *= np.where(np.einsum("hx,hx->h", normal, toward) < 0, -1, 1)[:, None]
    albedo, gloss = surfaces.look_up(hits.face, points)
    sunlit = np.full(len(points), light.sun, np.float32)
    if light.shadows:
        start = points + SHADOW_OFFSET * normal
        aim = np.broadcast_to(light.direction, start.shape)
        sunlit[model.caster.blocked(start, aim)] *= 0.15
    colour = reflect(albedo, gloss, normal, toward, light, sunlit)
    image = np.zeros((fine * fine, 3), np.float32)
    image[hits.hit] = np.clip(colour * light.colour, 0, 1)
    cover = hits.hit.astype(np.float32).reshape(fine, fine)
    return (
        box_downsample(image.reshape(fine, fine, 3), SUPERSAMPLING),
        box_downsample(cover, SUPERSAMPLING),
    )


def _behind(
    model: PhotoModel,
    camera: Camera,
    light: Light,
    settings: PhotoSettings,
    rng: np.random.Generator,
    size: int,
) -> np.ndarray:
    """(size, size, 3) background, with the object's shadow on the floor if the draw says so."""
    origin, directions = camera.rays(size)
    back = -camera.axes[2][[0, 2]]
    back = (back / max(np.linalg.norm(back), 1e-6)).astype(np.float32)
    floor = float(model.mesh.vertices[:, 1].min())
    stage = Stage(origin, directions, floor, back, size)
    colour = BACKGROUNDS[_pick(rng, settings.backgrounds)](stage, rng)
    if rng.random() < settings.floor_shadow_chance:
        strength = rng.uniform(0.15, 0.55)
        soft = rng.uniform(0.5, 3)
        colour = colour * (1 - strength * _floor_shadow(model, stage, light, soft))[:, None]
    return colour.reshape(size, size, 3).astype(np.float32)


def _floor_shadow(model: PhotoModel, stage: Stage, light: Light, soft: float) -> np.ndarray:
    """(size*size,) 0..1 darkness of the floor where the object is between it and the main light."""
    distance = stage.on_floor()
    met = distance < 12
    points = stage.origin + stage.directions[met] * distance[met, None]
    points[:, 1] += SHADOW_OFFSET
    dark = np.zeros(len(distance), np.float32)
    dark[met] = model.caster.blocked(points, np.broadcast_to(light.direction, points.shape))
    return ndimage.gaussian_filter(dark.reshape(stage.size, stage.size), soft).reshape(-1)


def _pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    names = sorted(weights)
    share = np.array([weights[name] for name in names], np.float64)
    return names[int(rng.choice(len(names), p=share / share.sum()))]


def _put_in_front(
    image: np.ndarray, mask: np.ndarray, at_most: float, rng: np.random.Generator
) -> None:
    """Cover a part of the object by a box or an ellipse, in place, unless it hides too much."""
    size = len(mask)
    rows, columns = np.mgrid[:size, :size] / size
    middle, half = rng.uniform(0, 1, 2), rng.uniform(0.08, 0.35, 2)
    away = np.abs(np.stack([(rows - middle[0]) / half[0], (columns - middle[1]) / half[1]]))
    shape = away.max(0) < 1 if rng.random() < 0.5 else (away**2).sum(0) < 1
    colour = random_colour(rng) * np.float32(rng.uniform(0.5, 1))
    shading = 1 - 0.3 * (columns - middle[1]) * rng.choice([-1, 1])
    if (mask & shape).sum() > at_most * mask.sum():
        return
    image[shape] = colour * shading[shape, None]
    mask &= ~shape


def _develop(image: np.ndarray, settings: PhotoSettings, rng: np.random.Generator) -> np.ndarray:
    """(size, size, 3) uint8: lens blur, sensor grain, clipping."""
    blur, grain = _draw(rng, settings.blur), _draw(rng, settings.grain)
    if blur > 0.25:
        image = ndimage.gaussian_filter(image, (blur, blur, 0))
    image = image + np.float32(grain) * rng.standard_normal(image.shape, np.float32)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
