"""Furniture made from numbers: every random generator state is another bed, chair, sofa or table.

A maker takes a `numpy.random.Generator` and returns a mesh in metres: y up, floor at 0, front to
+z.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from crossmodal.geometry.mesh import Mesh
from crossmodal.prepare.parametric.bed import make_bed
from crossmodal.prepare.parametric.chair import make_chair
from crossmodal.prepare.parametric.sofa import make_sofa
from crossmodal.prepare.parametric.table import make_table

MAKERS: dict[str, Callable[[np.random.Generator], Mesh]] = {
    "bed": make_bed,
    "chair": make_chair,
    "sofa": make_sofa,
    "table": make_table,
}
