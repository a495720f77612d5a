"""A process that builds batches: started by the loader as ``python -m crossmodal.data.worker``.

A program of its own rather than a fork or a spawn of the trainer: a fork would inherit the
trainer's threads and locks, a spawn would run the training script's imports, Jittor's among them.
"""

from __future__ import annotations

import sys
import traceback
from multiprocessing.connection import Connection

from crossmodal.data import in_hand
from crossmodal.data.errors import DataError
from crossmodal.data.shared_slots import map_slots
from crossmodal.runtime.limits import max_memory
from crossmodal.runtime.worker_pool import limit_memory


def serve(connection: Connection, memory: int) -> None:
    """Receives (source, slots, deadly files), then (epoch, step, slot) until nobody is there.

    Answers each with (slot, unreadable files, and what went wrong: DataError, traceback or None).
    """
    source, slots, deadly = connection.recv()
    places, note = map_slots(memory, source.layout(), slots)
    in_hand.note_in(note, deadly)
    limit_memory(max_memory())  # a picture that takes more is a broken picture: MemoryError
    while True:
        try:
            epoch, step, slot = connection.recv()
        except (EOFError, ConnectionError):
            return
        answer: tuple[int, dict[str, str], str | DataError | None]
        try:
            answer = (slot, source.build(epoch, step, places[slot]), None)
        except DataError as error:
            answer = (slot, {}, error)
        except Exception:  # noqa: BLE001 - reported to the trainer, which raises it
            answer = (slot, {}, traceback.format_exc())
        try:
            connection.send(answer)
        except (BrokenPipeError, ConnectionError):
            return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
