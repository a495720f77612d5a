"""Pix3D's own layout becomes a data set: oddities, splits, restarts, and what is missing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from instance_sources import (
    agree,
    lists,
    load,
    read_entries,
    write_entries,
    write_photo,
    write_pix3d,
)
from PIL import Image
from small_items import folder_hash

from crossmodal.data.errors import DataError
from crossmodal.prepare import pix3d
from crossmodal.prepare.instance_options import Options
from crossmodal.prepare.manifest import SettingsChanged
from crossmodal.prepare.photo_store import SIDE
from crossmodal.prepare.source_check import MissingSource
from crossmodal.prepare.splits import OURS, read_split_facts


def make(root: Path, source: Path, **options) -> Path:
    ours = {name: options.pop(name) for name in ("categories", "occlusion") if name in options}
    given = {"size": 24, "steps": ("views",), "workers": 1, **options}
    return pix3d.main(source, root, options=Options(**given), **ours)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pix3d(tmp_path_factory.mktemp("pix3d") / "download")


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    steps = ("views", "points", "voxels")
    return make(tmp_path_factory.mktemp("made"), source, categories=("bed", "chair"), steps=steps)


def test_it_is_what_training_reads(made: Path) -> None:
    data = load(made, categories=["bed", "chair"], mask_dir="mask")
    assert len(data.gallery) == 5
    assert len(data.train) + len(data.validation) + len(data.test) == 5 * 4 + 9
    assert {record.shape for record in data.test} <= set(data.train_shapes)
    for key in data.gallery:
        assert data.views[key].shape == (12, 24, 24)
        assert np.load(made / "model_std_ptc10k_npy" / f"{key}.npy").shape == (10_000, 3)
        assert (made / "model_std_bin128" / f"{key}.binvox").is_file()


def test_every_mask_still_lies_on_its_object(made: Path) -> None:
    entries = sum(lists(made), [])
    assert [e["img"] for e in entries if not agree(made, e)] == []
    manifest = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["failed"] == [] and manifest["about"]["split"]["masks_from"] == {"file": 29}


def test_photos_are_linked_unless_they_are_large_or_turned(made: Path, source: Path) -> None:
    written = {p.stem for p in (made / "img").rglob("*.*") if not p.is_symlink()}
    assert written == {"0105", "0106", "0107", "0108"}
    assert {p.stem for p in (made / "mask").rglob("*.*") if not p.is_symlink()} == written
    link = made / "img" / "chair" / "st\u00fchl 12.jpg"
    assert link.resolve() == (source / "img" / "chair" / link.name).resolve()
    for name in ("0107", "0108"):
        with Image.open(made / "img" / "chair" / f"{name}.jpg") as image:
            assert max(image.size) == SIDE and not image.getexif()


def test_our_split_is_named_and_halves_the_photos_of_every_shape(made: Path) -> None:
    train, test = lists(made)
    facts = read_split_facts(made)
    assert facts is not None and (facts["name"], facts["whose"]) == (OURS, "ours")
    assert facts["train"] == {"photos": 15, "of": 15, "shapes": 5} and facts["gallery"] == 5
    for shape, photos in (("BED_1", 2), ("open shape", 2), ("IKEA_POSED", 7)):
        assert sum(f"/{shape}/" in entry["model"] for entry in train) == photos
    assert not {e["img"] for e in train} & {e["img"] for e in test}


def test_fronts_are_turned_to_z(made: Path, source: Path) -> None:
    with np.load(made / "model" / "chair" / "open shape" / "model.npz") as mesh:
        assert mesh["v"][:, 0].min() == -3 and mesh["v"][:, 0].max() == 0.5


def test_a_second_run_changes_nothing_and_makes_what_is_lost(made: Path, source: Path) -> None:
    before = folder_hash(made)
    (made / "img" / "chair" / "0106.jpg").unlink()
    (made / "rendering_pix3d" / "bed" / "BED_1.npy").unlink()
    times = {path: path.stat().st_mtime_ns for path in (made / "mask").rglob("*.png")}
    make(made.parent, source, categories=("bed", "chair"), steps=("views", "points", "voxels"))
    assert folder_hash(made) == before
    lost = made / "mask" / "chair" / "0106.png"
    assert all(path.stat().st_mtime_ns == time for path, time in times.items() if path != lost)


def test_occluded_photos_are_left_out_and_counted(source: Path, tmp_path: Path) -> None:
    counts = {}
    for occlusion in ("none", "slight", "any"):
        folder = make(tmp_path / occlusion, source, categories=("sofa",), occlusion=occlusion)
        counts[occlusion] = len(sum(lists(folder), []))
        facts = read_split_facts(folder)
        assert facts is not None and facts["occlusion"] == occlusion
        assert facts["left_out"]["photos"] == 7 - counts[occlusion]
    assert counts == {"none": 4, "slight": 5, "any": 7}


def write_lists(folder: Path, train: list, test: list) -> dict:
    folder.mkdir(exist_ok=True)
    (folder / "a_train.json").write_text(json.dumps(train), encoding="utf-8")
    (folder / "a_test.json").write_text(json.dumps(test), encoding="utf-8")
    return {"train_json": folder / "a_train.json", "test_json": folder / "a_test.json"}


def test_the_authors_lists_decide(source: Path, tmp_path: Path) -> None:
    entries = [e for e in read_entries(source) if e["category"] == "sofa"]
    given = write_lists(tmp_path, entries[:2], entries[5:])
    folder = make(tmp_path, source, categories=("sofa",), **given)
    train, test = lists(folder)
    assert [e["img"] for e in train] == sorted(e["img"] for e in entries[:2])
    assert [e["img"] for e in test] == sorted(e["img"] for e in entries[5:])  # occluded ones, too
    facts = read_split_facts(folder)
    assert facts is not None and facts["whose"] == "given" and facts["occlusion"] == "as listed"
    digest = hashlib.sha256(given["train_json"].read_bytes()).hexdigest()
    assert f"a_train.json (sha256 {digest})" in facts["rule"]


def test_other_lists_or_a_single_one_are_refused(source: Path, tmp_path: Path) -> None:
    given = write_lists(tmp_path, [{"img": "img/sofa/9999.png"}], [{"img": "img/bed/BED_1-0.png"}])
    with pytest.raises(DataError, match=r"a_train\.json: no photo.*1 of 1 entries.*9999"):
        make(tmp_path, source, categories=("sofa",), **given)
    with pytest.raises(DataError, match="give both lists"):
        make(tmp_path, source, train_json=given["train_json"])


def test_all_that_is_missing_is_said_at_once(source: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingSource) as error:
        make(tmp_path, tmp_path / "nowhere")
    assert "no such folder" in str(error.value) and "pix3d.csail.mit.edu" in str(error.value)
    empty = tmp_path / "empty"
    (empty / "img" / "bed").mkdir(parents=True)
    with pytest.raises(MissingSource) as error:
        make(tmp_path, empty, categories=("bed", "chair"))
    text = str(error.value)
    assert all(f"empty/{name}:" in text for name in ("pix3d.json", "mask/bed", "model/chair"))
    assert "img/bed" not in text and not (tmp_path / "pix3d").exists()


def test_missing_files_are_named_or_cost_only_themselves(tmp_path: Path) -> None:
    source = write_pix3d(tmp_path / "source", photos=3)
    (source / "img" / "bed" / "BED_1-0.png").unlink()
    (source / "mask" / "bed" / "BED_1-1.png").unlink()
    (source / "model" / "bed" / "BED_2" / "model.obj").unlink()
    with pytest.raises(MissingSource) as error:
        make(tmp_path, source, categories=("bed",))
    for words in ("1 of 6 photos (", "1 of 6 masks (", "1 of 2 models (", "--allow-missing"):
        assert words in str(error.value)
    with pytest.raises(DataError, match="no (train|test) photo is left"):
        make(tmp_path, source, categories=("bed",), allow_missing=True)
    entries = read_entries(source)
    more = [{**entries[2], "img": f"img/bed/more{i}.png"} for i in range(3)]
    for entry in more:
        write_photo(source / entry["img"])
    write_entries(source, entries + more)
    folder = make(tmp_path, source, categories=("bed",), allow_missing=True)
    assert {e["model"].split("/")[-2] for e in sum(lists(folder), [])} == {"BED_1"}
    assert len(load(folder).gallery) == 1


def test_broken_files_cost_only_themselves(tmp_path: Path) -> None:
    source = write_pix3d(tmp_path / "source")
    torn = source / "img" / "bed" / "BED_1-0.png"
    torn.write_bytes(torn.read_bytes()[:80])
    Image.new("L", (31, 77), 255).save(source / "mask" / "bed" / "BED_1-1.png")
    Image.new("L", (40, 30), 0).save(source / "mask" / "bed" / "BED_2-0.png")
    (source / "model" / "table" / "TABLE_1" / "model.obj").write_text("v 0 0 0\n")
    entries = read_entries(source)
    broken = [7, {"img": "img/bed/x.png"}, {**entries[0], "img": "../secret.png"}, entries[0]]
    write_entries(source, entries + broken)
    folder = make(tmp_path, source, categories=("bed", "table", "sofa"))
    failed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert failed["failed"] == ["bed/BED_1-0", "bed/BED_1-1", "bed/BED_2-0"]
    errors = [failed["items"][key]["error"] for key in failed["failed"]]
    assert "not a readable picture" in errors[0] and "shows no object" in errors[2]
    assert "31 x 77 pixels for a photo of 40 x 30" in errors[1]
    used = sum(lists(folder), [])
    assert len(used) == 8 - 3 + 4 and {e["category"] for e in used} == {"bed", "sofa"}
    assert len(load(folder, categories=["bed", "sofa"]).gallery) == 3


def test_a_changed_photo_never_reaches_through_the_link(tmp_path: Path) -> None:
    source = write_pix3d(tmp_path / "source")
    folder = make(tmp_path, source, categories=("chair",))
    photo = source / "img" / "chair" / "0101.jpg"
    write_photo(photo, size=(1400, 1050))
    large = photo.read_bytes()
    make(tmp_path, source, categories=("chair",))
    assert photo.read_bytes() == large and not (folder / "img/chair/0101.jpg").is_symlink()


def test_the_source_may_not_be_the_data_set(tmp_path: Path) -> None:
    source = write_pix3d(tmp_path / "pix3d")
    before = folder_hash(source)
    with pytest.raises(DataError, match="move the source elsewhere"):
        make(tmp_path, source)
    assert folder_hash(source) == before


def test_copies_and_other_masks(source: Path, tmp_path: Path) -> None:
    masks = tmp_path / "predicted" / "sofa"
    masks.mkdir(parents=True)
    for path in (source / "img" / "sofa").glob("*"):
        Image.new("L", (80, 60), 255).save(masks / f"{path.stem}.png")  # twice the photo's size
    folder = make(tmp_path, source, categories=("sofa",), masks=masks.parent, copy=True)
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    facts = read_split_facts(folder)
    assert facts is not None and facts["masks"] == "given: predicted"
    load(folder)
    with pytest.raises(DataError, match="no mask in it"):
        make(tmp_path, source, categories=("sofa",), masks=tmp_path / "gone", copy=True)


def test_links_may_become_copies_and_back(source: Path, tmp_path: Path) -> None:
    before = folder_hash(source)
    given = {"source": source, "categories": ("sofa",)}
    folder = make(tmp_path, **given)
    with pytest.raises(SettingsChanged, match="copy False, now True"):
        make(tmp_path, **given, copy=True)
    for copy in (True, False):
        make(tmp_path, **given, copy=copy, redo=True)
        photos = list((folder / "img").rglob("*.png"))
        assert len(photos) == 4 and all(path.is_symlink() != copy for path in photos)
    assert folder_hash(source) == before


def test_the_command_line_says_it_without_a_traceback(tmp_path: Path, repo_root: Path) -> None:
    command = [sys.executable, "-m", "crossmodal.prepare.pix3d", "--source", "nothing"]
    environment = {**os.environ, "PYTHONPATH": str(repo_root)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error: the source is not complete. Missing:" in done.stderr


def test_json_and_lists_may_begin_with_a_byte_order_mark(source: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(source, tmp_path / "copy", symlinks=True)
    sofas = [e for e in read_entries(source) if e["category"] == "sofa"]
    (copy / "pix3d.json").write_text(json.dumps(sofas), encoding="utf-8-sig")
    given = write_lists(tmp_path, sofas[:2], sofas[2:])
    for path in given.values():
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    folder = make(tmp_path, tmp_path, categories=("sofa",), **given)  # one step too high
    assert [len(part) for part in lists(folder)] == [2, 5]


def test_entries_that_no_file_can_have_cost_themselves(source: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(source, tmp_path / "copy", symlinks=True)
    sofas = [e for e in read_entries(source) if e["category"] == "sofa"]
    (copy / "img" / "sofa" / "loop").symlink_to("loop")
    names = ("x" * 300 + ".png", "nul\0.png", "\ud800.png", "\udcff.png", "loop/a.png")
    odd = [{**sofas[0], "img": f"img/sofa/{name}"} for name in names]
    (copy / "pix3d.json").write_text(json.dumps(sofas + odd))
    folder = make(tmp_path, copy, categories=("sofa",), allow_missing=True)
    stored = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert stored["failed"] == ["sofa/loop/a", "sofa/\udcff"]
    assert len(sum(lists(folder), [])) == 4


def test_shapes_of_an_earlier_run_are_counted_and_named(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path, source, categories=("sofa", "table"))
    folder = make(tmp_path, source, categories=("sofa",))
    facts = read_split_facts(folder)
    assert facts is not None and facts["gallery"] == len(load(folder).gallery) == 2
    assert "1 shapes of an earlier run stay in the gallery (first: table/TABLE_1)" in caplog.text
    facts = read_split_facts(make(tmp_path, source, categories=("sofa",), redo=True))
    assert facts is not None and facts["gallery"] == len(load(folder).gallery) == 1


def test_photos_in_both_lists_are_told(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sofas = [e for e in read_entries(source) if e["category"] == "sofa"]
    make(tmp_path, source, categories=("sofa",), **write_lists(tmp_path, sofas[:3], sofas[2:]))
    assert "both have 1 of 5 test photos" in caplog.text
    with pytest.raises(DataError, match=r"a_test\.json: no photo, or several.*\(first: \.\)"):
        make(tmp_path, source, **write_lists(tmp_path, sofas, [{"img": "."}]))


def test_a_split_without_test_photos_is_refused_before_the_work(tmp_path: Path) -> None:
    source = write_pix3d(tmp_path / "source", photos=1)
    with pytest.raises(DataError, match="pix3d: no test photo in the split crossmodal-split-1"):
        make(tmp_path, source, categories=("table",))
    assert not (tmp_path / "pix3d").exists()


def test_a_torn_manifest_is_named(source: Path, tmp_path: Path) -> None:
    folder = make(tmp_path, source, categories=("sofa",))
    (folder / "manifest.json").write_bytes(b"")
    with pytest.raises(DataError, match=r"manifest\.json: not json.*delete"):
        make(tmp_path, source, categories=("sofa",))
