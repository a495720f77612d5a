"""manifest.json: with which settings a folder was made, and how each item of it fared.

Its bytes depend on the items and the settings only, not on the order or the time of the work.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.prepare.output import write_json

MANIFEST = "manifest.json"
PACKAGES = ("numpy", "scipy", "trimesh", "embreex", "pillow")


class SettingsChanged(ValueError):
    """The folder holds results made with other settings."""


@dataclass
class Manifest:
    """What a program has done in one folder; `items` maps a key to its record.

    A record has ``status`` ("done" or "failed"), ``source`` (sha256 of what it is made from),
    ``files`` (relative paths written) and, of a failed item, ``error``; programs may add fields of
    their own.
    `about` is what else a reader should know of the folder; it changes nothing and may be empty.
    """

    folder: Path
    program: str
    settings: dict[str, Any]
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(
        cls, folder: Path, program: str, settings: dict[str, Any], redo: bool = False
    ) -> Manifest:
        """The folder's manifest, or a new one. Raises SettingsChanged unless the settings agree.

        With `redo`, results of other settings are removed and everything starts anew.
        """
        settings = json.loads(json.dumps(settings))
        fresh = cls(folder, program, settings)
        path = folder / MANIFEST
        if not path.is_file():
            return fresh
        stored = _read(path)
        if redo:
            _remove_files(folder, stored.get("items", {}))
            return fresh
        differences = _differences(stored, program, settings)
        if differences:
            raise SettingsChanged(
                f"{path} was made with other settings: {'; '.join(differences)}. "
                "Use --redo to make everything again, or another output folder."
            )
        fresh.items = stored["items"]
        fresh.about = stored.get("about", {})
        return fresh

    def is_done(self, key: str, source: str) -> bool:
        """Was this item made from this very source, and are its files still there?"""
        record = self.items.get(key, {})
        return (
            record.get("status") == "done"
            and record.get("source") == source
            and all((self.folder / name).is_file() for name in record["files"])
        )

    def done(self, keys: Iterable[str]) -> list[str]:
        """Those of `keys` whose items are sound, in their order."""
        return [key for key in keys if self.items[key]["status"] == "done"]

    @property
    def failed(self) -> list[str]:
        """Keys of the failed items, sorted."""
        return sorted(key for key, record in self.items.items() if record["status"] == "failed")

    def save(self) -> Path:
        """Write manifest.json atomically and return its path."""
        content = {
            "program": self.program,
            "settings": self.settings,
            **({"about": self.about} if self.about else {}),
            "versions": _versions(),
            "failed": self.failed,
            "items": {key: self.items[key] for key in sorted(self.items)},
        }
        path = self.folder / MANIFEST
        write_json(path, content)
        return path


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not a readable manifest ({error}); remove the file") from error
    if not isinstance(stored, dict) or not isinstance(stored.get("items"), dict):
        raise DataError(f"{path}: not a manifest of a prepare program; remove the file")
    return stored


def _differences(stored: dict[str, Any], program: str, settings: dict[str, Any]) -> list[str]:
    found = []
    if stored.get("program") != program:
        found.append(f"program {stored.get('program')}, now {program}")
    old = stored.get("settings", {})
    for name in sorted(set(old) | set(settings)):
        if old.get(name) != settings.get(name):
            found.append(f"{name} {old.get(name)}, now {settings.get(name)}")
    return found


def _remove_files(folder: Path, items: dict[str, dict[str, Any]]) -> None:
    (folder / MANIFEST).unlink()
    for record in items.values():
        for name in record.get("files", []):
            (folder / name).unlink(missing_ok=True)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
