"""Scenes in XML, and CAD files, that mean harm: refused by name, and no other file is looked at."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from step_box import step_box
from test_optional_formats import DAE, needed

from crossmodal.geometry.formats import scene_claims
from crossmodal.geometry.formats.scene import content_of
from crossmodal.geometry.mesh import MeshError, load_mesh
from crossmodal.runtime import limits, worker_pool

MESH = ("<mesh><vertices><vertex x='0' y='0' z='0'/><vertex x='1' y='0' z='0'/>"
        "<vertex x='0' y='1' z='0'/></vertices><triangles><triangle v1='0' v2='1' v3='2'/>"
        "</triangles></mesh>")
MODEL = ("<model unit='millimeter' xmlns='http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
         "'><resources>{}</resources><build>{}</build></model>")


def three_mf(path: Path, objects: str, items: str = "<item objectid='1'/>", before: str = "",
             encoding: str = "utf-8", **others: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        text = before + MODEL.format(objects, items)
        archive.writestr("3D/3dmodel.model", text.encode(encoding))
        for name, data in others.items():
            archive.writestr(name, data)
    return path


def refused(path: Path, why: str) -> None:
    with pytest.raises(MeshError, match=why) as caught:
        load_mesh(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message and len(message) < 500


def doubled(levels: int) -> str:
    """Objects of which each is twice the one before."""
    return f"<object id='0'>{MESH}</object>" + "".join(
        f"<object id='{n + 1}'><components><component objectid='{n}'/><component objectid='{n}'/>"
        "</components></object>" for n in range(levels))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_parts_of_parts_are_counted(tmp_path: Path, encoding: str) -> None:
    needed(".3mf")
    path = three_mf(tmp_path / "a.3mf", doubled(3), "<item objectid='3'/>", encoding=encoding)
    assert len(load_mesh(path).faces) == 8
    refused(three_mf(path, doubled(60), "<item objectid='60'/>", encoding=encoding),
            "places more than 300000 parts")


def test_a_part_of_itself(tmp_path: Path) -> None:
    needed(".3mf")
    objects = ("<object name=' id=\"9\" ' id='1'><components><component objectid='&#x32;'/>"
               "</components></object>"
               "<object id='2'><components><component objectid='1'/></components></object>")
    refused(three_mf(tmp_path / "a.3mf", objects), "is a part of itself")


@pytest.mark.parametrize("before, encoding, why", [
    ("<!DOCTYPE m [<!ENTITY a 'aaaa'>]>", "utf-8", "declares entities"),
    ("<?xml version='1.0' encoding='utf-7'?>", "utf-8", "unusual encoding"),
    ("", "utf-16-le", "unusual encoding")])
def test_xml_that_is_more_than_it_seems(tmp_path: Path, before: str, encoding: str, why: str
                                        ) -> None:
    needed(".3mf")
    refused(three_mf(tmp_path / "a.3mf", f"<object id='1'>{MESH}</object>", before=before,
                     encoding=encoding), why)


def test_what_else_is_in_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """trimesh unpacks all of it."""
    needed(".3mf")
    monkeypatch.setattr(limits, "ANY_FILE", 2**20)
    refused(three_mf(tmp_path / "a.3mf", f"<object id='1'>{MESH}</object>", bomb=bytes(2**21)),
            "2 files in it would take 2.0 MiB of memory")
    (tmp_path / "a.3mf").write_bytes(b"PK\3\4" + bytes(99))
    refused(tmp_path / "a.3mf", "no whole 3MF file")


def test_nodes_of_nodes_of_a_dae(tmp_path: Path) -> None:
    needed(".dae")
    nodes = "<node id='n0'><instance_geometry url='#g'/></node>" + "".join(
        f"<node id='n{n + 1}'><instance_node url='#n{n}'/><instance_node url='#n{n}'/></node>"
        for n in range(50))
    path = tmp_path / "a.dae"
    for levels, what in ((2, None), (50, "places more than 300000 parts")):
        text = DAE.format(up="").replace("<library_visual_scenes>", f"<library_nodes>{nodes}"
                                         "</library_nodes><library_visual_scenes>")
        path.write_text(text.replace("<instance_geometry url=\"#g\"/></node>\n</visual",
                                     f"<instance_node url='#n{levels}'/></node></visual"))
        if what:
            refused(path, what)
    text = DAE.format(up="").replace("<COLLADA", "<!DOCTYPE a [<!ENTITY b 'c'>]><COLLADA")
    path.write_text(text)
    refused(path, "declares entities")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.dae", DAE.format(up=""))
    refused(path, "zip archive; unpack it first")


def test_a_scene_looks_at_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed(".dae")
    path = tmp_path / "m" / "a.dae"
    path.parent.mkdir()
    (tmp_path / "secret.png").write_bytes(b"")
    text = DAE.format(up="").replace("<library_geometries>", """<library_images><image id="i">
<init_from>../secret.png</init_from></image></library_images><library_effects><effect id="e">
<profile_COMMON><newparam sid="s"><surface type="2D"><init_from>i</init_from></surface></newparam>
<newparam sid="t"><sampler2D><source>s</source></sampler2D></newparam><technique sid="c"><lambert>
<diffuse><texture texture="t" texcoord="u"/></diffuse></lambert></technique></profile_COMMON>
</effect></library_effects><library_materials><material id="m"><instance_effect url="#e"/>
</material></library_materials><library_geometries>""")
    path.write_text(text)
    data = path.read_bytes()
    import builtins

    opened: list[str] = []
    real = builtins.open
    content_of(path, data)  # all is imported
    monkeypatch.setattr(builtins, "open",
                        lambda name, *rest, **more: opened.append(str(name)) or real(
                            name, *rest, **more))
    assert len(content_of(path, data).faces) == 1
    assert not [name for name in opened if "secret" in name]


def test_a_step_file_is_read_in_a_process_of_its_own(tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    needed(".step")
    path = tmp_path / "a.step"
    path.write_text(step_box((10, 20, 30)))
    apart = load_mesh(path)
    monkeypatch.setattr(worker_pool, "_is_worker", True)
    here = load_mesh(path)
    for key in ("vertices", "faces", "colours"):
        np.testing.assert_array_equal(getattr(apart, key), getattr(here, key))
    monkeypatch.setattr(worker_pool, "_is_worker", False)
    path.write_text("ISO-10303-21;\nHEADER;\n")
    refused(path, "a.step: ")


def test_a_step_file_that_takes_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed(".step")
    from crossmodal.geometry.formats import step

    monkeypatch.setattr(step, "SECONDS", 0.01)
    (tmp_path / "a.step").write_text(step_box((1, 2, 3)))
    refused(tmp_path / "a.step", "takes more than 0 s; export it as .stl")


def test_texts_between_marks() -> None:
    pieces = list(scene_claims._without(b"a<!--b-->c<!--d", b"<!--", b"-->"))
    assert b"".join(pieces) == b"ac"
