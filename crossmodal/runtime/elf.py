"""Whether a compiled file is whole: a build that was killed or ran out of disk leaves stumps."""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # the 64-bit ELF header, little endian


def is_intact(path: Path) -> bool:
    """True for an ELF file (object or shared library) that is as long as its header promises.

    The section table is the last thing a linker writes, so a file cut anywhere is recognised.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
    except OSError:
        return False
    if len(head) < _HEADER.size or head[:4] != b"\x7fELF":
        return False
    if head[4] != 2 or head[5] != 1:  # 32-bit or big-endian: a kind we do not judge
        return True
    fields = _HEADER.unpack(head)
    section_offset, section_size, section_count = fields[6], fields[11], fields[12]
    return section_offset > 0 and section_offset + section_size * section_count <= size
