"""Views compressed with EXT_meshopt_compression, decoded by the package meshopt if it is there."""

from __future__ import annotations

from crossmodal.geometry.formats.gltf_document import Entry, shown
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.limits import TooLarge, check_claim

SIZES = {  # bytes an element may have, by mode and filter
    ("ATTRIBUTES", "NONE"): range(4, 257, 4),
    ("ATTRIBUTES", "OCTAHEDRAL"): (4, 8),
    ("ATTRIBUTES", "QUATERNION"): (8,),
    ("ATTRIBUTES", "EXPONENTIAL"): range(4, 257, 4),
    ("ATTRIBUTES", "COLOR"): (4, 8),
    ("TRIANGLES", "NONE"): (2, 4),
    ("INDICES", "NONE"): (2, 4),
}
DENSEST = 1024  # bytes that one byte can stand for: two bits for 256 of them


def decode_view(packed: Entry, data: memoryview) -> memoryview:
    """The bytes that `data` stands for. Raises MeshError by the extension's name.

    packed : the extension's object, with count, byteStride, mode and filter
    """
    count, size = packed.whole("count"), packed.whole("byteStride")
    mode, filtered = packed.text("mode") or "", packed.text("filter") or "NONE"
    if size not in SIZES.get((mode, filtered), ()):
        raise packed.error(f"has {size} bytes an element in mode {shown(mode)} with filter "
                           f"{shown(filtered)}; export it without compression")
    if count * size > DENSEST * len(data) or mode == "TRIANGLES" and count % 3:
        raise packed.error(f"claims {count} elements of {size} bytes, packed in {len(data)}; "
                           "export it without compression")
    try:
        check_claim(f"{count} elements of {size} bytes, packed in {len(data)}", count * size,
                    len(data))
    except TooLarge as error:
        raise packed.error(f"is a bomb: {error}") from error
    try:
        import meshopt  # optional, see requirements-formats.txt
    except ImportError as error:
        raise packed.error("cannot be decoded here: `pip install meshopt` (Python 3.11 or later), "
                           "or export it without compression") from error
    try:
        rows = meshopt.decode_gltf_buffer(bytes(data), count, size, mode, filtered)
    except Exception as error:  # noqa: BLE001 - what a broken stream raises is the package's affair
        raise packed.error(f"is broken ({one_line(error)}); export it without "
                           "compression") from error
    return memoryview(rows.tobytes())
