"""Index a folder of meshes, change it, query it: with an encoder that needs no network."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from tiny_library import PixelEncoder, write_mesh

from crossmodal import search as command
from crossmodal.retrieval import gallery_update
from crossmodal.retrieval.gallery import GalleryError, open_gallery
from crossmodal.retrieval.library import index_library, search
from crossmodal.retrieval.query_image import QueryPicture


def picture_of(index: Path, name: str, view: int = 0) -> QueryPicture:
    gray = np.load(index / "views" / f"{name}.npy")[view]
    return QueryPicture(np.repeat(gray[..., None], 3, axis=2), gray, "whole frame")


def test_every_shape_is_found_by_its_own_view(mesh_folder: Path, tmp_path: Path, encoder) -> None:
    gallery, changes = index_library(mesh_folder, tmp_path / "index", encoder, workers=0)
    assert len(gallery) == 5 and len(changes.added) == 5 and not changes.broken
    pictures = [picture_of(tmp_path / "index", name) for name in gallery.ids]
    hits = search(gallery, encoder, pictures, 10)
    assert [row[0].id for row in hits] == list(gallery.ids)
    assert [row[0].category for row in hits] == list(gallery.categories)
    assert all(len(row) == 5 for row in hits)  # the gallery is smaller than 10
    assert hits[0][0].score == pytest.approx(1, abs=2e-3)


def test_only_new_and_changed_meshes_are_rendered_and_embedded(
    mesh_folder: Path, tmp_path: Path, encoder
) -> None:
    index = tmp_path / "index"
    index_library(mesh_folder, index, encoder, workers=0)
    times = {path: path.stat().st_mtime_ns for path in index.rglob("views/*/*.npy")}
    encoder.embedded.clear()
    index_library(mesh_folder, index, encoder, workers=0)
    assert encoder.embedded == []
    write_mesh(mesh_folder, "new/pipe", trimesh.creation.cylinder(0.2, 3))
    write_mesh(mesh_folder, "round/ring", trimesh.creation.torus(1, 0.5))
    (mesh_folder / "box" / "flat.ply").unlink()
    gallery, changes = index_library(mesh_folder, index, encoder, workers=0)
    assert sum(encoder.embedded) == 2 and changes.added == ["new/pipe", "round/ring"]
    assert changes.removed == ["box/flat"] and "box/flat" not in gallery.ids
    assert not (index / "views" / "box" / "flat.npy").exists()
    kept = index / "views" / "box" / "tall.npy"
    assert kept.stat().st_mtime_ns == times[kept]


def test_a_broken_mesh_costs_only_itself(mesh_folder: Path, tmp_path: Path, encoder) -> None:
    (mesh_folder / "box" / "empty.obj").write_bytes(b"")
    (mesh_folder / "box" / "torn.ply").write_bytes(b"ply\nformat binary")
    flat = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], process=False)
    write_mesh(mesh_folder, "box/line", flat)
    gallery, changes = index_library(mesh_folder, tmp_path / "index", encoder, workers=0)
    assert len(gallery) == 5
    assert sorted(changes.broken) == ["box/empty", "box/line", "box/torn"]
    assert "empty" in changes.broken["box/empty"]
    write_mesh(mesh_folder, "box/torn", trimesh.creation.box((1, 1, 3)))
    gallery, changes = index_library(mesh_folder, tmp_path / "index", encoder, workers=0)
    assert "box/torn" in gallery.ids and len(changes.broken) == 2


def test_a_torn_view_file_costs_only_itself(mesh_folder: Path, tmp_path: Path, encoder) -> None:
    index = tmp_path / "index"
    index_library(mesh_folder, index, encoder, workers=0)
    (index / "views" / "box" / "flat.npy").write_bytes(b"")
    other = PixelEncoder("another model")
    gallery, changes = index_library(mesh_folder, index, other, workers=0, rebuild=True)
    assert len(gallery) == 4 and "delete it and index again" in changes.broken["box/flat"]


def test_another_model_or_other_views_need_rebuild(
    mesh_folder: Path, tmp_path: Path, encoder
) -> None:
    index = tmp_path / "index"
    index_library(mesh_folder, index, encoder, workers=0)
    larger = PixelEncoder("larger", views=3, size=48)
    with pytest.raises(GalleryError, match="made with model pixels, the checkpoint is larger"):
        index_library(mesh_folder, index, larger, workers=0)
    gallery, changes = index_library(mesh_folder, index, larger, workers=0, rebuild=True)
    assert gallery.tokens.shape == (5, 3, 24) and len(changes.added) == 5
    with pytest.raises(GalleryError, match="made with model larger, the checkpoint is pixels"):
        search(gallery, encoder, [picture_of(index, "box/flat")], 3)


def run(arguments: list[object], encoder: PixelEncoder) -> int:
    return command.main([str(a) for a in arguments], lambda checkpoint, device: encoder)


def test_the_command_line(
    mesh_folder: Path, tmp_path: Path, encoder, capsys: pytest.CaptureFixture
) -> None:
    index, common = tmp_path / "index", ["--index", tmp_path / "index", "--checkpoint", "none"]
    (mesh_folder / "box" / "torn.ply").write_bytes(b"ply")
    assert run(["index", "--meshes", mesh_folder, "--workers", 1, *common], encoder) == 0
    told = capsys.readouterr().out
    assert "5 shapes in" in told and "5 new or changed" in told and "broken: box/torn" in told
    photo = tmp_path / "photo.png"
    Image.fromarray(np.load(index / "views" / "round" / "cone.npy")[2]).save(photo)
    query = ["query", "--image", photo, "--whole", *common]
    assert run([*query, "--top", 3, "--grid", tmp_path / "grid.png"], encoder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("object: whole frame") and lines[1].split()[:2] == ["1", "round/cone"]
    assert len(lines) == 5 and "5 shapes searched in" in lines[-1] and "loaded in" in lines[-1]
    with Image.open(tmp_path / "grid.png") as image:
        assert image.width > 4 * 112
    assert run([*query, "--json"], encoder) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["hits"][0]["id"] == "round/cone" and content["hits"][0]["category"] == "round"
    assert len(content["hits"]) == 5 and content["seconds"]["query"] < 3


def test_a_grid_survives_lost_views(mesh_folder: Path, tmp_path: Path, encoder) -> None:
    index, common = tmp_path / "index", ["--index", tmp_path / "index", "--checkpoint", "none"]
    run(["index", "--meshes", mesh_folder, "--workers", 1, *common], encoder)
    shutil.rmtree(index / "views")
    Image.new("RGB", (300, 200), "white").save(tmp_path / "photo.png")
    assert run(["query", "--image", tmp_path / "photo.png", "--grid", tmp_path / "g.png", *common],
               encoder) == 0
    assert (tmp_path / "g.png").is_file()


@pytest.mark.parametrize(("arguments", "message"), [
    (["query", "--image", "photo.png"], "no index here; make it with `python -m crossmodal.search"),
    (["index", "--meshes", "nowhere"], "nowhere: no such folder of meshes; give one"),
    (["index", "--meshes", "a.obj"], "a.obj is a file; give the folder it lies in, "),
    (["index", "--meshes", ".", "--index", "a.obj"], "a.obj is a file, and an index is a folder"),
    (["index", "--meshes", ".", "--index", "ix/gallery.json"], "give --index ix"),
    (["index", "--meshes", ".", "--index", "a.obj/x"], "a file is in the place of a folder"),
    (["query", "--image", "a.obj", "--index", "ix/gallery.json"], "give --index ix"),
    (["query", "--image", "."], "--image takes the file of a picture to look for"),
    (["query", "--image", "a.obj", "--grid", "."], "--grid takes the file of a picture to write"),
    (["query", "--image", "a.obj", "--index", "ix"], "gallery of format 1, which this version rea"),
])
def test_mistakes_get_one_clear_line(
    tmp_path: Path, encoder, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.obj").write_text("v 0 0 0\n")
    (tmp_path / "ix").mkdir()
    (tmp_path / "ix" / "gallery.json").write_text('{"format": 2}')
    common = [] if "--index" in arguments else ["--index", str(tmp_path / "index")]
    assert run([*arguments, *common, "--checkpoint", "none"], encoder) == 1
    told = capsys.readouterr()
    assert message in told.err and "Traceback" not in told.err and told.out == ""
    assert "rrno" not in told.err and told.err.count("ERROR") == 1


def test_a_checkpoint_that_is_not_there_is_told_before_jittor_is_made_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "crossmodal.models.encode", None)
    for path in (tmp_path, tmp_path / "run"):
        with pytest.raises(ValueError, match="no such checkpoint; train first, or give another"):
            command.load_encoder(path, "auto")


def test_both_commands_take_a_limit_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSMODAL_MAX_MEMORY", "")
    common = ["--index", "i", "--checkpoint", "c", "--max-memory", "3G"]
    for arguments in (["index", "--meshes", "m"], ["query", "--image", "p"]):
        command._parser().parse_args([*arguments, *common])
        assert os.environ["CROSSMODAL_MAX_MEMORY"] == str(3 * 2**30)
        os.environ["CROSSMODAL_MAX_MEMORY"] = ""


def test_a_folder_of_broken_meshes_only(tmp_path: Path, encoder, capsys) -> None:
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes" / "a.obj").write_bytes(b"")
    common = ["--index", str(tmp_path / "index"), "--checkpoint", "none", "--workers", "0"]
    assert run(["index", "--meshes", tmp_path / "meshes", *common], encoder) == 1
    assert "all 1 items failed" in capsys.readouterr().err


def test_a_broken_photo_is_named(
    mesh_folder: Path, tmp_path: Path, encoder, capsys: pytest.CaptureFixture
) -> None:
    common = ["--index", tmp_path / "index", "--checkpoint", "none"]
    run(["index", "--meshes", mesh_folder, "--workers", 1, *common], encoder)
    (tmp_path / "photo.jpg").write_bytes(b"not a picture")
    assert run(["query", "--image", tmp_path / "photo.jpg", *common], encoder) == 1
    assert "photo.jpg: no whole picture of a kind that is read" in capsys.readouterr().err


def test_a_changed_index_opens_after_every_step(mesh_folder: Path, tmp_path: Path, encoder) -> None:
    index = tmp_path / "index"
    for name in ("box/flat", "round/ball"):
        index_library(mesh_folder, index, encoder, workers=0)
        (mesh_folder / f"{name}.ply").unlink()
    gallery, _ = index_library(mesh_folder, index, encoder, workers=0)
    assert list(open_gallery(index).ids) == list(gallery.ids) == [
        "box/tall", "round/cone", "round/ring"]


def test_an_interrupted_rebuild_goes_on_as_it_says(
    mesh_folder: Path, tmp_path: Path, encoder, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    common = ["--index", tmp_path / "index", "--checkpoint", "none"]
    index = ["index", "--meshes", mesh_folder, "--workers", 1, *common]
    run(index, encoder)
    other, save = PixelEncoder("other"), gallery_update.save_gallery

    def interrupt(*_: object) -> None:
        monkeypatch.setattr(gallery_update, "save_gallery", save)
        raise KeyboardInterrupt

    monkeypatch.setattr(gallery_update, "save_gallery", interrupt)
    assert run([*index, "--rebuild"], other) == 130
    assert "embedded is kept: run the same command again to go on" in capsys.readouterr().err
    assert open_gallery(tmp_path / "index").fingerprint == "pixels"
    other.embedded.clear()
    assert run([*index, "--rebuild"], other) == 0
    assert other.embedded == [] and open_gallery(tmp_path / "index").fingerprint == "other"


def test_an_interrupted_query_says_nothing_of_an_index(tmp_path: Path, mesh_folder: Path, encoder,
                                                       capsys: pytest.CaptureFixture) -> None:
    common = ["--index", tmp_path / "index", "--checkpoint", "none"]
    run(["index", "--meshes", mesh_folder, "--workers", 1, *common], encoder)
    capsys.readouterr()

    def interrupt(checkpoint: Path, device: str) -> PixelEncoder:
        raise KeyboardInterrupt

    arguments = [str(a) for a in ("query", "--image", "photo.png", *common)]
    assert command.main(arguments, interrupt) == 130
    assert capsys.readouterr().err.rstrip().endswith("interrupted")


class SlowEncoder(PixelEncoder):
    """Starts to embed, and goes on when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def encode_views(self, views: np.ndarray) -> np.ndarray:
        self.begun.set()
        assert self.may_go_on.wait(30)
        return super().encode_views(views)


def test_one_indexer_at_a_time(mesh_folder: Path, tmp_path: Path, encoder) -> None:
    slow, index, found = SlowEncoder(), tmp_path / "index", []
    first = threading.Thread(target=index_library, args=(mesh_folder, index, slow, 1))
    second = threading.Thread(
        target=lambda: found.append(index_library(mesh_folder, index, encoder, 1)))
    first.start()
    assert slow.begun.wait(30)
    second.start()
    second.join(1)
    waited = second.is_alive() and encoder.embedded == []
    slow.may_go_on.set()
    first.join()
    second.join()
    assert waited and encoder.embedded == []
    gallery, changes = found[0]
    assert len(gallery) == changes.kept == 5


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux")
def test_a_file_name_that_is_not_utf8(
    mesh_folder: Path, tmp_path: Path, encoder, capsys: pytest.CaptureFixture
) -> None:
    name = os.fsdecode(b"box/caf\xe9")
    trimesh.creation.box((2, 0.2, 1)).export(mesh_folder / "mesh.glb")
    (mesh_folder / "mesh.glb").rename(mesh_folder / f"{name}.glb")
    (mesh_folder / f"{name}2.glb").write_bytes(b"glb")
    common = ["--index", tmp_path / "index", "--checkpoint", "none"]
    assert run(["index", "--meshes", mesh_folder, "--workers", 1, *common], encoder) == 0
    assert "broken: box/caf\\udce92" in capsys.readouterr().out
    photo = tmp_path / os.fsdecode(b"\xe9.png")
    Image.fromarray(np.load(tmp_path / "index" / "views" / f"{name}.npy")[0]).save(photo)
    query = ["query", "--image", photo, "--whole", "--grid", tmp_path / "grid.png", *common]
    assert run(query, encoder) == 0
    assert "box/caf\\udce9 " in capsys.readouterr().out
    assert run([*query, "--json"], encoder) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["id"] == name


def test_json_for_an_output_that_is_not_unicode(
    mesh_folder: Path, tmp_path: Path, encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mesh_folder / "box" / "flat.ply").rename(mesh_folder / "box" / "café.ply")
    common = ["--index", tmp_path / "index", "--checkpoint", "none"]
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    run(["index", "--meshes", mesh_folder, "--workers", 1, *common], encoder)
    Image.new("RGB", (64, 64), "white").save(tmp_path / "photo.png")
    out.seek(0)
    out.truncate()
    assert run(["query", "--image", tmp_path / "photo.png", "--json", *common], encoder) == 0
    out.seek(0)
    assert "box/café" in [hit["id"] for hit in json.loads(out.read())["hits"]]
