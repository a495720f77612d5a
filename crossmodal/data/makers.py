"""Which command makes a data set: what to do next where one is not there yet."""

from __future__ import annotations

import shlex
from pathlib import Path

# Data set -> what makes it; {root} is the folder of data sets, capitals what one has to have.
MAKERS = {
    "demo": "python -m crossmodal.prepare.generate --root {root}",
    "demo_category": "python -m crossmodal.prepare.generate --root {root}` and then "
                     "`python -m crossmodal.prepare.category_lists --root {root}",
    "shapenet4": "python -m crossmodal.prepare.shapenet --source SHAPENET --root {root}",
    "pix3d": "python -m crossmodal.prepare.pix3d --source PIX3D --root {root}",
    "stanfordcars": "python -m crossmodal.prepare.stanford_cars --source CARS --root {root}",
    "compcars": "python -m crossmodal.prepare.comp_cars --source CARS --root {root}",
    "mi3dor1": "python -m crossmodal.prepare.mi3dor --source MI3DOR --root {root}",
    "mi3dor2": "python -m crossmodal.prepare.mi3dor --source MI3DOR --root {root} --set 2",
    "office31": "python -m crossmodal.prepare.office31 --source OFFICE --root {root}",
    "furniture": "python -m crossmodal.prepare.sweethome3d --sh3f LIBRARIES --root {root}",
    "ikea": "python -m crossmodal.prepare.ikea --prepared IKEA --root {root}",
    "kinds": "python -m crossmodal.prepare.kinds --photos-ikea PHOTOS --shapes MESHES "
             "--root {root}",
}
OWN = "python -m crossmodal.prepare.own_library --meshes MESHES --root {root} --name {name}"


def how_to_make(name: str, root: str | Path) -> str:
    """What to do where the data set `name` is not in the folder `root`: a command, and its help.

    A name that is not known is taken for the user's own.
    """
    pattern = MAKERS.get(name, OWN)
    command = pattern.format(root=shlex.quote(str(root)), name=name)
    more = " (--help says what the capitals stand for)" if pattern != pattern.lower() else ""
    mine = "" if name in MAKERS else " from your own meshes"
    return f"make it{mine} with `{command}`{more}, or set data.root and data.name"
