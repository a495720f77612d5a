"""manifest.json: with which settings a folder was made, and how each item of it fared.

Its bytes depend on the items and the settings only, not on the order or the time of the work. One
that somebody gave away is checked as a whole before it is believed: files that it names are
removed.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.prepare.output import own_places, write_json
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.inside import OutsideError, inside
from crossmodal.runtime.safe_files import is_file, read_json

MANIFEST = "manifest.json"
PACKAGES = ("numpy", "scipy", "trimesh", "embreex", "pillow")
SHOWN = 3  # differences of settings that are told
_WORD = re.compile(r"[\w.-]{1,60}")


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
            _remove_files(folder, stored["items"])
            return fresh
        differences = list(islice(_differences(stored, program, settings), SHOWN))
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
            and all(is_file(self.folder / name) for name in record["files"])
        )

    def forget(self, keys: Iterable[str]) -> None:
        """Remove items and their files; `save` is still to be called.

        Raises DataError, with nothing removed, where a file of them does not lie in the folder.
        """
        gone = {key: self.items[key] for key in keys}
        for path in _files(self.folder, gone):
            path.unlink(missing_ok=True)
        for key in gone:
            del self.items[key]

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
        try:
            write_json(path, content)
        except RecursionError as error:
            raise DataError(f"{path}: nested too deeply; {_remedy(path)}") from error
        return path


def _read(path: Path) -> dict[str, Any]:
    """What is in a manifest, all of it of the right kind."""
    try:
        stored = read_json(path)
        if not isinstance(stored, dict) or not isinstance(stored.get("items"), dict):
            raise ValueError("not a manifest of a prepare program")
        for name in ("settings", "about"):
            if not isinstance(stored.get(name, {}), dict):
                raise ValueError(f"{name} is {brief(stored[name])}")
        known: set[str] = set()
        for key, record in stored["items"].items():
            _check(path.parent, key, record, known)
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else one_line(error, 400)
        raise DataError(f"{path}: {reason}; {_remedy(path)}") from error
    return stored


def _remedy(path: Path) -> str:
    return f"delete {path} and run the program again"


def _check(folder: Path, key: str, record: Any, known: set[str]) -> None:
    """Raises ValueError for a record that no program has written.

    known : files of the records before, to which this one's are added
    """
    is_table = isinstance(record, dict)
    files = record.get("files") if is_table else None
    if not isinstance(files, list) or not isinstance(record.get("source"), str):
        raise ValueError(f"item {brief(key)} is not what was written: {brief(record)}")
    for name in files:
        try:
            inside(folder, name, links=True)
        except OutsideError as error:
            raise ValueError(f"item {brief(key)}: {error}") from error
        if name in known:
            raise ValueError(f"item {brief(key)}: the file {brief(name)} is there twice")
        known.add(name)
    done, failed = record.get("status") == "done", record.get("status") == "failed"
    if not done and not (failed and isinstance(record.get("error"), str) and not files):
        raise ValueError(f"item {brief(key)}: it is neither done nor failed")


def _differences(
    stored: dict[str, Any], program: str, settings: dict[str, Any]
) -> Iterator[str]:
    if stored.get("program") != program:
        yield f"program {_shown(stored.get('program'))}, now {program}"
    old = stored.get("settings", {})
    for name in sorted(set(old) | set(settings)):
        if old.get(name) != settings.get(name):
            yield f"{_shown(name)} {_shown(old.get(name))}, now {_shown(settings.get(name))}"


def _shown(value: Any) -> str:
    is_word = isinstance(value, str) and _WORD.fullmatch(value)
    return str(value) if is_word else brief(value)


def _files(folder: Path, items: dict[str, dict[str, Any]]) -> list[Path]:
    """Every file of these items; raises DataError where one does not lie in the folder."""
    try:
        names = [name for record in items.values() for name in record["files"]]
        return own_places(folder, names)
    except OutsideError as error:
        raise DataError(f"{folder / MANIFEST}: {error}; {_remedy(folder / MANIFEST)}") from error


def _remove_files(folder: Path, items: dict[str, dict[str, Any]]) -> None:
    paths = _files(folder, items)
    (folder / MANIFEST).unlink()
    for path in paths:
        path.unlink(missing_ok=True)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
