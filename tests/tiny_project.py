"""A generated data set, a config and a trained network, all tiny, and a way to run the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from boxes_data import SETTINGS


class Project:
    """A generated data set, a config, and a way to run the commands on them."""

    def __init__(self, folder: Path, repo_root: Path) -> None:
        self.folder, self.repo_root = folder, repo_root
        self.config = folder / "tiny.yaml"
        self.config.write_text(SETTINGS.replace("name: boxes", f"name: tiny\n  root: {folder}")
                               .replace("views: 4", "views: 12")
                               .replace("log:", f"log:\n  save_root: {folder / 'runs'}"))

    def run(self, *command: str, inside: str = ".") -> subprocess.CompletedProcess[str]:
        """Run a Python command inside a folder of the checkout; its output as text."""
        return subprocess.run([sys.executable, *command], cwd=self.repo_root / inside,
                              env=dict(os.environ), capture_output=True, text=True, timeout=900)

    def script(self, name: str, *options: str) -> str:
        """Run a script of Instance-level; raises AssertionError with its output if it fails."""
        done = self.run(name, "--config", str(self.config), *options, inside="Instance-level")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def metrics(self, name: str) -> dict:
        return json.loads((self.folder / "runs" / "tiny" / name / "metrics.json").read_text())


def make_project(folder: Path, repo_root: Path) -> Project:
    """Generate 12 shapes with 4 photos each and train on them for two epochs."""
    found = Project(folder, repo_root)
    done = found.run("-m", "crossmodal.prepare.generate", "--root", str(folder), "--name", "tiny",
                     "--instances", "3", "--photos", "4", "--library", "2", "--size", "64")
    assert done.returncode == 0, done.stderr
    found.script("RetrievalNet_sag_con.py")
    return found
