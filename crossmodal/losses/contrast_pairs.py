"""Who is contrasted with whom at category level, and the released code's way out when nobody is."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crossmodal.runtime import jt


class Pairs(NamedTuple):
    """What decides the pairs of a batch: a picture and an item of one label, if it is believed.

    first_label : (N,) int32 of the pictures
    second_label : (M,) int32 of the items
    second_usable : (M,) bool, which items' labels to believe
    """

    first_label: jt.Var
    second_label: jt.Var
    second_usable: jt.Var

    @classmethod
    def none(cls, first: int, second: int) -> Pairs:
        """Of so many pictures and items, no two are a pair."""
        arrays = np.zeros(first, np.int32), np.zeros(second, np.int32), np.zeros(second, bool)
        return cls(*(jt.array(array).stop_grad() for array in arrays))

    def exist(self) -> jt.Var:
        """scalar bool: is there a picture and a believed item of one label?"""
        same = self.first_label.unsqueeze(1) == self.second_label.unsqueeze(0)
        return (same & self.second_usable.unsqueeze(0)).sum() > 0


def pairs_or_previous(now: Pairs, before: Pairs) -> Pairs:
    """``now``; where it has no pair ``before``, and where that has none either ``now``.

    The released code leaves its list of pairs as it was when a batch has none, and so pulls rows
    together that have no label in common. The places are the earlier ones, the features today's.
    Detached; nothing is read from the device.
    """
    old = (before.exist().int32() * (1 - now.exist().int32())) > 0
    return Pairs(*(jt.ternary(old.broadcast(kept.shape), kept, new.cast(str(kept.dtype))).detach()
                   for new, kept in zip(now, before)))
