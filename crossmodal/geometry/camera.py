"""A pinhole camera that looks at the middle of the unit sphere.

Azimuth 0 sees the front (+z, y up) of an object, azimuth 90 its left side as the object itself
would say it (+x); elevation is the angle above the floor. All angles are degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FRAME_MARGIN = 1.03  # the unit sphere touches the frame but for this factor


@dataclass(frozen=True)
class Camera:
    """Where the camera is and how it looks.

    field_of_view : full angle of the frame; the distance follows, so that the unit sphere fills it
    zoom          : size of the object in the frame, 1 = the unit sphere fills it
    shift         : (right, up) of the object's centre in half frames
    """

    azimuth: float = 0.0
    elevation: float = 30.0
    roll: float = 0.0
    field_of_view: float = 30.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def axes(self) -> np.ndarray:
        """(3, 3) float64 rows right, up, back (from the object to the camera)."""
        azimuth, elevation, roll = np.radians([self.azimuth, self.elevation, self.roll])
        back = np.array(
            [
                np.sin(azimuth) * np.cos(elevation),
                np.sin(elevation),
                np.cos(azimuth) * np.cos(elevation),
            ]
        )
        right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
        up = np.cross(back, right)
        turned = np.cos(roll) * right + np.sin(roll) * up
        return np.stack([turned, np.cross(back, turned), back])

    @property
    def position(self) -> np.ndarray:
        """(3,) float64 place of the camera."""
        return self.axes[2] * FRAME_MARGIN / np.sin(np.radians(self.field_of_view) / 2)

    def rays(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Origin (3,) and unit directions (size*size, 3) float32 through pixel centres."""
        half = np.tan(np.radians(self.field_of_view) / 2) / self.zoom
        steps = (np.arange(size, dtype=np.float64) + 0.5) / size * 2 - 1
        x = (steps - self.shift[0]) * half
        y = (-steps - self.shift[1]) * half
        right, up, back = self.axes
        across = (x[:, None] * right).astype(np.float32)
        down = (y[:, None] * up - back).astype(np.float32)
        length = np.sqrt(1 + x[None, :] ** 2 + y[:, None] ** 2)  # the axes are orthonormal
        directions = across[None, :, :] + down[:, None, :]
        directions /= length.astype(np.float32)[:, :, None]
        return self.position.astype(np.float32), directions.reshape(-1, 3)
