"""Top 10 of 1,000 queries among 100,000 shapes x 12 tokens x 128: seconds and peak memory.

The tokens are a float16 file mapped into memory; the peak is that of a process of its own, with
everything it imports. It must stay under 4 GiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Measurement
from benchmarks.scoring import unit

QUERIES, SHAPES, VIEWS, DIM = 1_000, 100_000, 12, 128
MOST_MIB = 4096
PROGRAM = """
import json, sys, time
import numpy as np
from crossmodal.retrieval.scoring import attention_scores
from crossmodal.retrieval.top_k import top_k
from crossmodal.runtime.log import peak_memory_mib
tokens = np.load(sys.argv[1], mmap_mode="r")
dim = tokens.shape[2]
queries = np.asarray(tokens[:: len(tokens) // int(sys.argv[2])][: int(sys.argv[2]), 0], np.float32)
w_in = np.eye(dim, dtype=np.float32)
started = time.perf_counter()
scores, indices = top_k(queries, tokens, w_in, 10)
listed = time.perf_counter()
assert (indices[:, 0] == np.arange(len(queries)) * (len(tokens) // len(queries))).all()
peak = peak_memory_mib()
everything = attention_scores(queries, tokens, w_in)
print(json.dumps({"top_10_seconds": listed - started, "top_10_peak_mib": peak,
                  "all_scores_seconds": time.perf_counter() - listed,
                  "all_scores_peak_mib": peak_memory_mib()}))
"""


def main(quick: bool = False) -> list[Measurement]:
    """Left out by `quick`."""
    name = f"{QUERIES:,} queries x {SHAPES:,} shapes x {VIEWS} tokens"
    if quick:
        return [Measurement(name, skipped="left out by --quick")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.npy"
        write_tokens(path)
        answer = subprocess.run([sys.executable, "-c", PROGRAM, str(path), str(QUERIES)],
                                check=True, stdout=subprocess.PIPE, text=True).stdout
    facts = json.loads(answer)
    facts["most_mib"] = MOST_MIB
    facts["within"] = max(facts["top_10_peak_mib"], facts["all_scores_peak_mib"]) < MOST_MIB
    return [Measurement(name, facts["top_10_seconds"], facts=facts)]


def write_tokens(path: Path) -> None:
    """Random unit tokens, a block at a time."""
    rng = np.random.default_rng(0)
    tokens = np.lib.format.open_memmap(path, "w+", np.float16, (SHAPES, VIEWS, DIM))
    for start in range(0, SHAPES, 5000):
        block = tokens[start : start + 5000]
        block[:] = unit(rng, *block.shape)
    tokens.flush()
