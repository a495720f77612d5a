"""Views of MI3DOR's shapes: which of the owners' are kept, and renders of shapes without any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from crossmodal.geometry.mesh import load_mesh
from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare.category_lists import spread
from crossmodal.prepare.kinds_store import write_view_pictures
from crossmodal.prepare.list_files import ListItem, refuse_unlistable
from crossmodal.prepare.mi3dor_source import MeshItem
from crossmodal.prepare.picture_items import PictureItem
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.prepare.source_check import Cost, view_cost
from crossmodal.prepare.upright import FRONTS, turned

UPS = ("auto", "y", "z")
PICTURE_BYTES = 12_000  # of a rendered view of 224 pixels a side


@dataclass(frozen=True)
class Part:
    """What a part holds: photos, or shapes with the views that are kept; shapes to render."""

    pictures: list[PictureItem]
    meshes: list[MeshItem]


def choose_views(shapes: Sequence[PictureItem], views: int) -> list[PictureItem]:
    """The shapes with `views` of their pictures, evenly spread over those that a shape has.

    A shape that has another number of pictures than most is marked as broken.
    """
    if not shapes:
        return []
    usual = Counter(len(shape.files) for shape in shapes).most_common(1)[0][0]
    places = spread(usual, views)
    return [
        replace(shape, files=tuple(shape.files[place] for place in places))
        if len(shape.files) == usual
        else replace(shape, problem=f"{len(shape.files)} views, the other shapes have {usual}")
        for shape in shapes
    ]


def picture_cost(settings: ViewSettings) -> Cost:
    """Of rendering a shape to pictures."""
    seconds = view_cost(settings.count, settings.size).seconds
    return Cost(seconds, settings.count * PICTURE_BYTES * (settings.size / 224) ** 2)


def render_meshes(
    parts: Mapping[str, Part],
    home: Path,
    folder: Path,
    settings: ViewSettings,
    up: str = "auto",
    workers: int | None = None,
    redo: bool = False,
) -> dict[str, list[ListItem]]:
    """Render shapes to ``view/<key>/<k>.png``; what the list of each part says of the sound ones.

    home : of the meshes; folder : of the lists; up : one of UPS, auto: z of .off, y of others
    """
    items = {
        mesh.key: Item(home / mesh.file, {"up": _up(mesh.file, up)})
        for part in parts.values()
        for mesh in part.meshes
    }
    if not items:
        return {name: [] for name in parts}
    manifest = run("mi3dor", items, _render, folder / "view", asdict(settings), workers, redo)
    sound = set(manifest.done(items))
    return {
        name: [
            ([f"view/{file}" for file in manifest.items[mesh.key]["files"]], mesh.label)
            for mesh in part.meshes
            if mesh.key in sound
        ]
        for name, part in parts.items()
    }


def _up(file: str, up: str) -> str:
    if up != "auto":
        return up
    return "z" if file.lower().endswith(".off") else "y"  # .off as in ModelNet


def _render(task: Task) -> dict[str, Any]:
    refuse_unlistable(f"{task.key}/0.png")
    up = task.facts["up"]
    return write_view_pictures(task, turned(load_mesh(task.source), up, FRONTS[up]))
