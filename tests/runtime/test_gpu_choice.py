"""--gpu_id decides what Jittor sees: the script starts anew before it matters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
from crossmodal.runtime.gpu_choice import start_with_gpu
print("began", flush=True)
start_with_gpu(sys.argv[1])
print("sees", os.environ["CUDA_VISIBLE_DEVICES"], sys.argv[2])
"""


def run(folder: Path, **variables: str) -> list[str]:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    clean = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    done = subprocess.run([sys.executable, str(script), "3", "two words"], text=True, check=True,
                          stdout=subprocess.PIPE, env={**clean, **variables})
    return done.stdout.splitlines()


def test_it_starts_anew_with_the_same_arguments(tmp_path: Path) -> None:
    assert run(tmp_path) == ["began", "began", "sees 3 two words"]
    assert run(tmp_path, CUDA_VISIBLE_DEVICES="1") == ["began", "began", "sees 3 two words"]


def test_it_goes_on_where_that_is_so_already(tmp_path: Path) -> None:
    assert run(tmp_path, CUDA_VISIBLE_DEVICES="3") == ["began", "sees 3 two words"]
