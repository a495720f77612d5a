"""An index that somebody gave away: nothing outside it is written, removed or shown."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from PIL import Image

from crossmodal import search as command
from crossmodal.retrieval.gallery import GalleryError, open_gallery
from crossmodal.retrieval.library import index_library, view_settings


@pytest.fixture
def given(mesh_folder: Path, tmp_path: Path, encoder: Any) -> Path:
    """An index beside the folder `outside`, in which lies what is precious."""
    index_library(mesh_folder, tmp_path / "index", encoder, workers=0)
    (tmp_path / "outside").mkdir()
    for name in ("victim", "tokens-00000000-1.npy", "manifest.json", "index.lock"):
        (tmp_path / "outside" / name).write_text("precious")
    return tmp_path / "index"


def outside(given: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (given.parent / "outside").iterdir()}


def change(path: Path, how: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content))


def link(path: Path, to: str) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(path.parent / to)


def gone(files: Any) -> Callable[[Any], None]:
    record = {"status": "done", "source": "x", "files": files}
    return lambda content: content["items"].update({"c/gone": record})


ATTACKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a file outside is called gone": (
        lambda index: change(index / "views/manifest.json", gone(["../../outside/victim"])),
        "'c/gone'.*leads out.*delete .*manifest.json"),
    "an absolute one": (
        lambda index: change(index / "views/manifest.json", gone([str(index.parent / "outside")])),
        "'c/gone'.*is absolute.*delete .*manifest.json"),
    "one behind a link": (
        lambda index: (change(index / "views/manifest.json", gone(["link/victim"])),
                       link(index / "views" / "link", "../../outside"))[0],
        "leads out of .* through a link"),
    "files that are no list": (
        lambda index: change(index / "views/manifest.json", gone(7)), "not what was written"),
    "the views are elsewhere": (
        lambda index: link(index / "views", "../outside"), "through a link"),
    "the manifest is elsewhere": (
        lambda index: link(index / "views" / "manifest.json", "../../outside/manifest.json"),
        "manifest.json"),
    "the lock is elsewhere": (
        lambda index: link(index / "index.lock", "../outside/index.lock"), "through a link"),
    "the gallery is elsewhere": (
        lambda index: (change(index / "gallery.json", lambda c: c.update(ids=["a"] * 5)),
                       link(index / "gallery.json", "../outside/victim"))[0], "gallery.json"),
    "the tokens are elsewhere": (
        lambda index: link(next(index.glob("tokens-*")), "../outside/victim"), "through a link"),
    "a pipe for a lock": (
        lambda index: ((index / "index.lock").unlink(), os.mkfifo(index / "index.lock"))[0],
        "is no file; delete it"),
}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("attack", ATTACKS)
def test_indexing_it_is_refused(given: Path, mesh_folder: Path, encoder: Any, attack: str) -> None:
    harm, message = ATTACKS[attack]
    before = outside(given)
    harm(given)
    with pytest.raises(ValueError, match=message) as caught:
        index_library(mesh_folder, given, encoder, workers=0)
    assert outside(given) == before and "\n" not in str(caught.value)


def test_a_view_that_is_a_link_costs_its_item(given: Path, mesh_folder: Path, encoder: Any) -> None:
    link(given / "views" / "box" / "flat.npy", "../../../outside/victim")
    change(given / "views" / "manifest.json", lambda c: c["items"].pop("box/flat"))
    before = outside(given)
    gallery, changes = index_library(mesh_folder, given, encoder, workers=0)
    assert outside(given) == before and len(gallery) == 4
    assert "through a link" in changes.broken["box/flat"]


def test_a_rebuild_and_what_it_leaves_stay_inside(
        given: Path, mesh_folder: Path, encoder: Any) -> None:
    before = outside(given)
    (given / "rebuild").symlink_to(given.parent / "outside")
    with pytest.raises(ValueError, match="through a link"):
        index_library(mesh_folder, given, encoder, workers=0, rebuild=True)
    index_library(mesh_folder, given, encoder, workers=0)
    assert outside(given) == before


def test_the_grid_shows_no_view_of_elsewhere(
        given: Path, tmp_path: Path, encoder: Any, capsys: pytest.CaptureFixture) -> None:
    np.save(tmp_path / "outside" / "secret.npy", np.zeros((4, 32, 32), np.uint8))
    link(given / "views" / "box" / "flat.npy", "../../../outside/secret.npy")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "photo.png")
    query = ["query", "--image", str(tmp_path / "photo.png"), "--index", str(given),
             "--checkpoint", "x", "--grid", str(tmp_path / "g.png")]
    assert command.main(query, lambda checkpoint, device: encoder) == 0
    said = capsys.readouterr().err
    assert "left out of the grid: the name 'views/box/flat.npy' leads out" in said
    change(given / "gallery.json", lambda c: c["ids"].__setitem__(0, "../../outside/secret"))
    assert command.main(query, lambda checkpoint, device: encoder) == 1
    assert "leads out of its folder" in capsys.readouterr().err


@pytest.mark.parametrize("settings", [
    {"count": 10**9}, {"size": -1}, {"size": "32"}, {"elevation": None}, {"size": True},
    {"elevation": float("nan")}, {"elevation": 10**400}, {"shutter": 1}, {"supersampling": 0}])
def test_settings_that_no_index_has(given: Path, settings: dict[str, Any]) -> None:
    change(given / "gallery.json", lambda c: c["settings"].update(settings))
    with pytest.raises(GalleryError, match=r"gallery\.json: the setting '.*delete .* index again"):
        view_settings(open_gallery(given), given)


@pytest.mark.parametrize("name", ["count", "size", "elevation"])
def test_a_setting_that_is_not_there(given: Path, name: str) -> None:
    change(given / "gallery.json", lambda c: c["settings"].pop(name))
    with pytest.raises(GalleryError, match=f"the setting '{name}' of its views is 'missing'"):
        view_settings(open_gallery(given), given)
