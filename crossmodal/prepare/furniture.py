"""One piece of furniture of a library, whatever the library is stored as."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError


@dataclass(frozen=True)
class Furniture:
    """Where a piece comes from and who made it.

    id       : unique name; category : room, as the library writes it; name : what it is
    source   : .sh3f library, or folder of the prepared copy
    model, icon : path of the model and the icon inside `source`
    rotation : (9,) row-major rotation that turns the model upright
    size     : width, height, depth in centimetres; zeros when unknown
    """

    id: str
    name: str
    category: str
    creator: str
    licence: str
    source: Path
    model: str
    icon: str
    rotation: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    size: tuple[float, ...] = (0, 0, 0)

    @property
    def key(self) -> str:
        """category/id, fit for a path."""
        return f"{slug(self.category)}/{self.id}"

    def facts(self) -> dict[str, Any]:
        """Plain values for a task or a manifest; `from_facts` undoes it."""
        facts = asdict(self)
        del facts["source"]
        return facts

    @classmethod
    def from_facts(cls, facts: dict[str, Any], source: Path) -> Furniture:
        """The piece that `facts` describes."""
        tuples = {name: tuple(facts[name]) for name in ("rotation", "size")}
        return cls(**{**facts, **tuples, "source": source})


def slug(text: str) -> str:
    """Lower-case words joined by underscores: a category's name as a folder."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "other"


def check_unique(pieces: Iterable[Furniture]) -> dict[str, Furniture]:
    """{id: piece}. Raises DataError naming both sources when an id comes twice."""
    found: dict[str, Furniture] = {}
    for piece in pieces:
        other = found.setdefault(piece.id, piece)
        if other is not piece:
            raise DataError(
                f"duplicate id {piece.id}: in {other.source} ({other.model}) and in "
                f"{piece.source} ({piece.model}); rename one library or leave it out"
            )
    return found
