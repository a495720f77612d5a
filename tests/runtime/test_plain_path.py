"""Paths at which Jittor's command lines would break apart."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.runtime import plain_path
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.home import HOME_VARIABLE

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", ["/home/anna", "/srv/größe/a.b-c_d+e", "/data/x#1,2@3"])
def test_paths_that_a_shell_takes_as_they_are(path: str) -> None:
    plain_path.check_home_path(Path(path))


@pytest.mark.parametrize(("path", "what"), [
    ("/home/my files", "a space"), ("/home/o'neil", "the character '"),
    ('/home/a"b', 'the character "'), ("/srv/$x", "the character $"), ("/a(b)", "the character (")])
def test_a_home_that_would_break_is_refused(path: str, what: str) -> None:
    with pytest.raises(SetupError, match=f"{re.escape(what)} in that path.*export JITTOR_HOME="):
        plain_path.check_home_path(Path(path))


@pytest.mark.parametrize("variable", [HOME_VARIABLE, "HOME"])
def test_it_is_refused_before_anything_is_built(run, tmp_path: Path, variable: str) -> None:
    place = tmp_path / "my files"
    place.mkdir()
    ended = run("from crossmodal.runtime import jt", **{HOME_VARIABLE: "", variable: str(place)})
    assert ended.returncode == 1
    assert "there is a space in that path" in ended.stderr
    assert list(place.iterdir()) == []


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where packages are installed, first on the path, with a Jittor of no content."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "my site"), *sys.path])
    for name in plain_path.PACKAGES:
        (tmp_path / "my site" / name).mkdir(parents=True)
        (tmp_path / "my site" / name / "__init__.py").write_text("")
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path / "my site"


def test_an_installed_jittor_is_reached_by_links(site: Path, tmp_path: Path) -> None:
    plain_path.import_by_links(tmp_path / "home")
    links = Path(sys.path[0])
    assert links.is_relative_to(tmp_path / "home") and " " not in str(links)
    for name in plain_path.PACKAGES:
        assert (links / name).resolve() == site / name
    before = list(sys.path)
    plain_path.import_by_links(tmp_path / "home")  # it is found by the links now
    assert sys.path == before


def test_a_link_is_made_anew_at_the_same_place(site: Path, tmp_path: Path) -> None:
    plain_path.import_by_links(tmp_path / "home")
    first = sys.path.pop(0)
    (Path(first) / "jittor").unlink()
    plain_path.import_by_links(tmp_path / "home")
    assert sys.path[0] == first and (Path(first) / "jittor").is_dir()


def test_a_plain_path_needs_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_path, "unfit_character", lambda path: None)
    before = list(sys.path)
    plain_path.import_by_links(tmp_path)
    assert sys.path == before and list(tmp_path.iterdir()) == []


def test_make_takes_a_checkout_and_an_environment_with_a_space(tmp_path: Path) -> None:
    """What it would run, for an environment inside the checkout and for one elsewhere."""
    checkout = tmp_path / "my projects"
    checkout.mkdir()
    for name in ("Makefile", "choose_python.sh", "pyproject.toml",
                 *(path.name for path in ROOT.glob("requirements*.txt"))):
        (checkout / name).symlink_to(ROOT / name)
    for given in (".venv", str(tmp_path / "my venv")):
        for goal in ("check", "lint"):
            done = subprocess.run(["make", "--dry-run", goal, f"VENV={given}"], cwd=checkout,
                                  capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert f'"{checkout / given}/bin"/python -m ' in done.stdout
            assert f'-m venv "{given}"' in done.stdout
