"""Formats that are read where a package for them is installed, and what is said where none is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from step_box import step_box

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats import registry
from crossmodal.geometry.mesh import load_mesh


def needed(suffix: str) -> None:
    """Skip where the packages for a format are not installed."""
    if suffix not in registry.SUFFIXES:
        pytest.skip(f"{suffix} is not read here: {registry.remedy(suffix)}")


def test_all_parts_of_a_3mf_file(tmp_path: Path) -> None:
    needed(".3mf")
    parts = [trimesh.creation.box((1, 2, 3)),
             trimesh.creation.box((1, 1, 1)).apply_translation((5, 0, 0))]
    trimesh.Scene(parts).export(tmp_path / "a.3mf")
    mesh = load_mesh(tmp_path / "a.3mf")
    assert len(mesh.faces) == 24
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), [6, 2, 3])


@pytest.mark.parametrize("suffix", [".step", ".stp"])
def test_the_surface_of_a_step_file(tmp_path: Path, suffix: str) -> None:
    needed(suffix)
    (tmp_path / f"a{suffix}").write_text(step_box((10, 20, 30)))
    mesh = load_mesh(tmp_path / f"a{suffix}")
    assert len(mesh.faces) == 12
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), [0.01, 0.02, 0.03], rtol=1e-5)  # m


DAE = """<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><created>2024-01-01T00:00:00</created><modified>2024-01-01T00:00:00</modified>{up}</asset>
<library_geometries><geometry id="g"><mesh>
<source id="p"><float_array id="a" count="9">0 0 0 1 0 0 0 0 3</float_array><technique_common>
<accessor source="#a" count="3" stride="3"><param name="X" type="float"/>
<param name="Y" type="float"/><param name="Z" type="float"/></accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
<triangles count="1"><input semantic="VERTEX" source="#v" offset="0"/><p>0 1 2</p></triangles>
</mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="s"><node><instance_geometry url="#g"/></node>
</visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#s"/></scene>
</COLLADA>
"""


@pytest.mark.parametrize("named, size", [
    ("", [1, 0, 3]), ("<up_axis>Y_UP</up_axis>", [1, 0, 3]),
    ("<up_axis>Z_UP</up_axis>", [1, 3, 0]), ("<up_axis>X_UP</up_axis>", [0, 1, 3])])
def test_a_dae_file_says_which_way_is_up(tmp_path: Path, named: str, size: list[int]) -> None:
    needed(".dae")
    (tmp_path / "a.dae").write_text(DAE.format(up=named))
    mesh = load_mesh(tmp_path / "a.dae")
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), size)


@pytest.mark.parametrize("suffix, remedy", [
    (".3mf", "pip install lxml networkx"), (".step", "pip install cascadio"),
    (".dae", "pip install pycollada"), (".fbx", "open it in Blender and export it as .glb"),
    (".sldprt", "export it as .stl from the program that made it"),
    (".pcd", "it holds points, no surface")])
def test_what_to_do_with_a_format_that_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, remedy: str
) -> None:
    for name in registry.OPTIONAL:
        monkeypatch.delitem(registry.READERS, name, raising=False)
    (tmp_path / f"a{suffix}").write_text("x")
    with pytest.raises(MeshError, match=f"a{suffix}: {suffix} is not read here; {remedy}"):
        load_mesh(tmp_path / f"a{suffix}")
