"""Links in a folder that somebody gave away: what they lead to is neither written nor removed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from PIL import Image

from crossmodal.prepare.manifest import Manifest
from crossmodal.prepare.output import own_place, write_array, write_bytes, write_image, write_json
from crossmodal.prepare.photo_store import Photo, store_photos
from crossmodal.retrieval.category_features import DomainFeatures, save_features
from crossmodal.retrieval.report import write_text
from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.inside import OutsideError
from crossmodal.training.run_log import RunLog

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need rights there")
DOMAIN = DomainFeatures(np.zeros((1, 2)), np.zeros(1, np.int64))


def written(folder: Path) -> None:
    with atomic_write_in(folder, "file") as file:
        file.write(b"x")


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "array": ("a.npy", lambda folder: write_array(folder / "a.npy", np.zeros(1))),
    "picture": ("a.png", lambda folder: write_image(folder / "a.png", np.zeros((8, 8), np.uint8))),
    "bytes": ("a", lambda folder: write_bytes(folder / "a", b"x")),
    "json": ("split.json", lambda folder: write_json(folder / "split.json", {})),
    "manifest": ("manifest.json", lambda folder: Manifest(folder, "p", {}).save()),
    "report": ("table.md", lambda folder: write_text(folder / "table.md", "x")),
    "features": ("source.mat", lambda folder: save_features(folder, DOMAIN, DOMAIN)),
    "run log": ("log.jsonl", lambda folder: RunLog(folder, tensorboard=False).__enter__()),
    "file": ("file", written),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_is_written_through_a_link_that_leads_out(tmp_path: Path, writer: str) -> None:
    name, write = WRITERS[writer]
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "precious").write_text("precious")
    (folder / name).symlink_to(tmp_path / "precious")
    with pytest.raises(ValueError, match="through a link; put the file itself there"):
        write(folder)
    assert (tmp_path / "precious").read_text() == "precious"
    (folder / name).unlink()
    (folder / name).symlink_to(folder / "other")  # and one that stays inside is followed
    write(folder)
    assert (folder / name).is_symlink() and (folder / "other").is_file()


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), "red").save(path)
    return path


def test_a_users_photos_stay_where_links_to_them_are_made_again(tmp_path: Path) -> None:
    photos = {"a/1": Photo(photo(tmp_path / "mine" / "1.jpg"), "a/s")}
    before = (tmp_path / "mine" / "1.jpg").read_bytes()
    for _ in range(2):
        store_photos(photos, tmp_path / "set", workers=0, redo=True)
        assert (tmp_path / "set" / "img" / "a" / "1.jpg").is_symlink()
    store_photos(photos, tmp_path / "set", copy=True, workers=0, redo=True)
    assert not (tmp_path / "set" / "img" / "a" / "1.jpg").is_symlink()
    assert (tmp_path / "mine" / "1.jpg").read_bytes() == before


def test_photos_are_laid_in_no_folder_of_elsewhere(tmp_path: Path) -> None:
    photos = {key: Photo(photo(tmp_path / "mine" / "1.jpg"), "a/s") for key in ("a/1", "b/1")}
    (tmp_path / "set" / "img").mkdir(parents=True)
    (tmp_path / "set" / "img" / "a").symlink_to(tmp_path / "mine")
    manifest = store_photos(photos, tmp_path / "set", workers=0)
    assert manifest.failed == ["a/1"] and "through a link" in manifest.items["a/1"]["error"]
    assert not (tmp_path / "mine" / "1.jpg").is_symlink()


def test_redo_removes_nothing_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "victim").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "out")
    (folder / "mine").touch()
    record = {"status": "done", "source": "x", "files": ["mine", "link/victim"]}
    (folder / "manifest.json").write_text(json.dumps({"items": {"a": record}}))
    with pytest.raises(ValueError, match=r"manifest\.json: .*through a link.*delete"):
        Manifest.open(folder, "p", {}, redo=True)
    assert (folder / "mine").is_file() and (tmp_path / "out" / "victim").is_file()


def test_a_place_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert own_place(tmp_path, "link") == tmp_path / "link"
    with pytest.raises(OutsideError, match="is a folder"):
        own_place(tmp_path, "folder")
