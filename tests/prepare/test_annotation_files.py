"""Entries of annotations cost themselves; photos that a list means are found by their ends."""

from __future__ import annotations

import json
import logging
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.errors import DataError
from crossmodal.prepare import annotation_files
from crossmodal.prepare.annotation_files import read_json, sound_rows, text
from crossmodal.prepare.comp_cars import label_box
from crossmodal.prepare.furniture_lists import read_split
from crossmodal.prepare.own_library import _added
from crossmodal.prepare.splits import _Keys, read_split_facts


def rows(*values: Any) -> list[tuple[str, Any]]:
    return [(f"row {number}", value) for number, value in enumerate(values)]


def test_bad_rows_are_named_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("crossmodal").addHandler(caplog.handler)
    bad = [3, None, {}, {"a": 7}, {"a": "x" * 20_000}]
    found = sound_rows(rows({"a": "good"}, *bad), lambda row: text(row, "a"), tmp_path, "rows")
    logging.getLogger("crossmodal").removeHandler(caplog.handler)
    assert found == ["good"]
    assert "5 of 6 rows (first: row 1: TypeError: expected an object" in caplog.text
    with pytest.raises(DataError, match="not one can be used, 5 of 5 rows"):
        sound_rows(rows(*bad), lambda row: text(row, "a"), tmp_path, "rows")
    with pytest.raises(DataError, match="it has no rows"):
        sound_rows([], lambda row: text(row, "a"), tmp_path, "rows")


def test_a_file_of_nothing_but_bad_rows_is_given_up(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_files, "HOPELESS", 10)
    endless = ((f"row {number}", number) for number in iter(int, 1))
    with pytest.raises(DataError, match="10 of 10"):
        sound_rows(endless, lambda row: text(row, "a"), tmp_path, "rows")


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b"9" * 10_000])
def test_json_that_is_none_is_told_on_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json: not a readable json file \(.*\); mend it") as no:
        read_json(tmp_path / "a.json", "mend it")
    assert "\n" not in str(no.value) and len(str(no.value)) < 400


@pytest.mark.parametrize("content", [
    [], 7, {"train": ["a"]}, {"train": "ab", "test": []}, {"train": ["a"], "test": [7]},
    {"train": ["a"], "test": ["a"]}, {"train": [], "test": [], "duplicates": ["ab"]}])
def test_splits_that_are_none(tmp_path: Path, content: Any) -> None:
    (tmp_path / "s.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"s\.json: .*; give another with --split, or remove it"):
        read_split(tmp_path / "s.json")


@pytest.mark.parametrize("content", [
    "[]", "7", '{"name": "x"}', '{"name": 1, "whose": "ours"}',
    '{"name": "x", "whose": "y", "more": ' + "[" * 100 + "1" + "]" * 100 + "}"])
def test_descriptions_of_splits_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(DataError, match=r"split\.json: not a description.*prepare the data set"):
        read_split_facts(tmp_path)


@pytest.mark.parametrize("content", ["7", "{}", "[7]", '[{"img": 7}]', "[[]]", '["img"]'])
def test_lists_of_ones_own_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(DataError, match=r"list\.json.*mend it, or move it away"):
        _added(tmp_path / "list.json")


@pytest.mark.parametrize("line", ["", "1 2 3", "1 2 3 x", "9" * 5000 + "x 1 2 3", "1 " * 5000])
def test_labels_without_a_box_are_told_on_a_short_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.txt").write_text(f"1\n1\n{line}\n")
    with pytest.raises(ValueError, match=r"a\.txt: the third line is not x1 y1 x2 y2") as caught:
        label_box(tmp_path, "a.jpg")
    assert len(str(caught.value)) < 200 + len(str(tmp_path))


class SlowKeys:
    """Every end of every key."""

    def __init__(self, keys: list[str]) -> None:
        self.all, self.by_end = set(keys), {}
        for key in self.all:
            for end in self.ends(key):
                self.by_end.setdefault(end, set()).add(key)

    def ends(self, path: str) -> list[str]:
        parts = PurePosixPath(path).parts
        return ["/".join(parts[start:]) for start in range(len(parts))]

    def find(self, path: str) -> str | None:
        name = str(PurePosixPath(path).with_suffix(""))
        whole = next((end for end in self.ends(name) if end in self.all), None)
        fitting = self.by_end.get(name, set())
        return whole or (next(iter(fitting)) if len(fitting) == 1 else None)


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


@given(st.lists(PATHS, max_size=8), st.lists(PATHS, max_size=8))
def test_photos_of_lists_are_found_as_by_every_end(keys: list[str], names: list[str]) -> None:
    slow, fast = SlowKeys(keys), _Keys(keys)
    assert [fast.find(f"{name}.jpg") for name in names] == [
        slow.find(f"{name}.jpg") for name in names]
