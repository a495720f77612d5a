"""Jittor's own settings, chosen so that it runs steadily; the user's choice wins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossmodal.runtime import environment, home

CODE = "from crossmodal.runtime import jt; print(jt.flags.use_parallel_op_compiler)"


@pytest.mark.parametrize(
    ("chosen", "expected"), [({}, "0"), ({"use_parallel_op_compiler": "2"}, "2")]
)
def test_operators_are_compiled_in_one_thread(run, built, chosen, expected) -> None:
    """With several, Jittor dies of a segmentation fault once in a while."""
    ended = run(CODE, **chosen)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == expected


@pytest.mark.parametrize(("generation", "name"), [(1, "crossmodal"), (2, "crossmodal-numpy2")])
def test_each_generation_of_numpy_has_its_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, generation: int, name: str
) -> None:
    """Also in a program that one with the other NumPy started; a name of the user's own stays."""
    monkeypatch.setattr(environment, "numpy_generation", lambda: generation)
    for inherited in environment.CACHE_NAMES.values():
        monkeypatch.setenv("cache_name", inherited)
        environment._set_for_this_python(tmp_path)
        assert os.environ["cache_name"] == name
    monkeypatch.setenv("cache_name", "mine")
    environment._set_for_this_python(tmp_path)
    assert os.environ["cache_name"] == "mine"


def test_headers_of_another_python_are_not_taken_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("cache_name", "mine")
    inherited = home.own_folder(tmp_path) / "python-config-of-another"
    monkeypatch.setenv("python_config_path", str(inherited))
    environment._set_for_this_python(tmp_path)
    ours = os.environ["python_config_path"]
    assert ours != str(inherited) and Path(ours).is_file()
    monkeypatch.setenv("python_config_path", str(tmp_path / "users-own"))
    environment._set_for_this_python(tmp_path)
    assert os.environ["python_config_path"] == str(tmp_path / "users-own")
