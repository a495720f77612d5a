"""CompCars and its annotations become a data set: splits, masks, tables, what is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from instance_sources import (
    agree,
    lists,
    load,
    owners_box,
    write_annotations,
    write_photo,
    write_shapenet,
)

from crossmodal.prepare import comp_cars, pix3d, stanford_cars
from crossmodal.prepare.comp_cars import label_box
from crossmodal.prepare.instance_options import Options
from crossmodal.prepare.source_check import MissingSource
from crossmodal.prepare.splits import read_split_facts

IDS = ("2e8c4fd40a1be2fa5f38ed4497f2c53c", "abd0aa2e0ca4fc4793249f89773e858")
TRAIN = {"78/1/2014/3ac218c0c6c378.jpg": IDS[0], "100/213/2010/27bb6c344896a5.jpg": IDS[1]}
TEST = {"100/213/2011/27bb6c344896a5.jpg": IDS[1], "78/1/2014/large.jpg": IDS[0]}
SIZES = {"78/1/2014/large.jpg": (2600, 1300)}


def write_source(folder: Path, place: str = "data") -> Path:
    for name in (*TRAIN, *TEST):
        size = SIZES.get(name, (40, 30))
        write_photo(folder / place / "image" / name, size)
        label = (folder / place / "label" / name).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(f"4\n1\n{' '.join(map(str, owners_box(size)))}\n")
    return folder


def make(root: Path, source: Path, parts: Path, **options) -> Path:
    ours = {name: options.pop(name) for name in ("whole_frame",) if name in options}
    given = {"size": 24, "steps": ("views",), "workers": 1, **options}
    return comp_cars.main(source, root, annotations=parts / "CompCars", models=parts / "02958343",
                          options=Options(**given), **ours)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations and models."""
    folder = tmp_path_factory.mktemp("parts")
    write_annotations(folder / "CompCars", TRAIN, TEST)
    return write_shapenet(folder, IDS)


def test_it_is_what_training_reads(parts: Path, tmp_path: Path) -> None:
    source = write_source(tmp_path / "CompCars")
    folder = make(tmp_path / "out", source, parts)
    data = load(folder, mask_dir="mask")
    assert len(data.gallery) == 2 and len(data.test) == 2
    train, test = lists(folder)
    assert [e["img"] for e in train] == ["img/100/213/2010/27bb6c344896a5.jpg",
                                         "img/78/1/2014/3ac218c0c6c378.jpg"]
    assert all(agree(folder, entry) for entry in train + test)
    facts = read_split_facts(folder)
    assert facts is not None and facts["masks_from"] == {"box": 4} and facts["whose"] == "owners"
    assert facts["name"] == "CompCars3D train_anno, test_anno"


@pytest.mark.parametrize("place", ["", "Image/CompCars"])
def test_the_photos_may_lie_where_the_owners_tell(parts: Path, tmp_path: Path, place: str) -> None:
    source = write_source(tmp_path / "source", place)
    assert len(lists(make(tmp_path / "out", source, parts))[1]) == 2


def test_photos_without_a_label_are_whole_frames(parts: Path, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    labels = source / "data" / "label"
    (labels / "78/1/2014/large.txt").unlink()
    (labels / "78/1/2014/3ac218c0c6c378.txt").write_text("4\n1\nnowhere")
    folder = make(tmp_path / "out", source, parts)
    facts = read_split_facts(folder)
    assert facts is not None and facts["masks_from"] == {"box": 2, "whole frame": 2}
    assert sum("mask" in entry for entry in sum(lists(folder), [])) == 2
    load(folder)


def test_all_that_is_missing_is_said_at_once(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingSource) as error:
        comp_cars.main(tmp_path, tmp_path / "out")
    text = str(error.value)
    for words in ("data/image/*/*/*/*.jpg", "data/label", "02958343", "train_anno*.pkl",
                  "mmlab.ie.cuhk.edu.hk", "CompCars"):
        assert words in text
    source = write_source(tmp_path / "source")
    (source / "data" / "image" / "78/1/2014/large.jpg").unlink()
    with pytest.raises(MissingSource, match=r"1 of 4 photos \(.*large\.jpg\)"):
        make(tmp_path / "out", source, parts)
    assert len(lists(make(tmp_path / "out", source, parts, allow_missing=True))[1]) == 1


def test_a_box_outside_of_its_photo_costs_that_photo(parts: Path, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    (source / "data" / "label" / "78/1/2014/large.txt").write_text("4\n1\n9000 1 9100 50\n")
    assert len(lists(make(tmp_path / "out", source, parts))[1]) == 1


def test_a_label_counts_pixels_from_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-1\r\n1\r\n1 2 30 40\r\n")
    assert label_box(tmp_path, "a.jpg") == (0, 1, 30, 40)


@pytest.mark.parametrize("program", [comp_cars, pix3d, stanford_cars])
def test_help_tells_what_to_get(program: ModuleType, monkeypatch: pytest.MonkeyPatch,
                                capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--help"])
    with pytest.raises(SystemExit, match="0"):
        program._parse()
    text = capsys.readouterr().out
    assert "--masks" in text and "could not be" in text and "http" in text
