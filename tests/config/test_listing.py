"""--settings says everything that can be set, from what stands in the code."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Optional

import pytest

from crossmodal.config import CategoryConfig, Config, load_tree
from crossmodal.config.listing import allowed, comments, settings_text
from crossmodal.config.options import add_setting_options, settled_or_exit
from crossmodal.config.ranges import Between
from crossmodal.config.typed import ConfigError, dotted_keys

ROOT = Path(__file__).resolve().parents[2]
LEVELS = pytest.mark.parametrize("kind", [Config, CategoryConfig])


@dataclass(frozen=True)
class Base:
    """What is shared."""

    # of no field
    first: int = 1  # said of the first
    second: str = "#no comment"  # said of the second, which
    # goes on here

    # of no field either
    third: bool = False

    def method(self) -> int:
        return self.first  # of no field


@dataclass(frozen=True)
class Derived(Base):
    first: int = 2  # said anew
    fourth: float = 1.0  # fourth


def test_comments_are_those_of_the_code() -> None:
    assert comments(Base) == {"first": "said of the first",
                              "second": "said of the second, which goes on here"}
    assert comments(Derived) == {**comments(Base), "first": "said anew", "fourth": "fourth"}


@pytest.mark.parametrize(("hint", "words"), [
    (bool, "true or false"), (str, "text"), (Literal["a", "b"], "one of a, b"),
    (Annotated[int, Between(0, 5)], "whole number between 0 and 5"),
    (Optional[Annotated[float, Between(0, 1, below=True)]],  # noqa: UP045
     "number at least 0 and below 1, or none"),
    (tuple[bool, bool], "list of 2, each true or false"), (list[str], "list, each text")])
def test_what_a_type_allows(hint: object, words: str) -> None:
    assert allowed(hint) == words


@LEVELS
def test_every_setting_is_listed_with_a_default_that_can_be_given(kind: type) -> None:
    text = settings_text(kind)
    listed = dict(re.findall(r"^(\S+) = (.*?)   \(", text, re.MULTILINE))
    assert list(listed) == list(dotted_keys(kind))
    assert load_tree(kind, None, [f"{key}={value}" for key, value in listed.items()]) == kind()
    assert all(len(line) <= 120 for line in text.splitlines())
    assert "    images, and distinct shapes, in a training batch\n" in settings_text(Config)


@LEVELS
def test_the_option_lists_and_ends(kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_setting_options(parser, kind)
    with pytest.raises(SystemExit) as end:
        parser.parse_args(["--settings"])
    assert not end.value.code and capsys.readouterr().out.strip() == settings_text(kind).strip()
    assert vars(parser.parse_args(["--set", "seed=1"])) == {"set": ["seed=1"]}


def test_wrong_settings_end_the_program(caplog: pytest.LogCaptureFixture) -> None:
    def wrong() -> None:
        raise ConfigError("a.yaml: wrong")

    with pytest.raises(SystemExit) as end:
        settled_or_exit(wrong)
    assert end.value.code == 1
    settled_or_exit(lambda: None)


@pytest.mark.parametrize("script", [
    "Instance-level/RetrievalNet_sag_con.py", "Instance-level/RetrievalNet_test.py",
    "Category-level/train_image_sag_CO2_con.py", "Category-level/test.py"])
@pytest.mark.parametrize(("options", "words"), [
    (["--config", "no_such.yaml"], "no such config: no_such.yaml"),
    (["--config", "{}"], "unknown key 'data.batchsize'"),
    (["--set", "data.workers=100000"], "'data.workers' must be between 0 and 256, not 100000"),
    (["--set", "data.eval_batch_size=60000", "--set", "data.cache_mib=1048576"],
     " data.workers or data.cache_mib")])
def test_wrong_settings_are_answered_before_jittor_is_loaded(
        tmp_path: Path, script: str, options: list[str], words: str) -> None:
    (tmp_path / "wrong.yaml").write_text("data: {batchsize: 5}\n")
    given = [text.format(tmp_path / "wrong.yaml") for text in options]
    done = subprocess.run([sys.executable, "-X", "importtime", script, *given], cwd=ROOT, text=True,
                          capture_output=True, timeout=120, env={**os.environ, "use_mpi": "0"})
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 1 and len(said) == 1 and words in said[0]
    assert "argparse" in imported and "jittor" not in imported
