"""A bench for the two category-level scripts: the tiny data set, and runs on it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from category_data import SETTINGS, write_kinds
from training_runs import assert_same_checkpoint, assert_same_progress

TRAIN, TEST = "train_image_sag_CO2_con.py", "test.py"


class Bench:
    """The tiny data set, and runs of the two scripts on it."""

    def __init__(self, root: Path, repo_root: Path) -> None:
        self.root, self.inside = root, repo_root / "Category-level"
        write_kinds(root)
        (root / "kinds.yaml").write_text(SETTINGS)
        self.train_script = load_script(self.inside / TRAIN)
        self.test_script = load_script(self.inside / TEST)

    def folder(self, name: str) -> Path:
        return self.root / "runs" / name

    def options(self, name: str, *more: str) -> list[str]:
        return ["--config", str(self.root / "kinds.yaml"), "--output_dir", name,
                "--set", f"data.root={self.root}", "--set", f"log.save_root={self.root / 'runs'}",
                *more]

    def command(self, script: str, name: str, more: tuple[str, ...]) -> list[str]:
        return [sys.executable, script, *self.options(name, *more)]

    def run(self, script: str, name: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run to the end, from inside the scripts' folder."""
        return subprocess.run(self.command(script, name, more), cwd=self.inside, text=True,
                              timeout=900, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def train(self, name: str, *more: str) -> str:
        """Train; the output. Fails where the script fails."""
        done = self.run(TRAIN, name, *more)
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def start(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(TRAIN, name, more), cwd=self.inside,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def log(self, name: str, kind: str = "train") -> list[dict[str, Any]]:
        """Whole lines of a run's log so far."""
        path = self.folder(name) / "log.jsonl"
        whole = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
        return [line for line in map(json.loads, whole) if line["kind"] == kind]

    def refused(self, script: ModuleType, name: str, *more: str) -> str:
        """What the script complains of in one line, instead of running."""
        with pytest.raises(script.ERRORS) as error:
            script.main(self.options(name, *more))
        assert "\n" not in str(error.value)
        return str(error.value)


def load_script(path: Path) -> ModuleType:
    name = f"category_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where its dataclasses look for it
    specification.loader.exec_module(module)
    return module


def assert_same_arrays(bench: Bench, one: str, two: str) -> None:
    """Weights, centroids and moments of two runs agree to the last bit, and so do all losses."""
    assert bench.log(one) == bench.log(two)
    assert_same_checkpoint(bench.folder(one), bench.folder(two))


def assert_same_run(bench: Bench, one: str, two: str) -> None:
    """Validations and counters agree too."""
    assert_same_arrays(bench, one, two)
    assert bench.log(one, "validation") == bench.log(two, "validation")
    assert_same_progress(bench.folder(one), bench.folder(two))
