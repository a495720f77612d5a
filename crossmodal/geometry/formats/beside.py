"""Files that a model names and that lie in its folder, and nowhere else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from crossmodal.runtime.inside import LONGEST, OutsideError, inside
from crossmodal.runtime.safe_files import is_file

__all__ = ["Folder", "NotBeside", "is_file"]

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")  # of http: and file:, and the drive letter of C:


class NotBeside(ValueError):
    """A name that leads, or may lead, out of the model's folder."""


class Folder:
    """A model's folder, in which the other files that belong to it are looked up by their names.

    Raises NotBeside of a name that is absolute, has a part ``..`` or a scheme such as http:, or is
    a link that leads out of the folder. Whether the file is there is not asked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def by_uri(self, uri: str) -> Path:
        """The file that a relative URI means; where it is absent, the path at which it is missed.

        Some programs write names as they are, without %20 for a space, or with backslashes: where
        the decoded name is not there, a file of the name as it is written is taken.
        """
        if SCHEME.match(uri) or len(uri) > 3 * LONGEST:
            raise NotBeside("is not in the model's folder; put it there")
        try:
            name = os.fsdecode(unquote_to_bytes(uri.encode("utf-8", "surrogateescape")))
        except UnicodeError as error:
            raise NotBeside("is not a file name") from error
        decoded = self.by_name(name)
        if name == uri or is_file(decoded):
            return decoded
        written = self.by_name(uri)
        return written if is_file(written) else decoded

    def by_name(self, name: str) -> Path:
        """As `by_uri`, of a plain name with / or backslashes between its parts."""
        try:
            path = inside(self.path, "" if SCHEME.match(name) else name, links=True)
        except OutsideError as error:
            raise NotBeside("is not in the model's folder; put it there") from error
        if "\\" in name and not is_file(path):
            name = name.replace("\\", "/")
        try:
            return inside(self.path, name)
        except OutsideError as error:
            raise NotBeside("leads out of the model's folder; copy the file there") from error
