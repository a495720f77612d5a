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
