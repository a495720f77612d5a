"""Paths at which Jittor's command lines would break apart."""

from __future__ import annotations

import re
import subprocess
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
