"""RetrievalResults refuses what does not fit, and what it writes says what it measured."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossmodal.retrieval.grid import RIGHT, WRONG, Cell, Row, draw_grid, thumbnail
from crossmodal.retrieval.report import Pictures, RunFacts, markdown_table
from crossmodal.retrieval.results import RetrievalResults

RUN = RunFacts("0123456789ab", 1, {"scoring": 0.5}, {"mode": "simple"})


def toy() -> RetrievalResults:
    """Three queries, four items; the last query has no right item."""
    scores = np.array([[0.9, 0.1, 0.5, 0.2], [0.4, 0.3, 0.2, 0.6], [0.1, 0.2, 0.3, 0.4]])
    relevance = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    return RetrievalResults.from_scores(
        scores, relevance, ["q/1.jpg", "q/2.jpg", "q/3.jpg"], ["chair", "chair", "bed"],
        ["chair/1", "chair/2", "bed/1", "bed/2"], ["chair", "chair", "bed", "bed"])


def test_from_scores_ranks_and_measures() -> None:
    results = toy()
    assert results.top_indices.tolist() == [[0, 2, 3, 1], [3, 0, 1, 2], [3, 2, 1, 0]]
    assert results.ranks.tolist() == [1, 2, 0]
    assert results.top1_categories() == ["chair", "bed", "bed"]
    assert (results.measures().top1, results.measures().mrr) == (0.5, 0.75)


def test_items_that_are_no_candidates_are_not_shown() -> None:
    scores = np.array([[0.3, -np.inf, 0.5], [-np.inf, -np.inf, -np.inf]])
    results = RetrievalResults.from_scores(
        scores, np.array([[0, 1, 1], [1, 1, 1]], bool), ["a", "b"], ["x", "x"],
        ["1", "2", "3"], ["x", "y", "x"])
    assert results.top_indices.tolist() == [[2, 0, -1], [-1, -1, -1]]
    assert results.top_right.tolist() == [[True, False, False], [False, False, False]]
    assert results.ranks.tolist() == [1, 0]
    assert results.top1_categories() == ["x", "(none)"]


@pytest.mark.parametrize(("change", "message"), [
    ({"query_categories": ["chair"]}, "3 query ids, but 1 query categories"),
    ({"gallery_ids": ["a", "a", "b", "c"]}, "gallery ids are not all different"),
    ({"ranks": np.array([1, 2])}, "3 query ids"),
    ({"ranks": np.array([2, 2, 0])}, "'q/1.jpg': rank 2, but .* shown has rank 1"),
    ({"top_indices": np.full((3, 4), 4)}, r"indices 4\.\.4, there are 4 items"),
    ({"top_scores": np.zeros((3, 3))}, "must have one shape"),
    ({"top_scores": np.array([[0.1, 0.2, 0.3, 0.4]] * 3)}, "the scores of a ranking rise"),
    ({"top_scores": np.full((3, 4), np.nan)}, "not a number"),
    ({"columns": {"hau": np.zeros(2)}}, r"column 'hau' has shape \(2,\), there are 3 queries"),
])
def test_what_does_not_fit_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(toy(), **change)


def test_everything_is_written(tmp_path: Path) -> None:
    results = toy().with_column("hau", np.array([0.25, 0.75, np.nan]))
    picture = np.full((40, 60, 3), 200, np.uint8)
    path = results.write(tmp_path / "out", RUN, Pictures(lambda i: picture, lambda i: picture))
    content = json.loads(path.read_text())
    assert content["overall"] == {
        "queries": 3, "without_positive": 1, "top1": 0.5, "top10": 1.0, "mrr": 0.75,
        "category_accuracy": pytest.approx(2 / 3), "hau": 0.5}
    assert content["per_category"]["bed"]["top1"] is None
    assert content["per_category"]["bed"]["hau"] is None
    assert content["per_category"]["chair"]["hau"] == 0.5
    assert (content["seed"], content["mode"], content["gallery_size"]) == (1, "simple", 4)
    assert content["seconds"] == {"scoring": 0.5} and content["peak_memory_mib"] > 1
    assert content["config_hash"] == "0123456789ab" and "numpy" in content["versions"]
    rows = list(csv.DictReader((tmp_path / "out" / "queries.csv").open(encoding="utf-8")))
    assert [row["rank"] for row in rows] == ["1", "2", ""]
    assert (rows[1]["id_1"], rows[1]["score_1"], rows[1]["hau"]) == ("bed/2", "0.600000", "0.75")
    assert rows[2]["hau"] == "" and "id_4" in rows[0] and "id_5" not in rows[0]
    for name in ("curve.png", "grid.png"):
        with Image.open(tmp_path / "out" / name) as image:
            image.load()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "curve.png", "grid.png", "metrics.json", "queries.csv", "table.md"]


def test_no_number_of_the_released_code_is_without_its_name(tmp_path: Path) -> None:
    keys = ["loss.contrast_form=released", "model.view_channels=4"]
    path = toy().write(tmp_path / "paper", RUN)
    assert json.loads(path.read_text())["released_behaviour"] == []
    assert "released" not in (tmp_path / "paper" / "table.md").read_text()
    path = toy().write(tmp_path / "released", replace(RUN, released=keys))
    assert json.loads(path.read_text())["released_behaviour"] == keys
    assert (tmp_path / "released" / "table.md").read_text().endswith(
        "released behaviour, not the paper's: loss.contrast_form=released, model.view_channels=4\n")


def test_a_split_of_ours_is_said_and_any_split_is_kept(tmp_path: Path) -> None:
    ours = {"name": "crossmodal-split-1", "whose": "ours", "rule": "half of each", "gallery": 4}
    for whose, said in (("ours", 1), ("owners", 0), ("given", 0)):
        split = {**ours, "whose": whose}
        content = json.loads(toy().write(tmp_path / whose, replace(RUN, split=split)).read_text())
        table = (tmp_path / whose / "table.md").read_text()
        assert content["split"] == split and len(content["notes"]) == said
        assert table.count("the data set's split is ours (crossmodal-split-1), not the paper's: "
                           "numbers on it compare with nothing that is published\n") == said
    assert json.loads(toy().write(tmp_path / "none", RUN).read_text())["split"] is None


def test_the_table_reads_well() -> None:
    lines = markdown_table(toy().with_column("iou", np.array([1.0, 0.5, 0.0]))).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert len({len(line) for line in lines[:-2]}) == 1
    assert cells[0] == ["category", "queries", "Top-1", "Top-10", "MRR", "right category", "iou"]
    assert cells[2] == ["bed", "1", "-", "-", "-", "100.0", "0"]
    assert cells[-3] == ["all", "3", "50.0", "100.0", "0.750", "66.7", "0.5"]
    assert lines[-1].startswith("1 of 3 queries have no right item")


def test_missing_pictures_cost_only_themselves(tmp_path: Path) -> None:
    def broken(index: int) -> np.ndarray:
        raise OSError(f"picture {index} is torn")

    toy().write(tmp_path, RUN, Pictures(lambda i: None, broken))
    with Image.open(tmp_path / "grid.png") as image:
        assert image.height > 300


def test_results_without_any_right_item_or_item_are_written(tmp_path: Path) -> None:
    empty = RetrievalResults.from_scores(np.zeros((2, 0)), np.zeros((2, 0)), ["a", "b"],
                                         ["x", "x"], [], [])
    content = json.loads(empty.write(tmp_path, RUN).read_text())
    assert content["overall"]["top1"] is None and content["overall"]["without_positive"] == 2


def test_frames_are_green_and_red(tmp_path: Path) -> None:
    gray = np.full((30, 30), 128, np.uint8)
    rows = [Row(Cell(gray, "q"), [Cell(gray, "стул/椅子\n0.5", True), Cell(None, "x" * 90, False)])]
    with Image.open(draw_grid(rows, tmp_path / "g.png")) as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(100_000)}
    assert {RIGHT, WRONG, (128, 128, 128)} <= colours


@pytest.mark.parametrize("shape", [(1, 1, 3), (3000, 2, 3), (2, 3000), (50, 80, 3)])
def test_a_thumbnail_of_any_shape_is_whole(shape: tuple[int, ...]) -> None:
    image = thumbnail(np.zeros(shape, np.uint8), 64)
    assert image.size == (64, 64) and (np.asarray(image) == 0).any()
