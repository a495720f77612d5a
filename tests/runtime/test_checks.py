"""Each thing Jittor needs and does not find: one message, with what to do."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from crossmodal.runtime import checks, home
from crossmodal.runtime.errors import SetupError

START = "from crossmodal.runtime import jt"


@pytest.mark.parametrize("version", ["1.23.0", "2.0.0rc1", "2.5.5"])
def test_numpy_1_and_2_are_known(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(np, "__version__", version)
    checks.check_numpy()


def test_numpy_3_is_refused_before_jittor_is_imported(run) -> None:
    ended = run(f"import numpy, sys; numpy.__version__ = '3.0.0'\n{START}")
    assert ended.returncode == 1
    assert "SetupError: NumPy 3.0.0 is installed" in ended.stderr
    assert 'pip install "numpy<3"' in ended.stderr


def test_a_python_without_its_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
    with pytest.raises(SetupError, match="free-threaded Python"):
        checks.check_python()


def test_no_compiler(run, tmp_path: Path) -> None:
    ended = run(START, PATH=str(tmp_path))
    assert ended.returncode == 1
    assert "no C++ compiler: 'g++' is not on the PATH" in ended.stderr
    assert "apt install g++" in ended.stderr


def test_a_compiler_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("cc_path", "/nowhere/g++-99")
    with pytest.raises(SetupError, match=r"/nowhere/g\+\+-99"):
        checks.check_compiler()
    mine = shutil.which("g++")
    if mine:
        monkeypatch.setenv("cc_path", mine)
        assert checks.check_compiler() == mine


def test_no_python_headers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: None)
    with pytest.raises(SetupError, match=r"no Python\.h in .*apt install python3\.\d+-dev"):
        checks.check_python_headers()


def test_a_home_that_cannot_be_written(run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = run(START, JITTOR_HOME=str(tmp_path / "file" / "below"))
    assert ended.returncode == 1
    assert "cannot be written" in ended.stderr
    assert "set JITTOR_HOME to a folder you can write to" in ended.stderr


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SetupError, match="set JITTOR_HOME"):
            home.check_home(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_full_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.check_home(tmp_path)
    home.check_space(tmp_path, 1)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(home.shutil, "disk_usage", lambda path: usage._replace(free=5 * 2**20))
    with pytest.raises(SetupError, match=r"5 MiB are free in .*; 750 MiB are needed: free some"):
        home.check_space(tmp_path, home.COLD_BUILD_MIB)
