"""Paths that Jittor's command lines can name: it compiles through a shell, and does not quote all.

A home with a space in its path is refused. A Jittor that is installed under such a path, as in
``my projects/.venv``, is imported through links (:mod:`crossmodal.runtime.jittor_overlay`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.home import HOME_VARIABLE, cache_root

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
