"""The map every program runs on: skipping, redoing, failing, dying, and the manifest."""

from __future__ import annotations

import errno
import json
import logging
from pathlib import Path

import pytest
from small_items import folder_hash, square

from crossmodal.prepare.manifest import Manifest, SettingsChanged
from crossmodal.prepare.runner import Item, run

POWER = {"power": 2}


def numbers(count: int) -> dict[str, Item]:
    return {f"set/{n}": Item(facts={"number": n}) for n in range(count)}


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.txt")}


def test_every_item_is_made_and_noted(tmp_path: Path) -> None:
    manifest = run("square", numbers(4), square, tmp_path, POWER, workers=0)
    assert (tmp_path / "set" / "3.txt").read_text() == "9\n"
    stored = json.loads((tmp_path / "manifest.json").read_text())
    assert stored["program"] == "square" and stored["settings"] == POWER
    assert list(stored["items"]) == [f"set/{n}" for n in range(4)] and stored["failed"] == []
    assert {"numpy", "trimesh", "embreex"} <= set(stored["versions"])
    assert manifest.items["set/2"]["files"] == ["set/2.txt"]


def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path) -> None:
    for workers in (1, 3):
        run("square", numbers(7), square, tmp_path / str(workers), POWER, workers=workers)
    assert folder_hash(tmp_path / "1") == folder_hash(tmp_path / "3")


def test_what_is_done_is_skipped_what_is_new_changed_or_lost_is_made(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("one")
    items = {**numbers(3), "set/file": Item(source, {"number": 5})}
    out = tmp_path / "out"
    run("square", items, square, out, POWER, workers=0)
    before = times(out)
    (out / "set" / "1.txt").unlink()
    source.write_text("two")
    items["set/9"] = Item(facts={"number": 9})
    items["set/2"] = Item(facts={"number": 20})
    run("square", items, square, out, POWER, workers=0)
    after = times(out)
    assert after["0.txt"] == before["0.txt"]
    assert all(after[name] != before.get(name) for name in ("1.txt", "2.txt", "9.txt", "file.txt"))
    assert (out / "set" / "2.txt").read_text() == "400\n"


def test_an_item_whose_companion_changed_is_made_again(tmp_path: Path) -> None:
    """A .gltf whose numbers lie in a .bin, and an .obj whose colours lie in a .mtl and a .png."""
    texts = {"a.gltf": '{"buffers": [{"uri": "a.bin"}]}', "a.bin": "1", "b.obj": "mtllib b.mtl\n",
             "b.mtl": "map_Kd b.png\n", "b.png": "1", "c.obj": "v 0 0 0\n", "c.mtl": "1"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    items = {f"set/{name}": Item(tmp_path / name, {"number": number})
             for number, name in enumerate(("a.gltf", "b.obj", "c.obj"))}
    out = tmp_path / "out"
    run("square", items, square, out, POWER, workers=0)
    made_again = {"a.bin": {"a.gltf.txt"}, "b.mtl": {"b.obj.txt"}, "b.png": {"b.obj.txt"},
                  "c.mtl": set(), "c.obj": {"c.obj.txt"}}
    for name, expected in made_again.items():
        before = times(out)
        (tmp_path / name).write_text(texts[name] + " ")
        run("square", items, square, out, POWER, workers=0)
        after = times(out)
        assert {key for key in after if after[key] != before[key]} == expected
    before = times(out)
    (tmp_path / "b.png").unlink()
    run("square", items, square, out, POWER, workers=0)
    assert times(out)["b.obj.txt"] != before["b.obj.txt"]


def test_an_item_without_companions_keeps_the_digest_it_always_had(tmp_path: Path) -> None:
    """The manifests of what was made before hold it."""
    path = tmp_path / "a.obj"
    path.write_text("v 0 0 0\n")
    manifest = run("square", {"a": Item(path, {"number": 2})}, square, tmp_path, POWER, workers=0)
    assert manifest.items["a"]["source"] == (
        "46461da6af0a3b0c7587ba4528a9049478124f5cd09603f7ffcc1a779b476b68")


def test_changed_settings_are_refused_by_name_or_redone(tmp_path: Path) -> None:
    run("square", numbers(2), square, tmp_path, POWER, workers=0)
    before = folder_hash(tmp_path)
    with pytest.raises(SettingsChanged, match=r"manifest\.json.*power 2, now 3.*--redo"):
        run("square", numbers(2), square, tmp_path, {"power": 3}, workers=0)
    with pytest.raises(SettingsChanged, match="program square, now cube"):
        run("cube", numbers(2), square, tmp_path, POWER, workers=0)
    assert folder_hash(tmp_path) == before
    run("square", numbers(2), square, tmp_path, {"power": 3}, workers=0, redo=True)
    assert (tmp_path / "set" / "1.txt").read_text() == "1\n"
    assert Manifest.open(tmp_path, "square", {"power": 3}).items["set/1"]["status"] == "done"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_item_costs_that_item_named_and_counted(
    tmp_path: Path, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    items = {**numbers(3), "set/bad": Item(facts={"error": "no legs"})}
    logging.getLogger("crossmodal").addHandler(caplog.handler)
    manifest = run("square", items, square, tmp_path, POWER, workers=workers)
    logging.getLogger("crossmodal").removeHandler(caplog.handler)
    assert manifest.failed == ["set/bad"]
    assert manifest.items["set/bad"]["error"] == "ValueError: no legs"
    assert "1 of 4 items failed; the first, set/bad: ValueError: no legs" in caplog.text
    assert len(times(tmp_path)) == 3
    items["set/bad"] = Item(facts={"number": 1})
    assert run("square", items, square, tmp_path, POWER, workers=0).failed == []


def test_a_dying_worker_costs_only_the_item_it_died_on(tmp_path: Path) -> None:
    items = {**numbers(5), "set/2": Item(facts={"die": True})}
    manifest = run("square", items, square, tmp_path, POWER, workers=2)
    assert manifest.failed == ["set/2"] and "died" in manifest.items["set/2"]["error"]
    assert len(times(tmp_path)) == 4


def test_all_items_failing_is_an_error(tmp_path: Path) -> None:
    items = {"a": Item(facts={"error": "first"}), "b": Item(facts={"error": "second"})}
    with pytest.raises(RuntimeError, match="all 2 items failed; the first, a: ValueError: first"):
        run("square", items, square, tmp_path, POWER, workers=0)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_stops_the_run_and_keeps_what_is_done(tmp_path: Path, workers: int) -> None:
    items = {**numbers(2), "set/x": Item(facts={"errno": errno.ENOSPC})}
    with pytest.raises(OSError, match="space"):
        run("square", items, square, tmp_path, POWER, workers=workers)
    done = json.loads((tmp_path / "manifest.json").read_text())["items"]
    assert "set/x" not in done
    assert run("square", numbers(2), square, tmp_path, POWER, workers=0).failed == []


def test_a_missing_source_costs_its_item(tmp_path: Path) -> None:
    items = {**numbers(1), "set/gone": Item(tmp_path / "gone.obj", {"error": "cannot be read"})}
    assert run("square", items, square, tmp_path / "out", POWER, workers=0).failed == ["set/gone"]


@pytest.mark.parametrize("content", ["{", "[]", '{"items": 3}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"delete .*manifest\.json and run"):
        run("square", numbers(1), square, tmp_path, POWER, workers=0)
