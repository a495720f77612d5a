"""The build in its own process, with a stand-in for Jittor: success, failure, interruption."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from crossmodal.runtime import build
from crossmodal.runtime.build_progress import BuildProgress, describe
from crossmodal.runtime.errors import SetupError

HEAD = """
import os, pathlib, sys, time, types
cache = pathlib.Path({cache!r})
(cache / "starts").open("a").write("x")
"""
BUILD = """
(cache / "jittor_core.so").touch()
compiler = types.SimpleNamespace(cache_path=str(cache))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / ".cache" / "jittor").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """stand_in(code) makes a package that is imported in place of Jittor by the build."""
    cache, site = tmp_path / "cache", tmp_path / "site"
    cache.mkdir()
    monkeypatch.setattr(sys, "path", [str(site)])

    def make(code: str) -> SimpleNamespace:
        for name in ("jittor", "jittor_utils"):
            (site / name).mkdir(parents=True, exist_ok=True)
        (site / "jittor" / "__init__.py").write_text(HEAD.format(cache=str(cache)) + code)
        file = str(site / "jittor_utils" / "__init__.py")
        return SimpleNamespace(cache_path=str(cache), __file__=file)

    return make


def starts(utils: SimpleNamespace) -> int:
    return len((Path(utils.cache_path) / "starts").read_text())


def test_builds_once(stand_in, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    utils = stand_in(BUILD)
    build.ensure_built(utils, home)
    build.ensure_built(utils, home)
    assert starts(utils) == 1
    captured = capsys.readouterr()
    assert "compiling its core for this machine, once" in captured.err
    assert "built in" in captured.err
    assert captured.out == ""


def test_other_settings_are_built_again_quietly(
    stand_in, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    utils = stand_in(BUILD)
    build.ensure_built(utils, home)
    capsys.readouterr()
    monkeypatch.setenv("cc_flags", "-g")
    build.ensure_built(utils, home)
    assert starts(utils) == 2
    assert capsys.readouterr().err == ""


def test_a_removed_library_is_built_again(stand_in, home: Path) -> None:
    utils = stand_in(BUILD)
    build.ensure_built(utils, home)
    (Path(utils.cache_path) / "jittor_core.so").unlink()
    build.ensure_built(utils, home)
    assert starts(utils) == 2


def test_a_distrusted_stamp(stand_in, home: Path) -> None:
    utils = stand_in(BUILD)
    build.ensure_built(utils, home)
    build.ensure_built(utils, home, trust_stamp=False)
    assert starts(utils) == 2


def test_a_cut_stamp_is_no_stamp(stand_in, home: Path) -> None:
    utils = stand_in(BUILD)
    build.ensure_built(utils, home)
    stamp = next(Path(utils.cache_path).glob("crossmodal-*.json"))
    stamp.write_text('{"cache"')
    assert not build.is_current(stamp)


def test_jittor_that_ends_after_an_update_is_started_again(stand_in, home: Path) -> None:
    utils = stand_in("if (cache / 'starts').stat().st_size == 1: sys.exit(0)\n" + BUILD)
    build.ensure_built(utils, home)
    assert starts(utils) == 2


def test_a_failure_shows_its_last_lines(stand_in, home: Path) -> None:
    utils = stand_in("print('\\n'.join(map(str, range(100)))); raise OSError('fatal: no space')")
    with pytest.raises(SetupError) as caught:
        build.ensure_built(utils, home)
    message = str(caught.value)
    assert "ended with status 1" in message
    assert "fatal: no space" in message
    assert str(home / ".cache" / "jittor") in message
    assert "\n    50\n" not in message


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_killed_build(stand_in, home: Path) -> None:
    utils = stand_in("os.kill(os.getpid(), 9)")
    with pytest.raises(SetupError, match="was killed by signal 9"):
        build.ensure_built(utils, home)


def test_too_little_space(stand_in, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utils = stand_in(BUILD)
    monkeypatch.setattr(build, "COLD_BUILD_MIB", 10**12)
    with pytest.raises(SetupError, match="MiB are needed"):
        build.ensure_built(utils, home)
    assert not (Path(utils.cache_path) / "starts").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_stops_the_build_and_its_children(stand_in, home: Path, tmp_path: Path) -> None:
    utils = stand_in(
        "import subprocess; child = subprocess.Popen(['sleep', '60'])\n"
        "(cache / 'pids').write_text(f'{os.getpid()} {child.pid}')\ntime.sleep(60)\n"
    )
    code = (
        "import sys; from pathlib import Path; from types import SimpleNamespace\n"
        "from crossmodal.runtime import build\n"
        f"utils = SimpleNamespace(cache_path={utils.cache_path!r}, __file__={utils.__file__!r})\n"
        f"sys.path.insert(0, {sys.path[0]!r})\n"
        f"build.ensure_built(utils, Path({str(home)!r}))\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    pids = Path(utils.cache_path) / "pids"
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    program.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in program.communicate(timeout=20)[1]
    wait_until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


def wait_until(condition, seconds: float = 20) -> None:
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie nobody waits for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_progress_counts_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("crossmodal.runtime.build_progress.time.time", lambda: clock.now)
    stream = io.StringIO()
    (tmp_path / "obj_files").mkdir()
    progress = BuildProgress(tmp_path, cold=True, stream=stream)
    for index in range(40):
        (tmp_path / "obj_files" / f"{index}.cc.o.key").touch()
    clock.now += 20
    progress.update()
    progress.update()
    clock.now += 40
    progress.close(done=True)
    lines = stream.getvalue().splitlines()
    assert lines[1:] == [
        "Jittor: 40 of about 157 files, 20 s, about 58 s left",
        "Jittor: built in 60 s",
    ]


def test_a_check_that_builds_nothing_says_nothing(tmp_path: Path) -> None:
    stream = io.StringIO()
    progress = BuildProgress(tmp_path, cold=False, stream=stream)
    progress.update()
    progress.close(done=True)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("done", "before", "seconds", "text"),
    [
        (3, 0, 10, "Jittor: 3 of about 157 files, 10 s"),
        (157, 0, 90, "Jittor: 157 of about 157 files, 90 s, linking"),
        (200, 0, 90, "Jittor: 200 of about 200 files, 90 s, linking"),
        (107, 57, 50, "Jittor: 107 of about 157 files, 50 s, about 50 s left"),
    ],
)
def test_progress_in_words(done: int, before: int, seconds: float, text: str) -> None:
    assert describe(done, before, seconds) == text
