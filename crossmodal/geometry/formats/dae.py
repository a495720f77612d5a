"""COLLADA, ``.dae``: read by trimesh with pycollada, turned by the axis that the file names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.scene import read_scene

_UP_AXIS = re.compile(rb"<up_axis>\s*([XYZ])_UP\s*</up_axis>")
_TO_Y_UP = {  # rows: the new x, y and z
    b"X": np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    b"Y": np.eye(3),
    b"Z": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
}


def read_dae(path: Path) -> Content:
    """All meshes of a scene with y up. Raises MeshError naming the file."""
    content = read_scene(path)
    named = _UP_AXIS.search(path.read_bytes())
    turn = _TO_Y_UP[named.group(1) if named else b"Y"]
    return replace(content, vertices=content.vertices @ turn.T)
