"""What a category-level test writes can be read again, and says what was measured."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat

from crossmodal.config.released import TARGET_LABELS
from crossmodal.retrieval.category_features import DomainFeatures, save_features
from crossmodal.retrieval.category_metrics import CategoryResults, measure_categories
from crossmodal.retrieval.category_plots import choose_points, draw_domains, lay_out
from crossmodal.retrieval.category_report import (
    COLUMNS,
    MeasuredDomains,
    category_grid_rows,
    category_table,
    write_category_report,
)
from crossmodal.retrieval.grid import RIGHT, WRONG
from crossmodal.retrieval.report import Pictures, RunFacts

RUN = RunFacts("0123456789ab", 1, {"ranking": 0.5}, {"checkpoint": "best"})
NAMES = ["bed", "chair", "sofa"]
PICTURES = Pictures(lambda i: np.full((30, 40, 3), 99, np.uint8),
                    lambda i: np.full((30, 40), 99, np.uint8))


def toy(queries: int = 12, shapes: int = 9,
        seed: int = 0) -> tuple[CategoryResults, MeasuredDomains]:
    """Three classes; class 2 has queries, no shapes; one shape has no class."""
    rng = np.random.default_rng(seed)
    query, gallery = np.arange(queries) % 3, np.arange(shapes) % 2
    gallery[-1] = -1
    q, g = rng.standard_normal((queries, 4)), rng.standard_normal((shapes, 4))
    results = measure_categories(q, query, g, gallery)
    outputs = rng.standard_normal((queries, 3)).astype(np.float16)
    return results, MeasuredDomains(DomainFeatures(q, query, outputs), DomainFeatures(g, gallery))


def size_of(png: bytes | Path) -> tuple[int, int]:
    with Image.open(io.BytesIO(png) if isinstance(png, bytes) else png) as image:
        image.load()
        return image.size


def test_everything_is_written_and_readable(tmp_path: Path) -> None:
    results, domains = toy()
    path = write_category_report(results, tmp_path / "out", RUN, domains, PICTURES, NAMES)
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "features.npz", "grid.png", "metrics.json", "precision_recall.png", "source.mat",
        "table.md", "target.mat", "tsne.png"]
    for name in ("grid.png", "precision_recall.png", "tsne.png"):
        assert min(size_of(path.parent / name)) > 100
    assert (path.parent / "table.md").read_text() == category_table(results, NAMES)


def test_metrics_json_says_what_was_measured(tmp_path: Path) -> None:
    results, _ = toy()
    content = json.loads(write_category_report(results, tmp_path, RUN, class_names=NAMES)
                         .read_text())
    assert (content["protocol"], content["feature_preparation"]) == ("mi3dor", "released-features")
    assert content["counts"] == {
        "queries": 12, "without_positive": 4, "shapes": 9, "distractors": 1, "query_classes": 3,
        "gallery_classes": 2, "largest_class": 4, "f_cutoff": 9}
    assert content["overall"] == results.overall.as_dict()
    assert list(content["per_category"]) == NAMES
    assert content["per_category"]["sofa"]["map"] is None
    assert content["per_category"]["bed"]["nn"] == results.per_class[0].nn
    assert (content["seed"], content["config_hash"]) == (1, "0123456789ab")
    assert content["checkpoint"] == "best" and content["seconds"] == {"ranking": 0.5}
    assert "numpy" in content["versions"] and content["peak_memory_mib"] > 1


def test_notes_stand_in_every_report(tmp_path: Path) -> None:
    results, _ = toy()
    keys = ["data.target_labels=used", *(f"loss.k{i}=31" for i in range(9))]
    said = [TARGET_LABELS, f"released behaviour, not the paper's: {', '.join(keys)}"]
    for name, released, notes in (("with", keys, said), ("without", [], [])):
        path = write_category_report(results, tmp_path / name, replace(RUN, released=released))
        found = json.loads(path.read_text())
        assert (found["released_behaviour"], found["notes"]) == (released, notes)
    assert (tmp_path / "with" / "table.md").read_text().splitlines()[-2:] == said
    pictures = [(tmp_path / name / "precision_recall.png").read_bytes()
                for name in ("with", "without")]
    assert pictures[0] != pictures[1] and size_of(pictures[0]) == size_of(pictures[1])


def test_the_table_reads_well() -> None:
    lines = category_table(toy()[0], NAMES).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:6]]
    assert cells[0] == ["class", "queries", *(title for _, title in COLUMNS)]
    assert [row[0] for row in cells[2:]] == ["bed", "chair", "sofa", "all"]
    assert cells[4][1:] == ["4", *["-"] * 9] and cells[5][1] == "12"
    assert len({len(line) for line in lines[:6]}) == 1
    assert "protocol mi3dor, features released-features: 12 queries of 3 classes" in lines[-2]
    assert lines[-1].startswith("4 of 12 queries have no shape of their class")


def test_classes_of_one_name_stay_two(tmp_path: Path) -> None:
    results, _ = toy()
    path = write_category_report(results, tmp_path, RUN, class_names=["bed", "bed"])
    assert list(json.loads(path.read_text())["per_category"]) == ["bed (0)", "bed (1)", "2"]


def test_mat_and_npz_hold_the_fields_of_the_released_test(tmp_path: Path) -> None:
    _, domains = toy()
    save_features(tmp_path, domains.source, domains.target)
    source, target = loadmat(tmp_path / "source.mat"), loadmat(tmp_path / "target.mat")
    np.testing.assert_array_equal(source["source_feature"], domains.source.feature)
    assert source["source_feature"].dtype == np.float64
    assert source["source_label"].tolist() == [domains.source.label.tolist()]  # a row
    np.testing.assert_array_equal(source["source_outputs"], domains.source.outputs)
    assert source["source_predict_label"].shape == (1, 12)
    assert [name for name in target if not name.startswith("_")] == [
        "target_feature", "target_label"]
    with np.load(tmp_path / "features.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["source_feature", "source_label", "source_outputs",
                                  "source_predict_label", "target_feature", "target_label"]
        np.testing.assert_array_equal(arrays["target_feature"], domains.target.feature)
        predicted = np.argmax(domains.source.outputs, 1)  # type: ignore[arg-type]
        np.testing.assert_array_equal(arrays["source_predict_label"], predicted)


def test_what_was_kept_measures_the_same(tmp_path: Path) -> None:
    results, domains = toy()
    save_features(tmp_path, domains.source, domains.target)
    source, target = loadmat(tmp_path / "source.mat"), loadmat(tmp_path / "target.mat")
    again = measure_categories(source["source_feature"], source["source_label"][0],
                               target["target_feature"], target["target_label"][0])
    assert again.overall == results.overall


@pytest.mark.parametrize(("change", "message"), [
    ({"label": np.zeros(3, int)}, r"must be \(n, D\) and \(n,\)"),
    ({"feature": np.zeros(12)}, r"must be \(n, D\) and \(n,\)"),
    ({"outputs": np.zeros((3, 3))}, r"outputs \(3, 3\) must be \(n, C\), n = 12"),
    ({"predict_label": np.zeros(3, int)}, r"predictions \(3,\) must be \(12,\)"),
])
def test_features_that_do_not_fit_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(toy()[1].source, **change)


def test_features_of_another_test_are_refused(tmp_path: Path) -> None:
    results, domains = toy()
    other = MeasuredDomains(domains.target, domains.source)
    with pytest.raises(ValueError, match="source domain has other labels than what was measured"):
        write_category_report(results, tmp_path, RUN, other)
    assert not list(tmp_path.iterdir())


def test_the_grid_shows_the_right_class_in_green(tmp_path: Path) -> None:
    """Nearest first; nothing is right or wrong where the class has no shapes."""
    results, _ = toy()
    rows = category_grid_rows(results, PICTURES, 20, NAMES)
    assert len(rows) == 12 and all(len(row.items) == 9 for row in rows)
    assert rows[0].query.caption == "bed\nquery 0"
    for row in rows:
        kind = row.query.caption.split("\n")[0]
        for cell in row.items:
            expected = None if kind == "sofa" else cell.caption.split("\n")[0] == kind
            assert cell.right is expected
    assert len(category_grid_rows(results, PICTURES, 3)) == 3
    write_category_report(results, tmp_path, RUN, None, PICTURES)
    with Image.open(tmp_path / "grid.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(100_000)}
    assert {RIGHT, WRONG} <= colours


def test_missing_pictures_cost_only_themselves(tmp_path: Path) -> None:
    def broken(index: int) -> np.ndarray:
        raise OSError(f"picture {index} is torn")

    write_category_report(toy()[0], tmp_path, RUN, None, Pictures(broken, lambda i: None))
    assert (tmp_path / "grid.png").is_file()


@pytest.mark.parametrize(("queries", "shapes", "dims"), [
    (1, 1, 1), (1, 2, 3), (2, 2, 1), (3, 3, 2), (6, 5, 1), (4, 3, 7)])
def test_tiny_inputs_are_reported(queries: int, shapes: int, dims: int, tmp_path: Path) -> None:
    query, gallery = np.zeros(queries, int), np.arange(shapes)
    q, g = np.ones((queries, dims)), np.ones((shapes, dims))  # all the same point
    results = measure_categories(q, query, g, gallery)
    domains = MeasuredDomains(DomainFeatures(q, query), DomainFeatures(g, gallery))
    write_category_report(results, tmp_path, RUN, domains, PICTURES)
    assert min(size_of(tmp_path / "tsne.png")) > 100


def test_a_gallery_without_classes_is_reported(tmp_path: Path) -> None:
    results = measure_categories(np.eye(2), [0, 1], np.eye(2), [-1, -1])
    content = json.loads(write_category_report(results, tmp_path, RUN).read_text())
    assert content["overall"]["nn"] is None and content["counts"]["without_positive"] == 2


def test_the_layout_keeps_neighbours_and_repeats() -> None:
    rng = np.random.default_rng(0)
    rows = np.repeat(np.eye(3), 20, axis=0) + 0.02 * rng.standard_normal((60, 3))
    places = lay_out(rows, seed=4)
    np.testing.assert_array_equal(places, lay_out(rows, seed=4))
    centres = places.reshape(3, 20, 2).mean(1)
    spread = np.linalg.norm(places.reshape(3, 20, 2) - centres[:, None], axis=2).max()
    apart = np.linalg.norm(centres - np.roll(centres, 1, 0), axis=1).min()
    assert apart > 2 * spread


def test_points_are_chosen_evenly_over_classes_and_domains() -> None:
    labels = [np.arange(10_500) % 21, np.repeat(np.arange(21), 180)]
    chosen = choose_points(labels, 2000)
    assert sum(map(len, chosen)) <= 2000 and len(chosen[0]) > len(chosen[1]) > 500
    for one, keep in zip(labels, chosen):
        counts = np.bincount(one[keep])
        assert len(counts) == 21 and counts.max() - counts.min() <= 2
        assert (np.diff(keep) > 0).all()
    assert [len(keep) for keep in choose_points([np.zeros(3), np.zeros(2)], 2000)] == [3, 2]
    assert [len(keep) for keep in choose_points([np.zeros(3000), np.zeros(1)], 100)] == [99, 1]


@pytest.mark.parametrize("classes", [3, 15, 30, 60])
def test_any_number_of_classes_is_drawn(classes: int) -> None:
    labels = np.arange(classes) - 1  # with one that has none
    shapes = DomainFeatures(np.random.default_rng(0).random((classes, 4)), labels)
    queries = replace(shapes, label=np.abs(labels))
    assert min(size_of(draw_domains(queries, shapes, "l2-normalised", None, 0, most=12))) > 100
