"""HEIC and AVIF, the formats of today's phones, where a package that decodes them is installed."""

from __future__ import annotations

from importlib import util

from PIL import features

PACKAGE = "pillow_heif"
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF = (b"avif", b"avis")


def prepare(head: bytes) -> str | None:
    """Let Pillow read a picture that is HEIC or AVIF; what to install where it cannot, else None.

    head : the first bytes of the file, 12 or more
    """
    brand = head[8:12]
    if head[4:8] != b"ftyp" or brand not in (*_HEIC, *_AVIF):
        return None
    if brand in _AVIF and features.check("avif"):
        return None
    if util.find_spec(PACKAGE) is None:
        kind = "AVIF" if brand in _AVIF else "HEIC"
        return f"a picture in {kind}: `pip install pillow-heif`, or save it as .jpg"
    import pillow_heif

    pillow_heif.register_heif_opener()
    if brand in _AVIF and hasattr(pillow_heif, "register_avif_opener"):
        pillow_heif.register_avif_opener()
    return None
