"""Only an nvcc that can work is shown to Jittor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossmodal.runtime import cuda_probe, cuda_toolkit, environment
from crossmodal.runtime.cuda_toolkit import HEADERS, LIBRARIES
from crossmodal.runtime.errors import SetupError

PREPARED = ("nvcc_path", "python_config_path", "OMP_NUM_THREADS", cuda_probe.DEVICE_VARIABLE)


@pytest.fixture
def toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CUDA 12 toolkit with cuDNN 8, first on the PATH, and one GPU that answers."""
    write_nvcc(tmp_path, "12.2")
    for folder, names in (("include", HEADERS), ("lib64", [f"lib{n}.so" for n in LIBRARIES])):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    (tmp_path / "include" / "cudnn_version.h").write_text("#define CUDNN_MAJOR 8\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    for name in (*PREPARED, *environment.NO_DOWNLOADS):
        monkeypatch.setenv(name, "")  # so that it is as before after the test
        monkeypatch.delenv(name)
    monkeypatch.setattr(cuda_probe, "count_devices", lambda: 1)
    monkeypatch.setattr(cuda_toolkit, "_wheel_folders", list)
    for place in ("_USUAL_PLACES", "_SYSTEM_INCLUDE", "_SYSTEM_LIBRARY"):
        monkeypatch.setattr(cuda_toolkit, place, ())
    return tmp_path


def write_nvcc(folder: Path, version: str) -> None:
    nvcc = folder / "bin" / "nvcc"
    nvcc.parent.mkdir(exist_ok=True)
    nvcc.write_text(
        f"#!/bin/sh\necho called >> {folder}/calls\n"
        f"echo 'Cuda compilation tools, release {version}, V{version}.1'\n"
    )
    nvcc.chmod(0o755)


def test_a_toolkit_that_fits(toolkit: Path) -> None:
    found = cuda_probe.probe()
    assert found.usable
    assert (found.devices, found.nvcc) == (1, str(toolkit / "bin" / "nvcc"))
    assert found.toolkit is not None and found.toolkit.version == (12, 2)


def test_no_gpu_and_nvcc_is_not_even_called(toolkit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_probe, "count_devices", lambda: 0)
    found = cuda_probe.probe()
    assert not found.usable
    assert "no GPU answers" in found.obstacle
    assert not (toolkit / "calls").exists()


def test_a_newer_cuda_fits_too(toolkit: Path, tmp_path: Path) -> None:
    write_nvcc(toolkit, "13.0")
    (toolkit / "include" / "cudnn_version.h").write_text("#define CUDNN_MAJOR 9\n")
    assert environment.prepare(tmp_path / "home").usable
    shown = os.environ["nvcc_path"]
    assert shown.startswith(str(tmp_path / "home"))
    assert Path(shown).is_file()


def test_no_cudnn(toolkit: Path) -> None:
    (toolkit / "include" / "cudnn.h").unlink()
    (toolkit / "lib64" / "libcudnn.so").unlink()
    assert ("is not complete, cudnn.h, libcudnn.so cannot be found: "
            "`pip install -r requirements-cuda.txt`") in cuda_probe.probe().obstacle


def test_an_nvcc_that_does_not_run(toolkit: Path) -> None:
    (toolkit / "bin" / "nvcc").write_text("#!/bin/sh\nexit 3\n")
    assert "does not run" in cuda_probe.probe().obstacle


def test_no_toolkit(toolkit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "there is no nvcc" in cuda_probe.probe().obstacle


def test_the_users_variable_chooses_or_turns_off(
    toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("nvcc_path", str(toolkit / "bin" / "nvcc"))
    assert cuda_probe.probe().usable
    monkeypatch.setenv("nvcc_path", "")
    assert "turns CUDA off" in cuda_probe.probe().obstacle


def test_without_a_driver_no_device_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(cuda_probe.ctypes, "CDLL", no_library)
    assert cuda_probe.count_devices() == 0


@pytest.mark.parametrize(("status", "expected"), [(0, 2), (34, 0), (100, 0)])
def test_the_drivers_answer_counts(
    monkeypatch: pytest.MonkeyPatch, status: int, expected: int
) -> None:
    """A stub library or a driver without a device answers with an error code."""

    class Driver:
        def __init__(self, name: str) -> None:
            self.cuInit = lambda flags: status

        def cuDeviceGetCount(self, count) -> int:
            count._obj.value = 2
            return 0

    monkeypatch.setattr(cuda_probe.ctypes, "CDLL", Driver)
    assert cuda_probe.count_devices() == expected


def test_what_jittor_gets_to_see(
    toolkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.prepare(tmp_path)
    assert os.environ["nvcc_path"] == str(toolkit / "bin" / "nvcc")
    assert os.environ["use_cutlass"] == "0"
    monkeypatch.setenv("nvcc_path", str(toolkit / "bin" / "nvcc"))
    monkeypatch.setattr(cuda_probe, "count_devices", lambda: 0)
    environment.prepare(tmp_path)
    assert os.environ["nvcc_path"] == ""


def test_the_variable_decides(
    toolkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cuda_probe.DEVICE_VARIABLE, "cpu")
    assert not environment.prepare(tmp_path).usable
    assert os.environ["nvcc_path"] == ""
    assert not (toolkit / "calls").exists()
    monkeypatch.delenv("nvcc_path")
    monkeypatch.setenv(cuda_probe.DEVICE_VARIABLE, "cuda")
    monkeypatch.setattr(cuda_probe, "count_devices", lambda: 0)
    with pytest.raises(SetupError, match="CROSSMODAL_DEVICE=cuda, but no GPU answers"):
        environment.prepare(tmp_path)
    monkeypatch.setenv(cuda_probe.DEVICE_VARIABLE, "gpu")
    with pytest.raises(SetupError, match="'gpu' is not a device: use one of auto, cpu, cuda"):
        environment.prepare(tmp_path)


def test_a_broken_nvcc_never_breaks_the_import(run, built, tmp_path: Path) -> None:
    """A real import with an nvcc first on the PATH and no GPU."""
    if cuda_probe.count_devices():
        pytest.skip("a GPU answers here")
    write_nvcc(tmp_path, "12.2")
    code = "from crossmodal.runtime import jt; print(int(jt.has_cuda))"
    ended = run(code, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "0"
    assert not (tmp_path / "calls").exists()
