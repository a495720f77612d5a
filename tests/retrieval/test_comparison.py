"""The table of several tests: mean and spread over seeds, one row a method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crossmodal.config import Config
from crossmodal.retrieval.comparison import RunMeasures, comparison_path, comparison_table
from crossmodal.retrieval.metrics import Measures

BASE = Config()


def run(name: str, top1: float, config: Config = BASE) -> RunMeasures:
    named = replace(config, log=replace(config.log, run_name=name))
    return RunMeasures(name, named, Measures(200, 0, top1, 0.9, 0.8, 1.0))


def test_runs_that_differ_in_their_seed_make_one_row() -> None:
    cmic = replace(BASE, model=replace(BASE.model, style_transition=False))
    table = comparison_table([
        run("sc_1", 0.80, replace(BASE, seed=1)), run("cmic_1", 0.5, cmic),
        run("sc_2", 0.70, replace(BASE, seed=2)), run("sc_3", 0.75, replace(BASE, seed=3))])
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    assert rows[0][:3] == ["method", "runs", "Top-1"]
    assert rows[2][:5] == ["sc", "3", "75.0 +- 5.0", "90.0 +- 0.0", "0.800 +- 0.000"]
    assert rows[3][:3] == ["cmic_1", "1", "50.0"] and len(rows) == 4


def test_where_a_run_was_made_is_no_method() -> None:
    elsewhere = replace(BASE, device="cpu", data=replace(BASE.data, root="other", workers=7))
    smaller = replace(BASE, data=replace(BASE.data, batch_size=7))
    table = comparison_table([run("a_1", 0.8), run("a_2", 0.7, elsewhere), run("b", 0.6, smaller)])
    assert [line.split("|")[2].strip() for line in table.splitlines()[2:]] == ["2", "1"]


def test_rows_with_the_released_codes_behaviour_say_so() -> None:
    slot = "released behaviour, not the paper's: loss.contrast_form=released"
    table = comparison_table([run("paper", 0.8), replace(run("old_1", 0.7), notes=[slot]),
                              replace(run("old_2", 0.6), notes=[slot])])
    lines = table.splitlines()
    assert len(lines) == 6 and lines[2].startswith("| paper") and lines[3].startswith("| old ")
    assert lines[4:] == ["", f"old: {slot}"]


def test_what_is_so_of_all_runs_is_said_once() -> None:
    table = comparison_table([replace(run("one", 0.8), notes=["ours"]),
                              replace(run("two", 0.7), notes=["old", "ours"])])
    assert table.splitlines()[4:] == ["", "ours", "two: old"]


def test_no_comparison_takes_anothers_place(tmp_path: Path) -> None:
    runs = [tmp_path / "runs" / name / "test_simple" for name in ("a", "b", "c")]
    one, same, other = (comparison_path(None, tmp_path / "runs", reports)
                        for reports in (runs[:2], runs[1::-1], runs))
    assert one == same != other and one.parent == tmp_path / "runs"
    assert comparison_path("there", tmp_path, runs) == Path("there") / "comparison.md"
