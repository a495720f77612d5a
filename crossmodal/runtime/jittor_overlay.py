"""The installed Jittor with a few files changed, made of links and patched copies in the cache.

Jittor 1.3.11 was written for NumPy 1, Python below 3.13 and g++ below 15, and for a path that a
shell takes as it is. With a newer one, or where it is installed in ``my projects``, Python gets to
import an overlay instead: a folder with the packages ``jittor`` and ``jittor_utils`` whose files
are links to the installed ones, except those of :mod:`crossmodal.runtime.jittor_patches`. The
folder comes first on ``sys.path``, which the processes that build Jittor or load data inherit.
Nothing is written where Jittor is installed, and where nothing is in its way it is taken as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from importlib import machinery, metadata, util
from pathlib import Path
from types import ModuleType

from crossmodal.runtime import jittor_patches
from crossmodal.runtime.digest import text_digest
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.home import own_folder
from crossmodal.runtime.jittor_patches import NEW_NUMPY, Patch
from crossmodal.runtime.locks import locked
from crossmodal.runtime.plain_path import unfit_character

_PACKAGES = ("jittor", "jittor_utils")
_NUMPY_BELOW_2 = re.compile(r"numpy\b[^;]*<\s*=?\s*[12]\b")
_ORIGIN = ".made-from"  # written last, with the folder of the installed Jittor


def install(home: Path) -> Path | None:
    """Let `import jittor` find a Jittor that runs here; its overlay, None where none is needed.

    Safe to call at every start and from many processes at once.

    Raises
    ------
    SetupError : Jittor is not installed, or is one that is not known to run here.
    """
    installed = installed_folder()
    texts = _patched_texts(installed, jittor_patches.needed())
    sys.path[:] = [entry for entry in sys.path if not is_overlay(Path(entry))]
    if not texts and not unfit_character(installed):
        return None
    place = _ensure_made(own_folder(home), installed, texts)
    sys.path.insert(0, str(place))
    return place


def installed_folder() -> Path:
    """The folder that holds the installed packages ``jittor`` and ``jittor_utils``."""
    places = [entry for entry in sys.path if not is_overlay(Path(entry))]
    spec = machinery.PathFinder.find_spec("jittor", places) or util.find_spec("jittor")
    if spec is None or spec.origin is None:
        raise SetupError(
            "Jittor is not installed: run `make venv`, or `pip install -r requirements.txt` and "
            "then `pip install --no-deps -r requirements-jittor.txt`."
        )
    return Path(spec.origin).parent.parent


def refuse_unpatched(jittor: ModuleType) -> None:
    """Raise SetupError for a Jittor that was imported as installed and reads arrays wrongly."""
    folder = Path(str(jittor.__file__)).parent.parent
    for_numpy = [patch for patch in jittor_patches.needed() if patch.needed_by == NEW_NUMPY]
    if not is_overlay(folder) and _patched_texts(folder, for_numpy):
        raise SetupError(
            "`import jittor` came before this project's, and as it is installed Jittor reads the "
            "arrays of NumPy 2 wrongly: put `from crossmodal.runtime import jt` first."
        )


def _patched_texts(installed: Path, wanted: list[Patch]) -> dict[str, str]:
    """The changed files of an installed Jittor: text by name; those that stay are left out."""
    by_file: dict[str, list[Patch]] = {}
    for patch in wanted:
        by_file.setdefault(patch.file, []).append(patch)
    changed = {}
    allowed = bool(by_file) and _numpy_is_allowed(installed)
    for name, patches in by_file.items():
        before = (installed / name).read_text(encoding="utf8")
        after = jittor_patches.patched(before, patches, allowed)
        if after != before:
            changed[name] = after
    return changed


def _numpy_is_allowed(installed: Path) -> bool:
    """Whether Jittor's own requirements, where there are any, admit NumPy 2."""
    found = list(metadata.distributions(name="jittor", path=[str(installed)]))
    requirements = [text for distribution in found for text in distribution.requires or ()]
    return bool(found) and not any(_NUMPY_BELOW_2.match(text) for text in requirements)


def is_overlay(folder: Path) -> bool:
    """Whether a folder of packages is one that was made here."""
    return (folder / _ORIGIN).is_file()


def _ensure_made(parent: Path, installed: Path, texts: dict[str, str]) -> Path:
    """The overlay's folder, filled if it is not there."""
    files = _installed_files(installed)
    digest = text_digest(repr((str(installed), files, sorted(texts.items()))))
    place = parent / f"jittor-{digest[:12]}"
    if not is_overlay(place):
        parent.mkdir(parents=True, exist_ok=True)
        with locked(parent / "jittor.lock"):
            if not is_overlay(place):
                _remove_orphans(parent)
                _make(place, installed, files, texts)
    return place


def _installed_files(installed: Path) -> list[str]:
    """The files of both packages, below the folder that holds them, without compiled Python."""
    found = []
    for package in _PACKAGES:
        for parent, folders, names in os.walk(installed / package):
            folders[:] = [name for name in folders if name != "__pycache__"]
            below = Path(parent).relative_to(installed)
            found += [(below / name).as_posix() for name in names]
    return sorted(found)


def _make(place: Path, installed: Path, files: list[str], texts: dict[str, str]) -> None:
    """Fill a folder beside the place, then move it there."""
    fresh = Path(tempfile.mkdtemp(prefix=".jittor-", dir=place.parent))
    try:
        for name in files:
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name in texts:
                target.write_text(texts[name], encoding="utf8")
            else:
                target.symlink_to(installed / name)
                _link_compiled(target, installed / name)
        (fresh / _ORIGIN).write_text(str(installed))
        shutil.rmtree(place, ignore_errors=True)  # left over from a killed process
        fresh.chmod(0o755)
        fresh.rename(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _link_compiled(link: Path, module: Path) -> None:
    """Link what Python compiled of a module when it was installed, which saves doing it again."""
    if module.suffix == ".py":
        for compiled in module.parent.glob(f"__pycache__/{module.stem}.*.pyc"):
            target = link.parent / "__pycache__" / compiled.name
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(compiled)


def _remove_orphans(parent: Path) -> None:
    """Remove the overlays of Jittors that are gone, with their virtual environments."""
    for folder in parent.glob("jittor-*"):
        if is_overlay(folder) and not Path((folder / _ORIGIN).read_text()).is_dir():
            shutil.rmtree(folder, ignore_errors=True)
