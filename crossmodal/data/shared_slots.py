"""Memory that two processes see: slots, each with room for the arrays of a batch, and a note."""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np

from crossmodal.data import in_hand
from crossmodal.data.batches import Layout

ALIGNMENT = 64


def slot_size(layout: Layout) -> int:
    """Bytes of one slot."""
    return sum(_room(shape, kind) for shape, kind in layout.values())


def _room(shape: tuple[int, ...], kind: str) -> int:
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
    return -(-size // ALIGNMENT) * ALIGNMENT


def create_memory(layout: Layout, slots: int) -> int:
    """A descriptor of memory without a name: nothing is left behind, whoever is killed."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("crossmodal-batches")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, slot_size(layout) * slots + in_hand.SIZE)
    return descriptor


def map_slots(
    descriptor: int, layout: Layout, slots: int
) -> tuple[list[dict[str, np.ndarray]], memoryview]:
    """The arrays of each slot and the note behind them, living in the descriptor's memory."""
    size = slot_size(layout)
    memory = mmap.mmap(descriptor, size * slots + in_hand.SIZE)
    found = []
    for slot in range(slots):
        start = slot * size
        arrays = {}
        for name, (shape, kind) in layout.items():
            count = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(memory, kind, count, start).reshape(shape)
            start += _room(shape, kind)
        found.append(arrays)
    return found, memoryview(memory)[size * slots:]
