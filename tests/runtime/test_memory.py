"""Memory that is freed stays with the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from crossmodal.runtime.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(b'x') * (16 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def faults(*words: str, **variables: str) -> int:
    """Page faults of the second of two equal large arrays, each freed at once."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], env={**environment, **variables},
                          capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_block_as_large_as_the_last_costs_no_page_faults() -> None:
    plain, kept = faults("leave"), faults("keep")
    assert plain > 1000 and kept < plain / 20
    assert faults("keep", MALLOC_MMAP_MAX_="65536", MALLOC_TRIM_THRESHOLD_="131072") > plain / 2
