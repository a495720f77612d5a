"""COLLADA, ``.dae``: read by trimesh with pycollada, turned by the axis that the file names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.scene import content_of
from crossmodal.geometry.formats.scene_claims import check_dae
from crossmodal.geometry.formats.text import read_bytes

_UP_AXIS = re.compile(rb"<up_axis>\s*([XYZ])_UP\s*</up_axis>")
_TO_Y_UP = {  # rows: the new x, y and z
    b"X": np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    b"Y": np.eye(3),
    b"Z": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
}


def read_dae(path: Path) -> Content:
    """All meshes of a scene with y up. Raises MeshError naming the file."""
    data = read_bytes(path)
    check_dae(path, data)
    content = content_of(path, data)
    named = _UP_AXIS.search(data)
    turn = _TO_Y_UP[named.group(1) if named else b"Y"]
    return replace(content, vertices=content.vertices @ turn.T)
