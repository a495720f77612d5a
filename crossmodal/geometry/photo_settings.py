"""Ranges from which photo-like renders are drawn, and two presets.

`CATALOGUE` imitates product pictures: white background, three-quarter front views, soft light.
`ROOM` imitates snapshots: any side, floor and wall, harder light, shadows, things in front.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Range = tuple[float, float]


def _kinds() -> dict[str, float]:
    return {"wood": 0.22, "cloth": 0.16, "metal": 0.12, "paint": 0.40, "stone": 0.05, "print": 0.05}


def _backgrounds() -> dict[str, float]:
    return {"white": 0.86, "plain": 0.07, "gradient": 0.07}


@dataclass(frozen=True)
class PhotoSettings:
    """What may happen in a photo. A range is (low, high), drawn evenly; a chance is 0..1."""

    # camera, degrees
    front_chance: float = 0.85  # camera in front of the object, else anywhere around it
    front_azimuth: Range = (-60.0, 60.0)
    elevation: Range = (5.0, 45.0)
    field_of_view: Range = (15.0, 45.0)
    roll: Range = (-1.0, 1.0)
    fill: Range = (0.78, 0.99)  # larger side of the object's box, in frames
    off_centre: float = 0.15  # 0 = object in the middle, 1 = anywhere in the frame
    # light; the azimuth is counted from the camera, to the left negative
    light_azimuth: Range = (-70.0, 50.0)
    light_elevation: Range = (20.0, 75.0)
    sun: Range = (0.35, 0.7)  # brightness of the main light
    lamp: Range = (0.1, 0.4)  # of a second light at the camera
    ambient: Range = (0.2, 0.45)  # from everywhere, more from above
    exposure: Range = (1.0, 1.4)
    tint: float = 0.03  # standard deviation of the white balance
    shadow_chance: float = 0.25  # the main light throws shadows
    floor_shadow_chance: float = 0.1  # also on the floor
    # surfaces
    materials: tuple[int, int] = (1, 4)  # different materials on one object
    kinds: dict[str, float] = field(default_factory=_kinds)  # weights of material kinds
    # behind and in front
    backgrounds: dict[str, float] = field(default_factory=_backgrounds)  # weights
    occlusion_chance: float = 0.0
    occluded: float = 0.35  # at most this share of the object is hidden
    # lens and sensor
    blur: Range = (0.0, 0.5)  # pixels
    grain: Range = (0.0, 0.01)
    crease: float = 40.0  # degrees; flatter bends are shaded smooth


CATALOGUE = PhotoSettings()

ROOM = PhotoSettings(
    front_chance=0.6,
    front_azimuth=(-75.0, 75.0),
    elevation=(0.0, 40.0),
    field_of_view=(25.0, 60.0),
    roll=(-6.0, 6.0),
    fill=(0.5, 0.98),
    off_centre=0.8,
    light_azimuth=(-150.0, 150.0),
    sun=(0.35, 0.9),
    lamp=(0.0, 0.25),
    exposure=(0.75, 1.2),
    tint=0.07,
    shadow_chance=0.8,
    floor_shadow_chance=0.8,
    backgrounds={"white": 0.1, "plain": 0.1, "gradient": 0.1, "noise": 0.15, "room": 0.55},
    occlusion_chance=0.35,
    blur=(0.0, 0.9),
    grain=(0.0, 0.04),
)

PRESETS: dict[str, PhotoSettings] = {"catalogue": CATALOGUE, "room": ROOM}
