"""The overlay of Jittor: what it is made of, when it is made, and who gets to import it."""

from __future__ import annotations

import hashlib
import importlib.machinery
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from crossmodal.runtime import home, jittor_overlay, jittor_patches
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.jittor_patches import PATCHES

NAMES = sorted({patch.file for patch in PATCHES})
FOR_NUMPY = sorted({patch.file for patch in PATCHES if patch.needed_by == "NumPy 2"})
IN_A_PROCESS = (
    "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
    "from crossmodal.runtime import jittor_overlay, jittor_patches\n"
    "jittor_patches.needed = lambda: jittor_patches.PATCHES\n"
    "print(jittor_overlay.install(Path(sys.argv[2])))"
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a stand-in for Jittor, which needs every change, first on `sys.path`."""
    site = tmp_path / "site"
    for name in (*NAMES, "jittor/__init__.py", "jittor/nn.py", "jittor/src/var.h"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        changed = "\n".join(patch.expected for patch in PATCHES if patch.file == name)
        (site / name).write_text(f"# {name}\n{changed}\nthe end\n")
    (site / "jittor" / "__pycache__").mkdir()
    for module in ("nn", "compiler"):
        (site / "jittor" / "__pycache__" / f"{module}.cpython-313.pyc").touch()
    others = [entry for entry in sys.path if not (Path(entry) / "jittor").is_dir()]
    monkeypatch.setattr(sys, "path", [str(site), *others])
    monkeypatch.setattr(jittor_patches, "needed", lambda: PATCHES)
    return site


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Digest and time of the last change of every file below a folder."""
    return {str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(),
                                            path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*")) if path.is_file()}


def made(home_folder: Path) -> list[str]:
    """What lies in the folder of overlays, without the lock."""
    folder = home.own_folder(home_folder)
    return sorted(p.name for p in folder.iterdir() if p.name != "jittor.lock") \
        if folder.is_dir() else []


def test_changed_files_are_copies_and_the_others_links(site: Path, tmp_path: Path) -> None:
    before = contents(site)
    place = jittor_overlay.install(tmp_path / "home")
    assert place is not None
    for name in before:
        overlaid = place / name
        if name in NAMES:
            assert not overlaid.is_symlink()
        elif "__pycache__" not in name:
            assert overlaid.resolve() == site / name
    for patch in PATCHES:
        text = (place / patch.file).read_text()
        assert patch.instead in text and text.endswith("the end\n")
    compiled = list((place / "jittor" / "__pycache__").iterdir())
    assert [path.name for path in compiled] == ["nn.cpython-313.pyc"]
    assert contents(site) == before


def test_it_is_what_python_imports(site: Path, tmp_path: Path) -> None:
    place = jittor_overlay.install(tmp_path / "home")
    spec = importlib.machinery.PathFinder.find_spec("jittor")
    assert spec is not None and spec.origin == str(place / "jittor" / "__init__.py")
    assert sys.path[:2] == [str(place), str(site)]


def test_again_is_the_same_and_takes_no_work(site: Path, tmp_path: Path) -> None:
    place = jittor_overlay.install(tmp_path / "home")
    assert place is not None
    before = (place.stat().st_ino, contents(place))
    assert jittor_overlay.install(tmp_path / "home") == place
    assert (place.stat().st_ino, contents(place)) == before
    assert sys.path.count(str(place)) == 1


def test_another_jittor_gets_another(site: Path, tmp_path: Path) -> None:
    first = jittor_overlay.install(tmp_path / "home")
    (site / "jittor" / "new.py").touch()
    second = jittor_overlay.install(tmp_path / "home")
    assert second is not None and second != first
    assert (second / "jittor" / "new.py").exists()
    assert sys.path[:2] == [str(second), str(site)] and str(first) not in sys.path


def test_older_python_and_numpy_take_jittor_as_it_is(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = jittor_overlay.install(tmp_path / "home")
    monkeypatch.setattr(jittor_patches, "needed", list)
    assert jittor_overlay.install(tmp_path / "home") is None
    assert sys.path[0] == str(site) and str(overlay) not in sys.path
    assert jittor_overlay.install(tmp_path / "other") is None
    assert made(tmp_path / "other") == []


def test_one_below_a_path_with_a_space_is_reached_by_links(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaced = site.rename(tmp_path / "my site")
    monkeypatch.setattr(sys, "path", [str(spaced), *sys.path[1:]])
    monkeypatch.setattr(jittor_patches, "needed", list)
    place = jittor_overlay.install(tmp_path / "home")
    assert place is not None and " " not in str(place)
    for name in ("jittor/__init__.py", "jittor/src/var.h", *NAMES):
        assert (place / name).resolve() == spaced / name
    assert jittor_overlay.install(tmp_path / "home") == place


def test_needed_by_the_versions_here() -> None:
    by = {patch.needed_by for patch in jittor_patches.needed()}
    assert ("NumPy 2" in by) == (jittor_patches.numpy_generation() == 2)
    assert ("Python 3.13" in by) == (sys.version_info >= (3, 13))


@pytest.mark.parametrize(("name", "says", "expected"), [
    ("g++", "12", False), ("g++-15", "15.2.0", True), ("g++", "16", True),
    ("clang++", "19", False)])
def test_needed_by_the_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, says: str, expected: bool
) -> None:
    compiler = tmp_path / name
    compiler.write_text(f"#!/bin/sh\necho {says}\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("cc_path", str(compiler))
    jittor_patches.gnu_generation.cache_clear()
    by = {patch.needed_by for patch in jittor_patches.needed()}
    jittor_patches.gnu_generation.cache_clear()
    assert ("g++ 15" in by) == expected


@pytest.mark.parametrize("name", FOR_NUMPY)
@pytest.mark.parametrize("change", ["gone", "twice"])
def test_other_text_is_one_clear_error(
    site: Path, tmp_path: Path, name: str, change: str
) -> None:
    text = (site / name).read_text()
    (site / name).write_text("other\n" if change == "gone" else text + text)
    with pytest.raises(SetupError, match=rf"run with NumPy 2: {name} differs from .*==1\.3\.11\.0"):
        jittor_overlay.install(tmp_path / "home")
    assert made(tmp_path / "home") == [] and sys.path[0] == str(site)


def test_a_jittor_that_says_it_takes_numpy_2_is_left_alone(
    site: Path, tmp_path: Path
) -> None:
    information = site / "jittor-1.4.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: jittor\nRequires-Dist: numpy>=1.20\n")
    for name in NAMES:
        (site / name).write_text("mended\n")
    assert jittor_overlay.install(tmp_path / "home") is None
    assert made(tmp_path / "home") == [] and sys.path[0] == str(site)
    jittor_overlay.refuse_unpatched(SimpleNamespace(__file__=str(site / "jittor/__init__.py")))


def test_what_would_fail_aloud_may_be_mended_by_itself(site: Path, tmp_path: Path) -> None:
    (site / "jittor" / "compiler.py").write_text("mended\n")
    place = jittor_overlay.install(tmp_path / "home")
    assert place is not None and (place / "jittor" / "compiler.py").is_symlink()
    assert not (place / "jittor_utils" / "__init__.py").is_symlink()


def test_an_interrupted_one_is_not_there(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", interrupt)
        with pytest.raises(KeyboardInterrupt):
            jittor_overlay.install(tmp_path / "home")
    assert made(tmp_path / "home") == []
    place = jittor_overlay.install(tmp_path / "home")
    assert place is not None and made(tmp_path / "home") == [place.name]


def test_what_a_killed_process_left_is_made_again(site: Path, tmp_path: Path) -> None:
    place = jittor_overlay.install(tmp_path / "home")
    assert place is not None
    (place / ".made-from").unlink()
    (place / "jittor" / "nn.py").unlink()
    sys.path.remove(str(place))
    assert jittor_overlay.install(tmp_path / "home") == place
    assert (place / "jittor" / "nn.py").exists()


def test_those_of_a_removed_environment_go(site: Path, tmp_path: Path) -> None:
    first = jittor_overlay.install(tmp_path / "home")
    moved = site.rename(tmp_path / "moved")
    sys.path[:] = [str(moved), *sys.path[2:]]
    second = jittor_overlay.install(tmp_path / "home")
    assert second is not None and second != first
    assert made(tmp_path / "home") == [second.name]


def test_many_processes_at_once(site: Path, tmp_path: Path) -> None:
    given = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    programs = [
        subprocess.Popen([sys.executable, "-c", IN_A_PROCESS, str(site), str(tmp_path / "home")],
                         stdout=subprocess.PIPE, text=True, env=given)
        for _ in range(4)
    ]
    places = {program.communicate(timeout=60)[0].strip() for program in programs}
    assert len(places) == 1
    place = Path(places.pop())
    assert made(tmp_path / "home") == [place.name]
    assert all((place / name).is_file() for name in NAMES)


def test_no_jittor_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "jittor", raising=False)
    with pytest.raises(SetupError, match="Jittor is not installed: run `make venv`"):
        jittor_overlay.install(tmp_path / "home")


def test_one_imported_as_installed_is_refused(site: Path, tmp_path: Path) -> None:
    plain = SimpleNamespace(__file__=str(site / "jittor" / "__init__.py"))
    with pytest.raises(SetupError, match="arrays of NumPy 2 wrongly: put `from crossmodal"):
        jittor_overlay.refuse_unpatched(plain)
    place = jittor_overlay.install(tmp_path / "home")
    assert place is not None
    jittor_overlay.refuse_unpatched(SimpleNamespace(__file__=str(place / "jittor/__init__.py")))


def test_the_changes_fit_the_installed_jittor() -> None:
    """With older Python and NumPy too, where they are not made."""
    installed = jittor_overlay.installed_folder()
    for name in NAMES:
        patches = [patch for patch in PATCHES if patch.file == name]
        text = (installed / name).read_text(encoding="utf8")
        changed = jittor_patches.patched(text, patches, numpy_is_allowed=False)
        assert all(patch.instead in changed for patch in patches)
        for patch in patches:
            assert text.count(patch.expected) == 1


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_workers_import_the_same(built: None, run, tmp_path: Path, method: str) -> None:
    """Also one that imports Jittor without going through this project."""
    (tmp_path / "workers.py").write_text(
        "def work(queue):\n    import jittor\n    queue.put(jittor.__file__)\n"
    )
    code = (
        "from crossmodal.runtime import jt\nimport multiprocessing, sys, workers\n"
        f"context = multiprocessing.get_context({method!r})\n"
        "queue = context.Queue()\n"
        "worker = context.Process(target=workers.work, args=(queue,), daemon=True)\n"
        "worker.start()\n"
        "print(queue.get(timeout=120) == jt.__file__, jt.flags.jittor_path in jt.__file__)\n"
        "worker.join(20)"
    )
    place = str(home.jittor_home())  # as the user's home too: or Jittor would remember it for ever
    ended = run(code, PYTHONPATH=str(tmp_path), HOME=place)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "True True"


def test_nothing_is_written_where_jittor_is_installed(built: None, run) -> None:
    folder = jittor_overlay.installed_folder() / "jittor"
    before = contents(folder)
    code = (
        "from crossmodal.runtime import jt\n"
        "jt.nn.conv2d(jt.ones((1, 3, 8, 8)), jt.ones((2, 3, 3, 3))).sync()"
    )
    ended = run(code)
    assert ended.returncode == 0, ended.stderr
    assert contents(folder) == before
