"""A toolkit's parts are found where they are, and what Jittor gets to see is whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from crossmodal.runtime import cuda_overlay, cuda_toolkit
from crossmodal.runtime.cuda_toolkit import HEADERS, LIBRARIES, Toolkit, find_nvcc, read_toolkit

NUMBERS = {"cudart": 13, "cublas": 13, "cublasLt": 13, "curand": 10, "cufft": 12, "cusparse": 12}
DROPPED = ("cudnnSetRNNDescriptor_v6", "cudnnGetRNNParamsSize", "cudnnRNNBackwardWeights")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without CUDA: no wheels, nothing on the PATH, empty system folders."""
    monkeypatch.setenv("PATH", f"{tmp_path}/cuda/bin:/usr/bin:/bin")
    monkeypatch.delenv("nvcc_path", raising=False)
    monkeypatch.setattr(cuda_toolkit, "_USUAL_PLACES", ())
    monkeypatch.setattr(cuda_toolkit, "_SYSTEM_INCLUDE", (str(tmp_path / "usr" / "include"),))
    monkeypatch.setattr(cuda_toolkit, "_SYSTEM_LIBRARY", (str(tmp_path / "usr" / "lib"),))
    monkeypatch.setattr(cuda_toolkit.sysconfig, "get_path", lambda name: str(tmp_path / "site"))
    return tmp_path


def write_nvcc(folder: Path, version: str, here: Path | None = None) -> Path:
    """A compiler that answers as the real one does, and prints its arguments."""
    nvcc = folder / "nvcc"
    folder.mkdir(parents=True, exist_ok=True)
    nvcc.write_text(
        '#!/bin/sh\ncase "$*" in\n'
        f"*--version*) echo 'Cuda compilation tools, release {version}, V{version}.1' ;;\n"
        f"*--dryrun*) echo '#$ _HERE_={here or folder}' >&2 ;;\n"
        '*) for argument; do echo "$argument"; done ;;\nesac\n'
    )
    nvcc.chmod(0o755)
    return nvcc


def write_parts(include: Path, lib: Path, names: dict[str, int | None], cudnn: int = 0) -> None:
    """Headers, and libraries of those names with their numbers (none: no number)."""
    include.mkdir(parents=True, exist_ok=True)
    lib.mkdir(parents=True, exist_ok=True)
    for header in HEADERS[:-1]:
        if any(header.startswith(name) for name in names) or "cudart" in names:
            (include / header).touch()
    for name, number in names.items():
        (lib / (f"lib{name}.so" + (f".{number}" if number else ""))).touch()
    if cudnn:
        (include / "cudnn.h").touch()
        (include / "cudnn_version.h").write_text(f"#define CUDNN_MAJOR {cudnn}\n")


def write_wheels(machine: Path) -> None:
    """CUDA 13 and cuDNN 9 as the wheels lay them out."""
    nvidia = machine / "site" / "nvidia"
    write_nvcc(nvidia / "cu13" / "bin", "13.2")
    write_parts(nvidia / "cu13" / "include", nvidia / "cu13" / "lib", dict(NUMBERS))
    (nvidia / "cu13" / "include" / "cccl" / "nv").mkdir(parents=True)
    write_parts(nvidia / "cudnn" / "include", nvidia / "cudnn" / "lib",
                {"cudnn": 9, "cudnn_ops": 9, "cudnn_cnn": 9}, cudnn=9)


def found(machine: Path) -> Toolkit:
    toolkit = read_toolkit(find_nvcc())
    assert toolkit is not None
    return toolkit


def test_a_whole_old_toolkit_is_taken_as_it_is(machine: Path) -> None:
    write_nvcc(machine / "cuda" / "bin", "12.2")
    write_parts(machine / "cuda" / "include", machine / "cuda" / "lib64",
                dict.fromkeys(LIBRARIES), cudnn=8)
    toolkit = found(machine)
    assert toolkit.version == (12, 2)
    assert toolkit.cudnn == 8
    assert toolkit.missing() == []
    assert not cuda_overlay.is_needed(toolkit)


@pytest.mark.parametrize(("version", "cudnn"), [("13.0", 8), ("12.4", 9)])
def test_a_newer_one_needs_an_overlay(machine: Path, version: str, cudnn: int) -> None:
    write_nvcc(machine / "cuda" / "bin", version)
    write_parts(machine / "cuda" / "include", machine / "cuda" / "lib64",
                dict.fromkeys(LIBRARIES), cudnn=cudnn)
    assert cuda_overlay.is_needed(found(machine))


def test_parts_in_two_folders_need_an_overlay(machine: Path) -> None:
    write_nvcc(machine / "cuda" / "bin", "11.8")
    write_parts(machine / "cuda" / "include", machine / "cuda" / "lib64",
                dict.fromkeys(LIBRARIES[:-1]))
    write_parts(machine / "usr" / "include", machine / "usr" / "lib", {"cudnn": 8}, cudnn=8)
    toolkit = found(machine)
    assert toolkit.missing() == []
    assert cuda_overlay.is_needed(toolkit)


def test_a_script_that_calls_the_compiler_elsewhere(machine: Path) -> None:
    real = machine / "opt" / "cuda-12"
    write_nvcc(machine / "cuda" / "bin", "12.6", here=real / "bin")
    write_parts(real / "include", real / "lib64", dict.fromkeys(LIBRARIES), cudnn=8)
    toolkit = found(machine)
    assert toolkit.missing() == []
    assert toolkit.headers["cufft.h"] == real / "include" / "cufft.h"
    assert cuda_overlay.is_needed(toolkit)  # Jittor would look beside the script


def test_what_is_missing_is_named(machine: Path) -> None:
    write_nvcc(machine / "cuda" / "bin", "13.0")
    write_parts(machine / "cuda" / "include", machine / "cuda" / "lib64", {"cudart": None})
    assert found(machine).missing() == ["cudnn.h", *(f"lib{n}.so" for n in LIBRARIES[1:])]


def test_wheels_are_preferred_and_complete(machine: Path) -> None:
    write_nvcc(machine / "cuda" / "bin", "11.1")
    write_wheels(machine)
    toolkit = found(machine)
    assert toolkit.version == (13, 2)
    assert toolkit.cudnn == 9
    assert toolkit.missing() == []
    assert toolkit.libraries["cufft"].name == "libcufft.so.12"


def test_wheels_of_another_cuda_are_not_mixed_in(machine: Path) -> None:
    """PyTorch in the environment brings wheels of its own CUDA."""
    write_nvcc(machine / "cuda" / "bin", "13.0")
    nvidia = machine / "site" / "nvidia"
    write_parts(nvidia / "cuda_runtime" / "include", nvidia / "cuda_runtime" / "lib",
                {"cudart": 12})
    write_parts(nvidia / "cublas" / "include", nvidia / "cublas" / "lib",
                {"cublas": 12, "cublasLt": 12})
    assert "libcublas.so" in found(machine).missing()
    write_nvcc(machine / "cuda" / "bin", "12.8")
    assert found(machine).libraries["cublas"] == nvidia / "cublas" / "lib" / "libcublas.so.12"


def test_the_overlay_has_every_part_by_its_plain_name(machine: Path) -> None:
    write_wheels(machine)
    nvcc = Path(cuda_overlay.install(machine, found(machine)))
    place = nvcc.parent.parent
    for name in LIBRARIES:
        assert (place / "lib64" / f"lib{name}.so").is_file()
    for name in ("ops_infer", "ops_train", "cnn_infer", "cnn_train"):
        assert (place / "lib64" / f"libcudnn_{name}.so").is_file()
    for name in (*HEADERS, "helper_cuda.h", "cub/cub.cuh"):
        assert (place / "include" / name).is_file()
    assert (place / "include" / "nv").is_dir()
    assert not list(place.parent.glob(".cuda-*"))


def test_the_overlay_is_made_once_and_anew_after_an_update(machine: Path) -> None:
    write_wheels(machine)
    first = Path(cuda_overlay.install(machine, found(machine)))
    made = first.stat().st_mtime_ns
    assert cuda_overlay.install(machine, found(machine)) == str(first)
    assert first.stat().st_mtime_ns == made
    (machine / "site" / "nvidia" / "cudnn" / "lib" / "libcudnn_graph.so.9").touch()
    second = Path(cuda_overlay.install(machine, found(machine)))
    assert second != first
    assert (second.parent.parent / "lib64" / "libcudnn_graph.so").is_file()


def test_a_killed_installation_is_finished(machine: Path) -> None:
    write_wheels(machine)
    nvcc = Path(cuda_overlay.install(machine, found(machine)))
    (nvcc.parent.parent / ".complete").unlink()
    (nvcc.parent.parent / "lib64" / "libcudnn.so").unlink()
    assert cuda_overlay.install(machine, found(machine)) == str(nvcc)
    assert (nvcc.parent.parent / "lib64" / "libcudnn.so").is_file()


def test_the_compilers_arguments(machine: Path) -> None:
    write_wheels(machine)
    nvcc = cuda_overlay.install(machine, found(machine))
    arguments = ["-std=c++14", "-arch=compute_80", "-code=sm_80", 'a b"c', "-o", "x.o"]
    said = subprocess.run([nvcc, *arguments], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        f"-I{Path(nvcc).parent.parent / 'include'}", "-std=c++17", "-code=compute_80",
        "-arch=compute_80", "-code=sm_80", 'a b"c', "-o", "x.o",
    ]
    version = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True)
    assert "release 13.2" in version.stdout


def test_dropped_recurrent_calls_answer_not_supported(machine: Path) -> None:
    """Our header, compiled against a stand-in of cuDNN 9."""
    write_wheels(machine)
    include = machine / "site" / "nvidia" / "cudnn" / "include"
    (include / "cudnn.h").write_text(
        '#pragma once\n#include "cudnn_version.h"\n'
        "enum cudnnStatus_t { CUDNN_STATUS_SUCCESS, CUDNN_STATUS_NOT_SUPPORTED = 3000 };\n")
    nvcc = Path(cuda_overlay.install(machine, found(machine)))
    calls = " && ".join(f"{name}(nullptr, 1, &size) == 3000" for name in DROPPED)
    source = machine / "calls.cc"
    source.write_text("#include <cudnn.h>\nint main() { unsigned long size = 0;\n"
                      f"return {calls} ? 0 : 1; }}\n")
    program = machine / "calls"
    subprocess.run(["g++", f"-I{nvcc.parent.parent / 'include'}", str(source), "-o", str(program)],
                   check=True)
    assert subprocess.run([str(program)]).returncode == 0


def test_a_compiler_that_does_not_run(machine: Path) -> None:
    nvcc = machine / "cuda" / "bin" / "nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.write_text("#!/bin/sh\nexit 3\n")
    nvcc.chmod(0o755)
    assert find_nvcc() == str(nvcc)
    assert read_toolkit(str(nvcc)) is None


def test_the_variable_chooses_the_compiler(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_nvcc(machine / "cuda" / "bin", "12.2")
    other = write_nvcc(machine / "other", "11.3")
    monkeypatch.setenv("nvcc_path", str(other))
    assert find_nvcc() == str(other)
    monkeypatch.setenv("nvcc_path", str(machine / "nothing"))
    assert find_nvcc() == ""
    assert os.environ["nvcc_path"]
