"""What to do where a data set is not there yet."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from crossmodal.config import Config
from crossmodal.data.makers import MAKERS, how_to_make

ROOT = Path(__file__).resolve().parents[2]


def test_every_experiments_data_set_has_its_program() -> None:
    names = {yaml.safe_load(path.read_text())["data"]["name"]
             for path in (ROOT / "configs").glob("*.yaml")}
    assert names - {"mine"} <= set(MAKERS)  # `mine` is one's own
    assert Config().data.library in MAKERS


def test_it_is_told_with_the_folder_it_will_be_looked_for_in() -> None:
    said = how_to_make("demo", "data/demo")
    assert said.startswith("make it with `python -m crossmodal.prepare.generate --root data/demo`")
    assert "capitals" not in said
    assert "capitals" in how_to_make("pix3d", "data")


def test_an_unknown_name_is_taken_for_ones_own() -> None:
    assert "from your own meshes with `python -m crossmodal.prepare.own_library --meshes MESHES " \
           "--root data --name screws`" in how_to_make("screws", "data")


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("name", [*MAKERS, "own"])
def test_the_programs_know_their_options(name: str, monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    for command in re.findall(r"`(python .*?)`", how_to_make(name, "data")):
        words = shlex.split(command)
        monkeypatch.setattr(sys, "argv", [words[2], "--help"])
        with pytest.raises(SystemExit) as end:
            runpy.run_module(words[2], run_name="__main__")
        said = capsys.readouterr().out
        assert not end.value.code and all(word in said for word in words if word.startswith("--"))
