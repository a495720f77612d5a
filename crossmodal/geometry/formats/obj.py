"""Wavefront OBJ, ``.obj``: polygons, with colours of vertices or of materials."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.colours import GREY, as_bytes, mean_of_corners
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.obj_lines import Statements, read_statements
from crossmodal.geometry.formats.obj_materials import Colour, read_materials, without_comment
from crossmodal.geometry.formats.polygons import cut_polygons
from crossmodal.geometry.formats.text import AGAIN, plain_text, read_bytes


def read_obj(path: Path) -> Content:
    """All faces of an OBJ file, of all its objects and groups.

    Raises MeshError naming the file, the line and the remedy. The format declares no counts: a file
    that is cut off between two lines is as good as a whole one.
    """
    file = read_statements(path, plain_text(read_bytes(path)))
    vertices = np.frombuffer(file.positions, np.float64).reshape(-1, 3)
    sizes = np.frombuffer(file.sizes, np.int64)
    if not (sizes > 2).any():
        others = " and ".join([f"{len(vertices)} vertices", *sorted(file.left_out)])
        raise MeshError(f"{path}: {others}, no faces; {AGAIN}, with its surface")
    face = np.repeat(np.arange(len(sizes)), sizes)
    lines, before = _places(file)
    corners = _corners(path, file, lines[face], before[face])
    faces, polygon = cut_polygons(path, vertices, corners, sizes,
                                  lambda number: f"line {lines[number]}")
    materials, ignored = read_materials(path, file.libraries)
    run = _runs(file)
    colours = _colours(file, faces, run[polygon], materials, len(vertices))
    parts = len({file.runs[number].part for number in np.unique(run)})
    return Content(vertices, faces, colours, parts, tuple(sorted(file.left_out | ignored)))


def _places(file: Statements) -> tuple[np.ndarray, np.ndarray]:
    """(P,) line of each face, and (P,) vertices that stand before it."""
    first, line, before = np.frombuffer(file.blocks, np.int64).reshape(-1, 3).T
    faces = np.diff(np.append(first, len(file.sizes)))
    shift = line - first
    return np.arange(len(file.sizes)) + np.repeat(shift, faces), np.repeat(before, faces)


def _corners(
    path: Path, file: Statements, lines: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """(C,) int64 vertices from 0: a number below 0 counts back from the face that names it.

    lines, before : (C,) line of each corner's face, and vertices that stand before it
    """
    named, count = np.frombuffer(file.corners, np.int64), len(file.positions) // 3
    corners = np.where(named < 0, before + named, named - 1)
    wrong = (corners < 0) | (corners >= count) | (named == 0)
    if wrong.any():
        at = int(wrong.argmax())
        raise MeshError(f"{path}: line {lines[at]}: a face names vertex {named[at]}, "
                        f"and there are {count}; {AGAIN}")
    return corners


def _runs(file: Statements) -> np.ndarray:
    """(P,) int64 run of each face."""
    starts = [run.first_face for run in file.runs]
    return np.repeat(np.arange(len(starts)), np.diff([*starts, len(file.sizes)]))


def _colours(
    file: Statements,
    faces: np.ndarray,
    run: np.ndarray,
    materials: dict[bytes, Colour],
    count: int,
) -> np.ndarray | None:
    """(T, 3) uint8: a face's material, or else the mean of its corners; None without either.

    run : (T,) run of each triangle
    """
    names = [run.material for run in file.runs]
    of_runs = [materials.get(name) or materials.get(without_comment(name)) for name in names]
    has_material = np.array([colour is not None for colour in of_runs])[run]
    if not has_material.any() and not file.coloured:
        return None
    of_vertices = np.tile(np.array(GREY, np.uint8), (count, 1))
    given = np.frombuffer(file.colours, np.float64).reshape(-1, 3)
    of_vertices[np.frombuffer(file.coloured, np.int64)] = as_bytes(given)
    of_materials = np.array([colour or GREY for colour in of_runs], np.uint8)
    return np.where(has_material[:, None], of_materials[run],
                    mean_of_corners(of_vertices, faces))
