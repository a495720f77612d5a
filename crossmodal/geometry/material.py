"""Random but plausible surfaces: wood, cloth, metal, paint, stone, printed colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crossmodal.geometry.texture import PATTERNS


@dataclass(frozen=True)
class Material:
    """How a surface answers light.

    pattern   : name in `texture.PATTERNS`
    colours   : (3, 3) float32 RGB in 0..1 the pattern is made of
    frequency : scale of the pattern, per unit length
    turn      : (3, 3) float32 rotation into the pattern's own axes; offset : (3,) float32
    specular, shininess : strength and sharpness of highlights
    mirror    : 0..1 share of the surroundings reflected (metal, lacquer)
    """

    pattern: str
    colours: np.ndarray
    frequency: float
    turn: np.ndarray
    offset: np.ndarray
    specular: float
    shininess: float
    mirror: float

    def albedo(self, points: np.ndarray) -> np.ndarray:
        """(P, 3) float32 colour of the surface at points (P, 3)."""
        own = points @ self.turn.T + self.offset
        return np.clip(PATTERNS[self.pattern](own, self.frequency, self.colours), 0.02, 1)


def random_material(rng: np.random.Generator, kinds: Mapping[str, float]) -> Material:
    """A material of a kind drawn with the given weights.

    kinds : weights of wood, cloth, metal, paint, stone and print.
    """
    from scipy.spatial.transform import Rotation  # slow to import

    names = sorted(kinds)
    weights = np.array([kinds[name] for name in names], np.float64)
    kind = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    pattern = _pattern(rng, kind)
    specular, shininess, mirror = _gloss(rng, kind)
    axes = rng.permutation(3)
    turn = Rotation.from_rotvec(rng.normal(0, 0.05, 3)).as_matrix()[axes]
    return Material(
        pattern=pattern,
        colours=_colours(rng, kind),
        frequency=float(rng.uniform(2, 9)),
        turn=turn.astype(np.float32),
        offset=rng.uniform(-9, 9, 3).astype(np.float32),
        specular=specular,
        shininess=shininess,
        mirror=mirror,
    )


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """(3,) float32 RGB: often white, gray or black, else any colour of medium saturation."""
    choice = rng.random()
    if choice < 0.35:
        return np.clip(rng.uniform(0.75, 1.0) + rng.normal(0, 0.015, 3), 0, 1).astype(np.float32)
    if choice < 0.5:
        return np.clip(rng.uniform(0.03, 0.7) + rng.normal(0, 0.015, 3), 0, 1).astype(np.float32)
    return hsv(rng.random(), rng.uniform(0.2, 0.95), rng.uniform(0.2, 1.0))


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """(3,) float32 RGB of a hue, saturation and value in 0..1."""
    wheel = np.abs((np.array([0.0, 2 / 3, 1 / 3]) + hue) % 1 * 6 - 3) - 1
    return (value * (1 - saturation + saturation * np.clip(wheel, 0, 1))).astype(np.float32)


def _pattern(rng: np.random.Generator, kind: str) -> str:
    if kind == "cloth":
        return str(rng.choice(["fabric", "fabric", "fabric", "stripes", "checks"]))
    return {
        "wood": "wood",
        "metal": "plain",
        "paint": "plain",
        "stone": "stone",
        "print": "patches",
    }[kind]


def _gloss(rng: np.random.Generator, kind: str) -> tuple:
    """(specular, shininess, mirror) of a kind of material."""
    if kind == "metal":
        return rng.uniform(0.3, 0.9), rng.uniform(15, 80), rng.uniform(0.2, 0.6)
    if kind in ("cloth", "stone"):
        return rng.uniform(0, 0.05), rng.uniform(4, 10), 0.0
    mirror = rng.uniform(0, 0.15) if rng.random() < 0.3 else 0.0
    return rng.uniform(0, 0.4), rng.uniform(6, 50), mirror


def _colours(rng: np.random.Generator, kind: str) -> np.ndarray:
    """(3, 3) float32 colours a kind of material is made of."""
    if kind == "wood":
        light = hsv(rng.uniform(0.03, 0.11), rng.uniform(0.2, 0.75), rng.uniform(0.25, 0.95))
        return np.stack([light, light * rng.uniform(0.7, 0.95), light])
    if kind == "metal":
        gray = np.full(3, rng.uniform(0.25, 0.9), np.float32)
        tint = hsv(rng.uniform(0.05, 0.15), 0.5, 1.0) if rng.random() < 0.15 else np.ones(3)
        return np.tile((gray * tint).astype(np.float32), (3, 1))
    if kind == "stone":
        base = hsv(rng.random(), rng.uniform(0, 0.25), rng.uniform(0.3, 0.95))
        return np.stack([base * 0.7, base, base]).astype(np.float32)
    return np.stack([random_colour(rng) for _ in range(3)])
