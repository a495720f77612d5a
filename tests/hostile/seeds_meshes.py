"""Small good meshes, grids, libraries and tables, and what reads them."""

from __future__ import annotations

import atexit
import contextlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gltf_files import good_files
from mesh_files import QUADS, TRIANGLES, obj_text, off_text, ply_binary, ply_text, stl_binary
from mesh_files import stl_text as text_of_stl
from PIL import Image

from crossmodal.geometry.binvox import Voxels, read_binvox, write_binvox
from crossmodal.geometry.formats.companions import companions
from crossmodal.geometry.formats.registry import SUFFIXES
from crossmodal.geometry.mesh import load_mesh
from crossmodal.prepare import sh3f
from crossmodal.prepare.matlab_file import read_mat
from crossmodal.prepare.shapenet_source import find_models, read_model
from crossmodal.runtime import worker_pool

Seed = tuple[str, bytes, Callable[[Path], Any]]
MIXED = [QUADS[0], *TRIANGLES[2:6], *QUADS[3:]]
OBJ = b"mtllib a.mtl\no cube\nusemtl red\n" + obj_text(MIXED).encode() + b"g back\nf -8//1 -7 -5\n"


def mesh(path: Path) -> None:
    """A mesh, and the files that it names."""
    companions(path)
    load_mesh(path)


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, v=np.eye(3), f=np.array([[0, 1, 2]]), c=np.zeros((1, 3), np.uint8))
    return file.getvalue()


def binvox() -> bytes:
    file = io.BytesIO()
    write_binvox(file, Voxels(np.random.default_rng(0).random((4, 5, 6)) > 0.5))
    return file.getvalue()


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def icon() -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (9, 9), (200, 30, 30, 90)).save(file, "PNG")
    return file.getvalue()


def library() -> bytes:
    catalogue = ("id=Mini\nname#1=Bett\\u00e4\nwidth#1=1\nheight#1=2\ndepth#1=3\nmodel#1=/a/a.obj\n"
                 "icon#1=a.png\nmodelRotation#1=1 0 0 0 0 1 0 -1 0\n")
    return archive(**{sh3f.CATALOGUE: catalogue.encode(), "a/a.obj": OBJ, "a.png": icon()})


def whole_library(path: Path) -> None:
    """All of the pieces of a library."""
    for piece in sh3f.read_library(path)[:3]:
        sh3f.read_mesh(piece)
        sh3f.read_icon(piece)


def models(path: Path) -> None:
    """The models in a zip file of ShapeNet."""
    archive_of_chairs = path.with_name("03001627.zip")
    path.replace(archive_of_chairs)
    try:
        for model in list(find_models(path.parent, ["chair"]).models["chair"].values())[:3]:
            read_model(model.path, model.member)
    finally:
        archive_of_chairs.replace(path)


def mat(compressed: bool) -> bytes:
    from scipy.io import savemat

    rows = np.array([("a.jpg", 1, 30), ("b.jpg", 5, 70)],
                    [("fname", object), ("x1", object), ("x2", object)])
    file = io.BytesIO()
    savemat(file, {"annotations": rows}, do_compression=compressed)
    return file.getvalue()


_workers = contextlib.ExitStack()  # that read .mat files: scipy crashes on some of them
atexit.register(_workers.close)


def table(path: Path) -> None:
    """A .mat file, in a worker that is kept."""
    if worker_pool._kept is None:
        _workers.enter_context(worker_pool.keep_workers())
    read_mat(path, "annotations")


def three_mf() -> bytes:
    text = ("<model unit='millimeter' "
            "xmlns='http://schemas.microsoft.com/3dmanufacturing/core/2015/02'><resources>"
            "<object id='1'><mesh><vertices><vertex x='0' y='0' z='0'/><vertex x='1' y='0' z='0'/>"
            "<vertex x='0' y='1' z='0'/></vertices><triangles><triangle v1='0' v2='1' v3='2'/>"
            "</triangles></mesh></object><object id='2'><components><component objectid='1'/>"
            "<component objectid='1' transform='1 0 0 0 1 0 0 0 1 5 6 7'/></components></object>"
            "</resources><build><item objectid='2'/></build></model>")
    return archive(**{"3D/3dmodel.model": text.encode()})


def draco() -> dict[str, bytes]:
    """A stream as it is, where its package is there."""
    try:
        import DracoPy
    except ImportError:
        return {}
    rng = np.random.default_rng(0)
    return {"draco": DracoPy.encode(rng.random((20, 3)).astype(np.float32),
                                    rng.integers(0, 20, (30, 3)), preserve_order=True)}


def in_glb(data: bytes) -> bytes:
    """A .glb of one Draco stream."""
    import json

    from gltf_files import glb

    entry = {"componentType": 5126, "type": "VEC3", "count": 20}
    return glb(json.dumps({
        "asset": {"version": "2.0"}, "extensionsRequired": ["KHR_draco_mesh_compression"],
        "buffers": [{"byteLength": len(data)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(data)}], "accessors": [entry],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "extensions": {
            "KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}}}]}],
        "nodes": [{"mesh": 0}], "scenes": [{"nodes": [0]}]}).encode(), data)


def all_meshes() -> dict[str, Seed]:
    from test_optional_formats import DAE

    found: dict[str, tuple[str, bytes]] = {
        "obj": (".obj", OBJ), "ply text": (".ply", ply_text(MIXED).encode()),
        "ply": (".ply", ply_binary(MIXED)), "ply big": (".ply", ply_binary(QUADS, ">")),
        "stl": (".stl", stl_binary(TRIANGLES)), "npz": (".npz", npz()),
        "stl text": (".stl", text_of_stl(TRIANGLES[:3]).encode()),
        "off": (".off", off_text(MIXED).encode()), "3mf": (".3mf", three_mf()),
        "dae": (".dae", DAE.format(up="<up_axis>Z_UP</up_axis>").encode())}
    found.update({f"gltf {name}": (Path(name).suffix, data) for name, data in good_files().items()})
    found.update({name: (".glb", in_glb(data)) for name, data in draco().items()})
    return {name: (suffix, data, mesh) for name, (suffix, data) in found.items()
            if suffix in SUFFIXES}


SEEDS: dict[str, Seed] = {
    **all_meshes(),
    "binvox": (".binvox", binvox(), read_binvox),
    "sh3f": (".sh3f", library(), whole_library),
    "shapenet zip": (".zip", archive(**{"03001627/a1/model.obj": OBJ}), models),
    "mat": (".mat", mat(True), table),
    "mat plain": (".mat", mat(False), table),
}
