"""Numbers on a command line are in their range, which help and error say."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, Callable

import pytest

from crossmodal.runtime.options import (
    add_number,
    add_seed,
    add_whole,
    add_workers,
    number,
    whole,
)

ROOT = Path(__file__).resolve().parents[2]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="program")
    add_whole(made, "--top", 1, 100, "shapes to show", 10)
    add_whole(made, "--limit", 1, 100, "at most; default: all")
    add_number(made, "--share", 0, 1, "share of them", 0.5)
    add_workers(made)
    add_seed(made)
    return made


def test_defaults_and_good_values() -> None:
    assert vars(parser().parse_args([])) == {
        "top": 10, "limit": None, "share": 0.5, "workers": None, "seed": 0}
    found = parser().parse_args(["--top=100", "--share=1", "--workers=0", "--seed=-5"])
    assert (found.top, found.share, found.workers, found.seed) == (100, 1.0, 0, -5)


@pytest.mark.parametrize(("option", "text", "words"), [
    ("--workers", "-3", "must be a whole number from 0 to 256, not '-3'"),
    ("--workers", "100000", "must be a whole number from 0 to 256, not '100000'"),
    ("--top", "2.5", "must be a whole number from 1 to 100, not '2.5'"),
    ("--top", "0", "not '0'"), ("--top", "99999999999", "not '99999999999'"),
    ("--top", "", "not ''"), ("--top", "1_0", "not '1_0'"), ("--top", "1e1", "not '1e1'"),
    ("--top", "9" * 5000, "not '999"), ("--seed", "9" * 19, "not '9999999999999999999'"),
    ("--share", "1.5", "must be a number from 0 to 1, not '1.5'"), ("--share", "nan", "not 'nan'"),
    ("--share", "inf", "not 'inf'"), ("--share", "much", "not 'much'"),
    ("--share", "1" * 5000, "not '111")])
def test_what_is_out_of_range_is_told_it(capsys: pytest.CaptureFixture[str], option: str,
                                         text: str, words: str) -> None:
    with pytest.raises(SystemExit) as end:
        parser().parse_args([option, text])
    said = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2 and said.startswith(f"program: error: argument {option}: must be ")
    assert words in said and len(said) < 200


def test_help_says_the_ranges() -> None:
    said = " ".join(parser().format_help().split())
    for words in ("shapes to show (1 to 100; default 10)", "at most; default: all (1 to 100)",
                  "share of them (0 to 1; default 0.5)", "one per usable core (0 to 256)",
                  "every random draw (of up to 63 bits; default 0)"):
        assert words in said


@pytest.mark.parametrize("read", [whole(0, 5), number(0, 5)])
def test_the_ends_are_in_the_range(read: Callable[[str], Any]) -> None:
    assert read("0") == 0 and read(" 5 ") == 5


def test_no_program_has_a_number_without_a_range() -> None:
    files = [path for folder in ("crossmodal", "Instance-level", "Category-level")
             for path in (ROOT / folder).rglob("*.py")]
    found = [f"{path.name}: {line.strip()}" for path in files
             for line in path.read_text(encoding="utf-8").splitlines()
             if re.search(r"type=(?:int|float)\b", line) and "choices=" not in line]
    assert len(files) > 100 and not found
