"""Fill-up shapes as the released code takes them: from passes through the whole rendering set.

The passes go on over steps and epochs, so what a step gets depends on all steps before it; they are
counted through, without reading a file, whenever a step is not the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Callable

import numpy as np

Order = Callable[[int], np.ndarray]  # number of a pass -> the gallery in its order


class GalleryStream:
    """One pass after the other, in batches; an incomplete last batch of a pass is left out.

    order : of each pass, ``range(count)`` shuffled
    batch : shapes fetched at a time, and slots of a step
    Raises ValueError where the gallery has fewer shapes than a batch: no pass would give any.
    """

    def __init__(self, count: int, batch: int, order: Order) -> None:
        if count < batch:
            raise ValueError(f"data.fill_up=gallery takes {batch} shapes at a time, and there are "
                             f"{count}: lower data.batch_size")
        self.count, self.batch, self.order = count, batch, order
        self.passes_begun = 0
        self._left: list[list[int]] = []  # batches of the pass in hand, the next one last

    def fetch(self, own: Sequence[int]) -> list[int]:
        """The shapes that a step is offered which shows the shapes `own` (repeats allowed).

        While a slot is free the next batch is fetched; what it has too many is thrown away.
        """
        slots, offered = set(own), []
        while len(slots) < self.batch:
            for shape in self._next():
                offered.append(shape)
                if len(slots) < self.batch:
                    slots.add(shape)
        return offered

    def _next(self) -> list[int]:
        if not self._left:
            order = self.order(self.passes_begun).tolist()
            self.passes_begun += 1
            starts = range(0, self.count - self.batch + 1, self.batch)
            self._left = [order[start:start + self.batch] for start in reversed(starts)]
        return self._left.pop()


class StepStream:
    """What a `GalleryStream` offers at any step of any epoch.

    make : a stream at its beginning
    own_shapes : epoch -> (steps, B) shapes that the pictures of its steps show
    """

    def __init__(self, make: Callable[[], GalleryStream],
                 own_shapes: Callable[[int], np.ndarray]) -> None:
        self._make, self._own_shapes = make, own_shapes
        self._steps = self._offers()
        self._at = (-1, -1)
        self._offered: list[int] = []

    def __getstate__(self) -> dict[str, object]:
        return {"_make": self._make, "_own_shapes": self._own_shapes}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(state["_make"], state["_own_shapes"])  # type: ignore[misc]

    def offered(self, epoch: int, step: int) -> list[int]:
        """Shapes to fill a step up with, in the order in which they are to be taken."""
        if (epoch, step) < self._at:
            self._steps = self._offers()
            self._at = (-1, -1)
        while self._at != (epoch, step):
            self._at, self._offered = next(self._steps)
        return self._offered

    def _offers(self) -> Iterator[tuple[tuple[int, int], list[int]]]:
        stream, epoch = self._make(), 0
        while True:
            for step, own in enumerate(self._own_shapes(epoch).tolist()):
                yield (epoch, step), stream.fetch(own)
            epoch += 1
