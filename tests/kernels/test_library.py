"""The kernels' library: built once, whole or not at all; without it training goes on, said once."""

from __future__ import annotations

import pytest

from crossmodal.kernels import library
from crossmodal.models.backbones import build_backbone
from crossmodal.runtime import jt
from crossmodal.runtime.errors import SetupError

needs_kernels = pytest.mark.skipif(not library.load(), reason="no kernels on this processor")


@needs_kernels
def test_the_library_is_built_once() -> None:
    first = library._built()
    stamp = first.stat().st_mtime_ns
    assert library._built() == first
    assert first.stat().st_mtime_ns == stamp


@needs_kernels
def test_a_library_that_is_cut_off_is_built_again(tmp_path, monkeypatch) -> None:
    """Loading it would end the process by a bus error, and every later one."""
    whole, made = library._built(), []
    monkeypatch.setattr(library.home, "cache_root", lambda place: tmp_path)
    monkeypatch.setattr(library, "_compile", lambda command, path: made.append(path))
    stump = tmp_path / "crossmodal" / whole.name
    stump.parent.mkdir()
    stump.write_bytes(whole.read_bytes()[:-1])
    assert library._built() == stump and made == [stump]
    stump.write_bytes(whole.read_bytes())
    assert library._built() == stump and len(made) == 1


@needs_kernels
def test_other_sources_make_another_library(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, parts = ["g++"], library.onednn.folder(library.home.jittor_home())
    before = library._fingerprint(command, parts)
    for source in library._SOURCE.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes() + b"// more\n")
    monkeypatch.setattr(library, "_SOURCE", tmp_path)
    assert library._fingerprint(command, parts) != before


@needs_kernels
def test_a_compiler_that_fails_leaves_nothing_behind(tmp_path, monkeypatch) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "broken.cpp").write_text("this is no C++\n")
    monkeypatch.setattr(library, "_SOURCE", tmp_path / "source")
    with pytest.raises(SetupError, match="compiling them failed"):
        library._compile(["g++", "-shared"], tmp_path / "kernels.so")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@needs_kernels
@pytest.mark.parametrize("instructions", ["AVX", "SSE4.1"])
def test_a_processor_without_avx2_leaves_it_to_jittor(instructions, monkeypatch, caplog) -> None:
    """One line says why; the map stays a plain one."""
    monkeypatch.setattr(library.onednn, "instruction_set", lambda place: instructions)
    monkeypatch.setattr(library, "loaded", library.loaded.__wrapped__)
    with caplog.at_level("WARNING"):
        assert not library.load()
    assert len(caplog.records) == 1
    assert f"they need AVX2, and oneDNN runs with {instructions} here" in caplog.text


@needs_kernels
def test_without_onednn_nothing_more_is_said(monkeypatch, caplog) -> None:
    """The runtime has said so before."""
    monkeypatch.setattr(library.onednn, "supported", lambda: False)
    monkeypatch.setattr(library, "loaded", library.loaded.__wrapped__)
    assert not library.load() and not caplog.records


@needs_kernels
@pytest.mark.parametrize(("instructions", "floats"), [("AVX-512", 16), ("AVX2", 8)])
def test_the_block_is_what_onednn_runs_with(instructions, floats, monkeypatch) -> None:
    """Not what the processor could: code for other blocks would be oneDNN's reference code."""
    monkeypatch.setattr(library.onednn, "instruction_set", lambda place: instructions)
    assert library.block.__wrapped__() == floats


@needs_kernels
def test_without_the_library_the_layers_use_jittor(monkeypatch, caplog) -> None:
    """The failure is said, and the map stays a plain one."""
    def broken() -> None:
        raise SetupError("compiling them failed: no such compiler")

    monkeypatch.setattr(library, "_built", broken)
    monkeypatch.setattr(library, "loaded", library.loaded.__wrapped__)
    with caplog.at_level("WARNING"):
        assert not library.usable()
    assert "slower: compiling them failed" in caplog.text
    assert build_backbone("resnet18").run_stage("stem", jt.zeros((1, 3, 32, 32))).ndim == 4
