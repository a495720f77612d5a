"""oneDNN is put in place from the wheel, whole, and put back when it is damaged."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.runtime import elf, onednn
from crossmodal.runtime.cpus import processor_flags
from crossmodal.runtime.errors import SetupError

pytestmark = pytest.mark.skipif(not onednn.supported(), reason="no oneDNN wheel for this machine")


def contents(place: Path) -> set[str]:
    return {path.name for path in (place / "lib").iterdir()}


def test_install_then_nothing_more_to_do(tmp_path: Path) -> None:
    assert not onednn.is_installed(tmp_path)
    place = onednn.install(tmp_path)
    assert place == onednn.folder(tmp_path)
    assert onednn.is_installed(tmp_path)
    assert contents(place) == {"libmkldnn.so", "libdnnl.so", "libdnnl.so.2"}
    assert (place / "include" / "oneapi" / "dnnl" / "dnnl.hpp").is_file()
    before = (place / "lib" / "libmkldnn.so").stat().st_ino
    onednn.install(tmp_path)
    assert (place / "lib" / "libmkldnn.so").stat().st_ino == before
    leftovers = [entry.name for entry in place.parent.parent.iterdir()]
    assert sorted(leftovers) == ["crossmodal.lock", "mkl"]


def cut(place: Path) -> None:
    library = place / "lib" / "libmkldnn.so"
    library.write_bytes(library.read_bytes()[:1_000_000])


def remove_headers(place: Path) -> None:
    shutil.rmtree(place / "include")


def dangle(place: Path) -> None:
    for part in ("include", "lib"):
        shutil.rmtree(place / part)
        (place / part).symlink_to("/removed/venv/" + part)


@pytest.mark.parametrize("damage", [cut, remove_headers, dangle])
def test_damage_is_repaired(tmp_path: Path, damage) -> None:
    place = onednn.install(tmp_path)
    damage(place)
    assert not onednn.is_installed(tmp_path)
    onednn.install(tmp_path)
    assert onednn.is_installed(tmp_path)
    assert elf.is_intact(place / "lib" / "libdnnl.so.2")


def test_many_processes_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        places = pool.map(onednn.install, [tmp_path] * 3)
    assert set(places) == {onednn.folder(tmp_path)}
    assert onednn.is_installed(tmp_path)


def test_one_that_jittor_downloaded_is_kept(tmp_path: Path) -> None:
    """Jittor's archive has the library under another name and no link of ours."""
    place = onednn.install(tmp_path)
    (place / "lib" / "libdnnl.so.2").unlink()
    (place / "lib" / "libdnnl.so.2").write_bytes((place / "lib" / "libmkldnn.so").read_bytes())
    assert onednn.is_installed(tmp_path)


def test_the_wheel_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "PACKAGES", ("no-such-package-anywhere",))
    with pytest.raises(SetupError, match="is not installed: run `pip install .*onednn-devel"):
        onednn.install(tmp_path)


def test_switched_off_or_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("use_mkl", "0")
    assert onednn.install(tmp_path) is None
    monkeypatch.delenv("use_mkl")
    monkeypatch.setattr(onednn.platform, "machine", lambda: "aarch64")
    assert onednn.install(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_no_download_where_there_is_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                             caplog: pytest.LogCaptureFixture) -> None:
    """Jittor runs without oneDNN, which is said once; who sets use_mkl=1 lets it fetch one."""
    monkeypatch.setattr(onednn.platform, "machine", lambda: "aarch64")
    monkeypatch.setenv("use_mkl", "1")
    onednn.install(tmp_path)
    assert os.environ["use_mkl"] == "1" and not caplog.records
    monkeypatch.delenv("use_mkl")
    with caplog.at_level("WARNING"):
        for _ in range(2):
            assert onednn.install(tmp_path) is None
    assert os.environ["use_mkl"] == "0"
    assert len(caplog.records) == 1 and "(aarch64): Jittor's own operators" in caplog.text


@pytest.mark.parametrize(("limit", "expected"), [
    ("SSE41", "SSE4.1"), ("AVX", "AVX"), ("AVX2", "AVX2"), ("AVX512_CORE", "AVX-512")])
def test_the_instruction_set_is_what_onednn_runs(limit: str, expected: str,
                                                 tmp_path: Path) -> None:
    flag = {"SSE41": "sse4_1", "AVX512_CORE": "avx512dq"}.get(limit, limit.lower())
    if flag not in processor_flags():
        pytest.skip(f"this processor has no {expected}")
    onednn.install(tmp_path)
    program = ("from pathlib import Path; from crossmodal.runtime import onednn; "
               f"print(onednn.instruction_set(Path({str(tmp_path)!r})))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=True, env={**os.environ, "DNNL_MAX_CPU_ISA": limit})
    assert done.stdout.strip() == expected
