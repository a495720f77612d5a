"""Jittor's sources compile against the toolkit that is here, as they will where a GPU answers.

Needs a compiler, headers and libraries, no GPU; CROSSMODAL_TEST_NVCC may name another environment's
nvcc.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crossmodal.runtime import cuda_overlay, jt
from crossmodal.runtime.cpus import usable_cpus
from crossmodal.runtime.cuda_toolkit import find_nvcc, read_toolkit

LIBRARIES = ("cublas", "cudnn", "curand", "cufft", "cusparse")
SORT_TYPES = {"Tx": "float32", "Tindexes": "int32", "Toffsets": "int32", "Ty": "int32"}
WHERE = """
#include <cub/cub.cuh>
struct NotZero { __host__ __device__ bool operator()(const float& a) const { return a != 0.f; } };
int main() {
    size_t bytes = 0;
    cub::CountingInputIterator<int> counting(0);
    cub::TransformInputIterator<bool, NotZero, float*> flags((float*)nullptr, NotZero());
    return cub::DeviceSelect::Flagged(nullptr, bytes, counting, flags, (int*)nullptr,
                                      (int*)nullptr, 5);
}
"""


@pytest.fixture(scope="module")
def nvcc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiler Jittor would be shown."""
    found = os.environ.get("CROSSMODAL_TEST_NVCC") or find_nvcc()
    toolkit = read_toolkit(found) if found else None
    if toolkit is None:
        pytest.skip("no CUDA compiler here")
    if toolkit.missing():
        pytest.skip(f"the CUDA toolkit here lacks {', '.join(toolkit.missing())}")
    if not cuda_overlay.is_needed(toolkit):
        return Path(found)
    return Path(cuda_overlay.install(tmp_path_factory.mktemp("home"), toolkit))


def jittor() -> Path:
    """Jittor's folder; asked for in a test only, since asking loads Jittor."""
    return Path(jt.__file__).parent


def flags(nvcc: Path) -> list[str]:
    folders = [jittor() / "src", jittor() / "extern", sysconfig.get_path("include"),
               nvcc.parent.parent / "include", jittor() / "extern" / "cuda" / "inc",
               jt.flags.cache_path]
    return ["-std=c++14", "-w", "-DHAS_CUDA", "-DIS_CUDA", *(f"-I{folder}" for folder in folders)]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["core", *LIBRARIES])
def test_host_sources_compile(nvcc: Path, part: str) -> None:
    folder = jittor() / "src" if part == "core" else jittor() / "extern" / "cuda" / part
    sources = sorted(folder.rglob("*.cc"))
    assert sources

    def compiled(source: Path) -> str:
        ended = subprocess.run(
            ["g++", *flags(nvcc), f"-I{folder / 'inc'}", "-fopenmp", "-march=native",
             "-fsyntax-only", str(source)], capture_output=True, text=True)
        return ended.stderr if ended.returncode else ""

    with ThreadPoolExecutor(usable_cpus()) as pool:
        errors = [error for error in pool.map(compiled, sources) if error]
    assert not errors, errors[0][:2000]


def compile_device(nvcc: Path, source: Path, *more: str) -> None:
    command = [str(nvcc), "-x", "cu", "-ccbin=g++", "--use_fast_math", "-arch=compute_90",
               "-code=sm_90", *flags(nvcc), *more, "-c", str(source), "-o",
               str(source.with_suffix(".o"))]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
def test_device_sort_compiles(nvcc: Path, tmp_path: Path) -> None:
    ops = jittor() / "extern" / "cuda" / "cub" / "ops"
    text = (ops / "cub_argsort_op.cc").read_text().replace("@FUNC@@", "SortPairs")
    source = tmp_path / "sort.cc"
    source.write_text(text.replace("@FUNC", "SortPairs"))
    types = [f"-D{name}={kind}" for name, kind in SORT_TYPES.items()]
    compile_device(nvcc, source, "-DJIT", "-DJIT_cuda", f"-I{ops}", *types)


@pytest.mark.slow
def test_device_iterators_of_where_compile(nvcc: Path, tmp_path: Path) -> None:
    source = tmp_path / "where.cc"
    source.write_text(WHERE)
    compile_device(nvcc, source)
