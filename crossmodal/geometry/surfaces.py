"""How surfaces look in a photo: which material is where, and what light it reflects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossmodal.geometry.material import Material, random_material
from crossmodal.geometry.mesh import Mesh
from crossmodal.geometry.photo_settings import PhotoSettings
from crossmodal.geometry.smoothing import parts


@dataclass(frozen=True)
class Light:
    """One main light and softer ones; `direction` (3,) points from the object to the main light."""

    direction: np.ndarray
    sun: float
    lamp: float
    ambient: float
    colour: np.ndarray
    shadows: bool


@dataclass(frozen=True)
class Surfaces:
    """`number` (M,) says which of the materials each face has."""

    number: np.ndarray
    materials: list[Material]

    def look_up(self, face: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(H, 3) albedo and (H, 3) specular, shininess, mirror at points (H, 3) on faces (H,)."""
        here = self.number[face]
        albedo = np.empty_like(points)
        for index, material in enumerate(self.materials):
            chosen = here == index
            if chosen.any():
                albedo[chosen] = material.albedo(points[chosen])
        gloss = [[m.specular, m.shininess, m.mirror] for m in self.materials]
        return albedo, np.array(gloss, np.float32)[here]


def random_surfaces(
    families: np.ndarray, settings: PhotoSettings, rng: np.random.Generator
) -> Surfaces:
    """Materials for the families of faces (M,), see `face_families`; the first is the commonest."""
    least, most = settings.materials
    count = int(rng.integers(least, most + 1))
    materials = [random_material(rng, settings.kinds) for _ in range(count)]
    weights = 0.5 ** np.arange(count)
    chosen = rng.choice(count, size=int(families.max()) + 1, p=weights / weights.sum())
    return Surfaces(chosen[families], materials)


def face_families(mesh: Mesh) -> np.ndarray:
    """(M,) family of each face: connected parts of about the same size and height look alike."""
    part = parts(mesh)
    middle = mesh.triangles.mean(1)[:, 1]
    count = np.bincount(part)
    height = np.bincount(part, weights=middle) / count
    low = np.full(len(count), np.inf)
    high = np.full(len(count), -np.inf)
    np.minimum.at(low, part, middle)
    np.maximum.at(high, part, middle)
    key = np.stack([np.round(np.log2(count)), np.round(height * 4), np.round((high - low) * 4)], 1)
    return np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)[part]


def reflect(
    albedo: np.ndarray,
    gloss: np.ndarray,
    normal: np.ndarray,
    toward: np.ndarray,
    light: Light,
    sunlit: np.ndarray,
) -> np.ndarray:
    """(H, 3) light that reaches the camera: Lambert + Blinn-Phong + a simple sky reflection."""
    facing = np.einsum("hx,hx->h", normal, toward)
    diffuse = sunlit * np.maximum(normal @ light.direction, 0) + light.lamp * facing
    diffuse += light.ambient * (0.75 + 0.25 * normal[:, 1])
    halfway = toward + light.direction
    halfway /= np.maximum(np.linalg.norm(halfway, axis=1, keepdims=True), 1e-6)
    glint = np.maximum(np.einsum("hx,hx->h", normal, halfway), 0) ** gloss[:, 1]
    upward = 2 * facing * normal[:, 1] - toward[:, 1]
    sky = np.clip(0.5 + 1.2 * upward, 0.1, 1) * (light.ambient + light.sun)
    mirror = gloss[:, 2]
    colour = albedo * (diffuse * (1 - mirror) + sky * mirror)[:, None]
    return colour + (gloss[:, 0] * glint * sunlit)[:, None]
