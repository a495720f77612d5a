"""From nothing to ranked shapes, as a stranger does it: generate, train, test, index, ask."""

from __future__ import annotations

import csv
import json

import pytest
from tiny_project import Project

CATEGORIES = ("bed", "chair", "sofa", "table")


def test_simple_mode_reports_every_category(project: Project) -> None:
    table = project.script("RetrievalNet_test.py", "--mode", "simple")
    assert all(f"| {category} " in table for category in (*CATEGORIES, "all"))
    folder = project.folder / "runs" / "tiny" / "test_simple"
    rows = list(csv.DictReader((folder / "queries.csv").open()))
    records = json.loads((project.folder / "tiny" / "tiny_test.json").read_text())
    assert len(rows) == len(records)
    assert (folder / "grid.png").stat().st_size > 1000


def test_full_mode_measures_the_top_shape(project: Project) -> None:
    project.script("RetrievalNet_test.py", "--mode", "full")
    rows = list(csv.DictReader(
        (project.folder / "runs" / "tiny" / "test_full" / "queries.csv").open()))
    for row in rows:
        if int(row["rank"]) == 1:  # the right shape against itself
            assert float(row["hau"]) == pytest.approx(0.0, abs=1e-9)
            assert float(row["iou"]) == 1.0
    assert any(float(row["iou"]) < 1 for row in rows if int(row["rank"]) != 1)


def test_shapenet_mode_stays_in_the_category_and_knows_no_right_shape(project: Project) -> None:
    project.script("RetrievalNet_test.py", "--mode", "shapenet")
    rows = list(csv.DictReader(
        (project.folder / "runs" / "tiny" / "test_shapenet" / "queries.csv").open()))
    for row in rows:
        assert row["rank"] in ("", "0", "-")
        assert row["id_1"].startswith(row["category"] + "/")
        assert float(row["hau"]) > 0


def test_checkpoints_tested_together_are_as_alone_and_compared(project: Project) -> None:
    runs = project.folder / "runs"
    project.script("RetrievalNet_test.py")
    alone = project.metrics("test_simple")["overall"]
    project.script("RetrievalNet_sag_con.py", "--set", "log.run_name=start", "--set",
                   "optim.epochs=0")
    table = project.script("RetrievalNet_test.py", "--checkpoint", str(runs / "tiny"),
                           str(runs / "start"), "--output", str(runs / "both"))
    assert "| tiny" in table and "| start" in table
    together = json.loads((runs / "both" / "tiny" / "metrics.json").read_text())["overall"]
    assert together == alone
    project.script("RetrievalNet_test.py", "--untrained")
    start = json.loads((runs / "both" / "start" / "metrics.json").read_text())["overall"]
    assert start == project.metrics("untrained_simple")["overall"]


def test_untrained_network_is_reported_apart(project: Project) -> None:
    project.script("RetrievalNet_test.py", "--untrained")
    untrained, trained = project.metrics("untrained_simple"), project.metrics("test_simple")
    assert untrained["gallery_size"] == trained["gallery_size"]
    assert untrained["overall"]["queries"] == trained["overall"]["queries"]


def test_index_and_ask(project: Project) -> None:
    run = str(project.folder / "runs" / "tiny")
    index = str(project.folder / "index")
    photo = next((project.folder / "tiny" / "img").rglob("*.jpg"))
    done = project.run("-m", "crossmodal.search", "index", "--meshes",
                       str(project.folder / "tiny" / "model"), "--checkpoint", run, "--index",
                       index)
    assert done.returncode == 0, done.stderr
    done = project.run("-m", "crossmodal.search", "query", "--index", index, "--checkpoint", run,
                       "--image", str(photo), "--json", "--grid",
                       str(project.folder / "found.png"))
    assert done.returncode == 0, done.stderr
    hits = json.loads(done.stdout)["hits"]
    assert len(hits) == 10
    assert [hit["score"] for hit in hits] == sorted((h["score"] for h in hits), reverse=True)
    assert {hit["category"] for hit in hits} <= set(CATEGORIES)
    assert (project.folder / "found.png").stat().st_size > 1000


def test_a_missing_run_is_named(project: Project) -> None:
    done = project.run("RetrievalNet_test.py", "--config", str(project.config), "--set",
                       "log.run_name=nothing", inside="Instance-level")
    assert done.returncode == 1
    assert "nothing" in done.stderr and "Traceback" not in done.stderr


def test_two_files_of_one_run_are_reported_apart(project: Project) -> None:
    run = project.folder / "runs" / "tiny"
    table = project.script("RetrievalNet_test.py", "--checkpoint", str(run / "best.safetensors"),
                           str(run / "last.safetensors"))
    assert "| tiny" in table
    for name in ("best", "last"):
        assert project.metrics(f"test_simple_{name}")["overall"]["queries"] > 0


def test_two_reports_do_not_share_a_folder(project: Project) -> None:
    run = project.folder / "runs" / "tiny"
    (project.folder / "again").mkdir()
    (project.folder / "again" / "tiny").symlink_to(run)
    both = str(run), str(project.folder / "again" / "tiny")
    done = project.run("RetrievalNet_test.py", "--config", str(project.config), "--checkpoint",
                       *both, "--output", str(project.folder / "shared"), inside="Instance-level")
    assert done.returncode == 1 and "two reports would lie in one folder" in done.stderr
    assert not (project.folder / "shared").exists()
