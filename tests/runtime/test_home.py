"""The Jittor home: found as Jittor finds it, and never remembered behind one's back."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from crossmodal.runtime import home
from crossmodal.runtime.errors import SetupError


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder of the user, and no Jittor imported yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(home.HOME_VARIABLE, raising=False)
    monkeypatch.delitem(sys.modules, "jittor_utils", raising=False)
    return tmp_path


def remember(user: Path, text: str) -> None:
    home.cache_root(user).mkdir(parents=True)
    (home.cache_root(user) / "config.json").write_text(text)


def test_the_users_home_by_default(user: Path) -> None:
    assert home.jittor_home() == user


def test_the_variable_comes_first(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(user, json.dumps({"JITTOR_HOME": "/remembered"}))
    monkeypatch.setenv(home.HOME_VARIABLE, "relative")
    assert home.jittor_home() == Path.cwd() / "relative"


def test_then_what_jittor_remembers(user: Path) -> None:
    remember(user, json.dumps({"JITTOR_HOME": "/remembered"}))
    assert home.jittor_home() == Path("/remembered")


def test_an_unreadable_note_is_named(user: Path) -> None:
    remember(user, '{"JITTOR_')
    with pytest.raises(SetupError, match=r"config\.json.*delete it"):
        home.jittor_home()


def test_an_imported_jittor_knows_best(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Utils:
        @staticmethod
        def home() -> str:
            return "/known"

    monkeypatch.setitem(sys.modules, "jittor_utils", Utils)  # type: ignore[arg-type]
    assert home.jittor_home() == Path("/known")


def test_home_is_put_back(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(home.HOME_VARIABLE, "/elsewhere")
    with pytest.raises(RuntimeError), home.jittor_at_home(Path("/elsewhere")):
        assert os.environ["HOME"] == "/elsewhere"
        raise RuntimeError
    assert os.environ["HOME"] == str(user)


def test_without_the_variable_home_stays(user: Path) -> None:
    with home.jittor_at_home(Path("/elsewhere")):
        assert os.environ["HOME"] == str(user)


def test_jittor_agrees_and_remembers_nothing(run, built, tmp_path: Path) -> None:
    """A real import with JITTOR_HOME set: Jittor uses that folder, the user's stays untouched."""
    place = home.jittor_home()
    user = tmp_path / "user"
    user.mkdir()
    code = "from crossmodal.runtime import jt; import jittor_utils; print(jittor_utils.home())"
    ended = run(code, JITTOR_HOME=str(place), HOME=str(user))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(place)
    assert list(user.iterdir()) == []
