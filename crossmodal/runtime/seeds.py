"""Makes Jittor run here; use it as ``from crossmodal.runtime import jt``.

    rng = generator(seed, "augment", epoch, index)

Two different lists of keys give independent streams; the same list gives the same numbers in every
process, on every platform, with any number of data workers. Nothing here imports Jittor.
"""

from __future__ import annotations

import hashlib
import operator
import random
import sys
from typing import Any, SupportsIndex, Union

import numpy as np

Key = Union[int, str, SupportsIndex]

_GLOBAL_SEED: int | None = None


def generator(seed: int, *keys: Key) -> np.random.Generator:
    """Random generator of the stream named (seed, *keys).

    Parameters
    ----------
    seed : any integer, also negative or larger than 64 bits.
    keys : integers (NumPy's too) and strings; 1 and "1" are different keys.

    Raises
    ------
    TypeError : a key is neither an integer nor a string (a float is never rounded silently).
    """
    return np.random.Generator(np.random.Philox(key=_digest(seed, *keys, size=16)))


def derive(seed: int, *keys: Key) -> int:
    """A 31-bit seed for libraries that want a number, drawn from the stream (seed, *keys)."""
    return _digest(seed, *keys, size=4) & 0x7FFFFFFF


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's global state and Jittor (now, or as soon as it is imported).

    Our own draws come from :func:`generator`; this is for initialisers and foreign libraries.
    """
    global _GLOBAL_SEED
    _GLOBAL_SEED = operator.index(seed)
    random.seed(derive(seed, "python"))
    np.random.seed(derive(seed, "numpy"))
    if "jittor" in sys.modules:
        seed_jittor(sys.modules["jittor"])


def seed_jittor(jt: Any) -> None:
    """Give an imported Jittor the seed of the last :func:`seed_everything`, if there was one."""
    if _GLOBAL_SEED is not None:
        jt.core.set_seed(derive(_GLOBAL_SEED, "jittor"))


def _digest(*parts: Key, size: int) -> int:
    """Hash integers and strings, typed and length-prefixed, so that no two lists collide."""
    digest = hashlib.blake2b(digest_size=size)
    for part in parts:
        kind, text = ("s", part) if isinstance(part, str) else ("i", str(_as_int(part)))
        data = text.encode("utf-8")
        digest.update(f"{kind}{len(data)}:".encode() + data)
    return int.from_bytes(digest.digest(), "little")


def _as_int(part: Any) -> int:
    """An integer key as a Python int."""
    try:
        return operator.index(part)
    except TypeError:
        raise TypeError(
            f"a random stream is named by integers and strings, got {part!r} "
            f"({type(part).__name__}): convert it with int() or str()"
        ) from None
