"""How fast a run trains and what memory it needs: ``speed.json`` beside its log."""
from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from crossmodal.runtime import jt, ranks
from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.log import peak_memory_mib

FILE = "speed.json"


class Speed:
    """Watches the steps of one process."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._gpu_bytes = 0

    def add(self, seconds: float) -> None:
        """A step that took so long, its batch included."""
        self._seconds.append(seconds)
        if jt.flags.use_cuda:
            self._gpu_bytes = max(self._gpu_bytes, jt.core.get_mem_info().total_cuda_used)

    def summary(self, images: int) -> dict[str, object]:
        """Of the steps after the first, which compiles: median seconds, pictures and views a
        second; peak memory of this process and of its GPU, MiB.

        images : pictures and views in a step of all processes
        """
        steady = self._seconds[1:]
        step = median(steady) if steady else None
        return {"device": "cuda" if jt.flags.use_cuda else "cpu", "processes": ranks.size(),
                "steps": len(self._seconds), "images_per_step": images,
                "step_seconds": step,
                "images_per_second": images / step if step else None,
                "peak_memory_mib": peak_memory_mib(),
                "gpu_memory_mib": self._gpu_bytes / 2**20 if self._gpu_bytes else None}

    def write(self, folder: Path, images: int) -> str:
        """Store the summary; what it says, for a log line."""
        found = self.summary(images)
        with atomic_write(folder / FILE) as file:
            file.write((json.dumps(found, indent=1) + "\n").encode())
        rate, gpu = found["images_per_second"], found["gpu_memory_mib"]
        said = [f"{rate:.1f} images/s"] if rate is not None else []
        said.append(f"peak memory {found['peak_memory_mib']:.0f} MiB")
        return ", ".join(said + ([f"on the GPU {gpu:.0f} MiB"] if gpu is not None else []))
