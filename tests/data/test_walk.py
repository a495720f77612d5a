"""The walk through folders: links, loops, hidden names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossmodal.data.walk import files_below


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def names_below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder)]


def test_every_file_sorted_by_path(tmp_path: Path) -> None:
    write(tmp_path, "b/2.obj", "b/1.obj", "a.obj", "b/c/d/3.obj")
    assert names_below(tmp_path) == ["a.obj", "b/1.obj", "b/2.obj", "b/c/d/3.obj"]


@pytest.mark.parametrize("name", [
    ".git/x.obj", ".ipynb_checkpoints/a.png", "__MACOSX/chair/._a.obj", "chair/._a.obj",
    "chair/.hidden.obj"])
def test_hidden_names_are_left_out(tmp_path: Path, name: str) -> None:
    write(tmp_path, "chair/a.obj", name)
    assert names_below(tmp_path) == ["chair/a.obj"]


def test_a_hidden_folder_that_is_asked_for_is_read(tmp_path: Path) -> None:
    write(tmp_path, ".library/a.obj")
    assert names_below(tmp_path / ".library") == ["a.obj"]


def test_links_to_folders_and_files_are_followed(tmp_path: Path) -> None:
    disk, library = tmp_path / "disk", tmp_path / "library"
    write(disk, "chairs/a.obj", "chairs/b.obj")
    write(library, "table/t.obj")
    (library / "chair").symlink_to(disk / "chairs")
    (library / "again").symlink_to(disk / "chairs")
    (library / "table" / "u.obj").symlink_to(disk / "chairs" / "a.obj")
    assert names_below(library) == ["again/a.obj", "again/b.obj", "chair/a.obj", "chair/b.obj",
                                    "table/t.obj", "table/u.obj"]


def test_loops_and_broken_links_end(tmp_path: Path) -> None:
    write(tmp_path, "a/1.obj", "b/2.obj")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to("self")
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a")
    (tmp_path / "gone.obj").symlink_to(tmp_path / "nowhere")
    assert names_below(tmp_path) == ["a/1.obj", "a/b/2.obj", "b/2.obj", "b/a/1.obj"]


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"st\xfchl.obj")
    write(tmp_path, name)
    assert names_below(tmp_path) == [name]


def test_no_folder_holds_no_files(tmp_path: Path) -> None:
    assert files_below(tmp_path / "absent") == []
