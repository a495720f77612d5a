"""What is behind the object in a photo: white, a colour, a gradient, noise, or a room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np
from PIL import Image

from crossmodal.geometry.material import Material, random_colour, random_material

ROOM_KINDS = {"wood": 0.4, "cloth": 0.2, "paint": 0.25, "stone": 0.15}


@dataclass(frozen=True)
class Stage:
    """The place where the object stands, as the camera sees it.

    origin : (3,) camera position; directions : (size*size, 3) pixel rays; floor : height y of the
    floor back   : (2,) unit x, z direction from the camera into the room
    """

    origin: np.ndarray
    directions: np.ndarray
    floor: float
    back: np.ndarray
    size: int

    def on_floor(self) -> np.ndarray:
        """(size*size,) distance to the floor along each ray, inf where it is not met."""
        down = self.directions[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (self.floor - self.origin[1]) / down
        return np.where((down < -1e-6) & (distance > 0), distance, np.inf).astype(np.float32)


def white(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """(size*size, 3) pure white."""
    return np.ones((stage.size**2, 3), np.float32)


def plain(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """(size*size, 3) one random colour."""
    return np.tile(random_colour(rng), (stage.size**2, 1))


def gradient(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """(size*size, 3) from one colour to another along a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    steps = np.linspace(-0.5, 0.5, stage.size, dtype=np.float32)
    along = np.cos(angle) * steps[None, :] + np.sin(angle) * steps[:, None]
    share = np.clip(along * rng.uniform(0.5, 1.4) + 0.5, 0, 1).reshape(-1, 1)
    first = random_colour(rng)
    second = random_colour(rng) if rng.random() < 0.4 else first * np.float32(rng.uniform(0.5, 0.9))
    return first + (second - first) * share


def clouds(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """(size*size, 3) coloured noise of several sizes."""
    image = np.zeros((stage.size, stage.size, 3), np.float32)
    for cells, weight in ((3, 0.5), (8, 0.3), (40, 0.2)):
        small = (rng.random((cells, cells, 3)) * 255).astype(np.uint8)
        large = Image.fromarray(small).resize((stage.size, stage.size), Image.Resampling.BICUBIC)
        image += np.float32(weight / 255) * np.asarray(large, np.float32)
    gray = image.mean(2, keepdims=True)
    return (gray + (image - gray) * np.float32(rng.uniform(0, 1))).reshape(-1, 3)


def room(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """(size*size, 3) a patterned floor and a wall behind, with a few framed rectangles on it."""
    floor, wall = random_material(rng, ROOM_KINDS), random_material(rng, ROOM_KINDS)
    distance = stage.on_floor()
    away = stage.directions[:, [0, 2]] @ stage.back
    start = stage.origin[[0, 2]] @ stage.back
    with np.errstate(divide="ignore", invalid="ignore"):
        to_wall = np.where(away > 1e-6, (rng.uniform(1.1, 2.5) - start) / away, np.inf)
    is_floor = distance < to_wall
    reach = np.minimum(np.where(is_floor, distance, to_wall), 30).astype(np.float32)
    points = stage.origin + stage.directions * reach[:, None]
    colour = np.empty_like(points)
    colour[is_floor] = _surface(floor, points[is_floor], rng.uniform(0.6, 1.0))
    colour[~is_floor] = _surface(wall, points[~is_floor], rng.uniform(0.7, 1.1))
    _hang_pictures(colour, points, ~is_floor, stage, rng)
    fall_off = 1 / (1 + np.float32(rng.uniform(0, 0.06)) * (reach - reach.min()) ** 2)
    return np.clip(colour * fall_off[:, None], 0, 1)


BACKGROUNDS: dict[str, Callable[[Stage, np.random.Generator], np.ndarray]] = {
    "white": white,
    "plain": plain,
    "gradient": gradient,
    "noise": clouds,
    "room": room,
}


def _surface(material: Material, points: np.ndarray, brightness: float) -> np.ndarray:
    return material.albedo(points.astype(np.float32)) * np.float32(brightness)


def _hang_pictures(
    colour: np.ndarray, points: np.ndarray, wall: np.ndarray, stage: Stage, rng: np.random.Generator
) -> None:
    """Paint up to three rectangles on the wall, in place."""
    across = points[:, [0, 2]] @ np.array([-stage.back[1], stage.back[0]], np.float32)
    for _ in range(int(rng.integers(0, 4))):
        middle = rng.uniform(-1.5, 1.5), rng.uniform(-0.3, 1.5)
        half = rng.uniform(0.1, 0.6, 2)
        inside = (np.abs(across - middle[0]) < half[0]) & (
            np.abs(points[:, 1] - middle[1]) < half[1]
        )
        colour[wall & inside] = random_colour(rng)
