"""Office-31: lists of its three domains, spellings of classes, odd pictures, restart."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from owner_copies import office_files, picture, write_files
from small_items import folder_hash

from crossmodal.config import DomainConfig
from crossmodal.data.domains import Domains, load_test
from crossmodal.data.errors import DataError
from crossmodal.prepare import office31
from crossmodal.prepare.picture_items import list_path
from crossmodal.prepare.source_check import MissingSource


def make(source: Path, root: Path, **options) -> Path:
    return office31.main(source, root, workers=0, **options)


def office(root: Path, source: str = "amazon.txt", target: str = "webcam.txt") -> DomainConfig:
    """As configs/office31.yaml has it."""
    return DomainConfig(root=str(root), name="office31", views=1, source_list=source,
                        target_list=target, query_list=None, gallery_list=None)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return write_files(tmp_path / "domain_adaptation_images", office_files())


def test_training_and_test_read_every_pair(copy: Path, tmp_path: Path) -> None:
    folder = make(copy, tmp_path)
    for source, target in (("amazon", "webcam"), ("dslr", "amazon"), ("webcam", "dslr")):
        data = office(tmp_path, f"{source}.txt", f"{target}.txt")
        domains = Domains.load(data, 0)
        assert domains.classes == office31.CLASSES and len(domains.classes) == 31
        assert len(domains.source) == len(domains.target) == 2 * 31
        queries, gallery = load_test(data, domains.classes)
        assert all(f"/{source}/images/" in item.files[0] for item in queries)
        for item in gallery:
            assert f"/{office31.CLASSES[item.label or 0]}/" in item.files[0]
    lines = (folder / "amazon.txt").read_text().splitlines()
    assert lines[0].endswith("amazon/images/back_pack/frame_0001.jpg 0")
    assert sum(line.endswith(" 5") and "/calculator/" in line for line in lines) == 2
    assert not list(folder.rglob("*.jpg"))  # pointed at, not copied
    facts = json.loads((folder / "split.json").read_text())
    assert facts["name"] == "none" and facts["items"]["dslr"] == {"kept": 62, "of": 62}


def test_again_gives_the_same_bytes(copy: Path, tmp_path: Path) -> None:
    folder = make(copy.parent, tmp_path)  # one step too high
    before = folder_hash(folder)
    make(copy, tmp_path)
    assert folder_hash(folder) == before
    linked = tmp_path / "linked"
    (tmp_path / "big disk" / "data").mkdir(parents=True)
    linked.symlink_to(tmp_path / "big disk" / "data")
    make(copy, linked)
    Domains.load(office(linked), 0)  # paths of the lists lead out of the linked folder


def test_broken_and_odd_pictures(copy: Path, tmp_path: Path) -> None:
    place = copy / "webcam" / "images" / "mug"
    (place / "frame_0001.jpg").write_bytes(b"")
    (place / "tasse é 10.png").write_bytes(picture(9, "PNG", "RGBA"))
    (place / "frame_0010.jpg").write_bytes(picture(9, mode="L"))
    (place / "frame_0009.jpg").symlink_to(place / "frame_0002.jpg")
    folder = make(copy, tmp_path)
    stored = json.loads((folder / "manifest.json").read_text())
    assert stored["failed"] == ["webcam/images/mug/frame_0001.jpg"]
    mugs = [line for line in (folder / "webcam.txt").read_text().splitlines() if "/mug/" in line]
    names = [Path(line.rsplit(" ", 1)[0]).name for line in mugs]
    assert names == ["frame_0002.jpg", "frame_0009.jpg", "frame_0010.jpg", "tasse é 10.png"]
    assert len(Domains.load(office(tmp_path), 0).target) == 62 + 2


def test_names_that_lists_can_and_cannot_hold(copy: Path, tmp_path: Path) -> None:
    (copy / "dslr" / "images" / "pen" / "two\nlines.jpg").write_bytes(picture())
    folder = make(copy, tmp_path)
    (error,) = [
        item["error"]
        for item in json.loads((folder / "manifest.json").read_text())["items"].values()
        if item["status"] == "failed"
    ]
    assert "such a name cannot stand in a list" in error
    assert list_path(tmp_path / "#1 a.jpg", tmp_path) == "./#1 a.jpg"  # else it were a comment


def test_other_spellings_and_no_images_folder(copy: Path, tmp_path: Path) -> None:
    shutil.move(copy / "dslr" / "images", tmp_path / "images")
    shutil.rmtree(copy / "dslr")
    shutil.move(tmp_path / "images", copy / "dslr")
    (copy / "dslr" / "back_pack").rename(copy / "dslr" / "Backpack")
    (copy / "dslr" / "trash_can").rename(copy / "dslr" / "trash-can")
    folder = make(copy, tmp_path)
    lines = (folder / "dslr.txt").read_text().splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == [str(n // 2) for n in range(62)]


def test_what_is_missing_is_said_at_once(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingSource) as missing:
        make(tmp_path / "absent", tmp_path)
    assert all(f"{name}" in str(missing.value) for name in ("amazon", "dslr", "webcam", "judy"))
    shutil.rmtree(copy / "amazon" / "images" / "pen")
    for path in (copy / "webcam" / "images" / "mouse").iterdir():
        path.unlink()
    with pytest.raises(MissingSource) as missing:
        make(copy, tmp_path)
    text = str(missing.value)
    assert "amazon/images/pen/*.jpg" in text and "webcam/images/mouse/*.jpg" in text
    (copy / "dslr" / "images" / "teapot").mkdir()
    with pytest.raises(DataError, match=r"1 of 32 folders \(first: teapot\)"):
        make(copy, tmp_path)
    assert not (tmp_path / "office31").exists()


def test_a_name_that_is_no_utf8_costs_its_picture(copy: Path, tmp_path: Path) -> None:
    odd = os.fsencode(copy / "amazon" / "images" / "bike") + b"/st\xfchl.jpg"
    Path(os.fsdecode(odd)).write_bytes(picture())
    folder = make(copy, tmp_path)
    stored = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert stored["failed"] == ["amazon/images/bike/st\udcfchl.jpg"]
    assert len((folder / "amazon.txt").read_text(encoding="utf-8").splitlines()) == 62
    before = folder_hash(folder)
    make(copy, tmp_path)
    assert folder_hash(folder) == before


def test_missing_domains_and_classes_are_said_at_once(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "dslr")
    shutil.rmtree(copy / "webcam" / "images" / "pen")
    with pytest.raises(MissingSource, match=r"(?s)/dslr: 498 pictures.*/pen/\*\.jpg: a class"):
        make(copy, tmp_path)
