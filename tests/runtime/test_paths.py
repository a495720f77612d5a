"""Where files are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossmodal.runtime import paths


def test_the_root_is_the_checkout() -> None:
    assert (paths.REPO_ROOT / "crossmodal" / "runtime" / "paths.py").is_file()


def test_as_given_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requirements.txt").write_text("mine")
    assert paths.find("./requirements.txt") == tmp_path / "requirements.txt"


def test_then_the_repository_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths.find("./configs/demo.yaml") == paths.REPO_ROOT / "configs" / "demo.yaml"
    assert paths.find(Path("configs")) == paths.REPO_ROOT / "configs"


def test_absolute_and_home_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.txt"
    file.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.find(file) == file
    assert paths.find("~/a.txt") == file


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert paths.find(tmp_path / "link") == tmp_path / "link"


def test_the_error_names_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        paths.find("./nowhere/x.yaml")
    assert str(tmp_path / "nowhere" / "x.yaml") in str(caught.value)
    assert str(paths.REPO_ROOT / "nowhere" / "x.yaml") in str(caught.value)
