"""Paths that Jittor's command lines can name: it compiles through a shell, and does not quote all.

A home with a space in its path is refused. Where Jittor itself is installed under such a path, as
in ``my projects/.venv``, it is imported through links in its home.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

from crossmodal.runtime.digest import text_digest
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.home import HOME_VARIABLE, cache_root, own_folder

PACKAGES = ("jittor", "jittor_utils")
_UNFIT = re.compile(r"""[\s"'`$\\;&|<>()]""")


def unfit_character(path: Path) -> str | None:
    """The first character of a path that a shell does not take as it is; None: it takes all."""
    found = _UNFIT.search(str(path))
    return found.group() if found and os.name != "nt" else None


def check_home_path(home: Path) -> None:
    """Raise SetupError for a Jittor home at whose path a command line would break apart."""
    root = cache_root(home)
    character = unfit_character(root)
    if character:
        what = "a space" if character == " " else f"the character {character}"
        raise SetupError(
            f"Jittor compiles its operators into {root}: there is {what} in that path, at which "
            f"its command lines break apart. Set {HOME_VARIABLE} to a folder without, as in "
            f"`export {HOME_VARIABLE}=/var/tmp/jittor`."
        )


def import_by_links(home: Path) -> None:
    """Let Jittor be imported through links in the Jittor home, if its own path is unfit."""
    spec = importlib.util.find_spec(PACKAGES[-1])
    if spec is None or spec.origin is None:
        return
    installed = Path(spec.origin).parents[1]
    if unfit_character(installed):
        sys.path.insert(0, str(_link(installed, own_folder(home))))


def _link(installed: Path, folder: Path) -> Path:
    """A folder whose path stays the same, with links to the packages installed elsewhere."""
    place = folder / f"site-{text_digest(str(installed))[:8]}"
    place.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        fresh = place / f".{name}.{os.getpid()}"
        fresh.symlink_to(installed / name)
        fresh.replace(place / name)
    return place
