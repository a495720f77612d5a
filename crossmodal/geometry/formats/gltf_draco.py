"""Primitives compressed with KHR_draco_mesh_compression, decoded by DracoPy if it is there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crossmodal.geometry.formats.draco_header import claim_of
from crossmodal.geometry.formats.gltf_document import Entry
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.limits import TooLarge, check_claim

FACE, POINT = 64, 64  # bytes of memory that one takes while it is decoded


class Decoded(NamedTuple):
    """corners : (3 M,) int64, three a triangle; attributes : name, as POSITION -> (N, K)"""

    corners: np.ndarray
    attributes: dict[str, np.ndarray]


def decode_primitive(packed: Entry, data: memoryview) -> Decoded:
    """What `data` stands for. Raises MeshError by the extension's name.

    packed : the extension's object, whose ``attributes`` names ids within the data
    """
    try:
        import DracoPy  # optional, see requirements-formats.txt
    except ImportError as error:
        raise packed.error("cannot be decoded here: `pip install DracoPy`, or export it without "
                           "compression") from error
    try:
        claim = claim_of(data)
        check_claim(f"{claim.faces} faces and {claim.points} points",
                    FACE * claim.faces + POINT * claim.points, len(data))
        mesh = DracoPy.decode(bytes(data))
        by_id = {int(one["unique_id"]): np.asarray(one["data"]) for one in mesh.attributes}
        corners = np.asarray(mesh.faces).astype(np.int64).reshape(-1)
    except TooLarge as error:
        raise packed.error(f"is a bomb: {error}") from error
    except Exception as error:  # noqa: BLE001 - what a broken stream raises is the package's affair
        raise packed.error(f"is broken ({type(error).__name__}: {one_line(error)}); export it "
                           "without compression") from error
    named = packed.part("attributes")
    attributes = {}
    for name in filter(str.isidentifier, named.values if named else ()):
        number = named.whole(name) if named else -1
        if number not in by_id or by_id[number].ndim != 2:
            raise packed.error(f"lacks its {name}; export it without compression")
        attributes[name] = by_id[number]
    return Decoded(corners, attributes)
