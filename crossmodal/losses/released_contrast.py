"""L_clc as the released category-level code has it: pairs that repeat, and pairs of earlier steps.

All pairs (picture, item) of one label are listed, and the rows of the list are contrasted, copies
and all. A batch without a pair is contrasted as the last one that had some.
"""
from __future__ import annotations

from typing import NamedTuple

from crossmodal.models.layers import l2_normalise
from crossmodal.runtime import jt


class PairedRows(NamedTuple):
    """What a step contrasts, and what is kept of it for a step without a pair.

    hidden : (B, H) float32, what the bottleneck made ``first`` of
    first, second : (B, D) float32, pictures and items of any length
    first_label, second_label : (B,) int32
    second_usable : (B,) bool, which items' labels to believe
    """

    hidden: jt.Var
    first: jt.Var
    second: jt.Var
    first_label: jt.Var
    second_label: jt.Var
    second_usable: jt.Var

    @classmethod
    def none(cls, count: int, hidden: int, dim: int) -> PairedRows:
        """So many zero rows, no two of which are a pair."""
        rows = [jt.zeros((count, width), "float32") for width in (hidden, dim, dim)]
        labels = [jt.zeros((count,), kind) for kind in ("int32", "int32", "bool")]
        return cls(*(array.stop_grad() for array in (*rows, *labels)))

    def pairs(self) -> jt.Var:
        """(B, B) float32: 1 where picture i and item j are a pair."""
        same = self.first_label.unsqueeze(1) == self.second_label.unsqueeze(0)
        return (same & self.second_usable.unsqueeze(0)).float32()


class _AsBefore(jt.Function):
    """The earlier value; its gradient is that of today's."""

    def execute(self, earlier: jt.Var, today: jt.Var) -> jt.Var:
        return earlier

    def grad(self, gradient: jt.Var) -> tuple[None, jt.Var]:
        return None, gradient


def with_previous(now: PairedRows, before: PairedRows, learnt: jt.Var) -> PairedRows:
    """``now``; where it has no pair ``before``, and where that has none either ``now``.

    The earlier rows keep their earlier values, and their gradient goes where it would have gone
    then: into the bottleneck, by what it was given then. Nothing is read from the device.

    learnt : (B, D), what today's bottleneck makes of ``before.hidden``
    """
    old = (before.pairs().max() * (1.0 - now.pairs().max())) > 0
    then = before._replace(first=_AsBefore()(before.first, learnt))
    return PairedRows(*(jt.ternary(old.broadcast(kept.shape), kept, new.cast(str(kept.dtype)))
                        for new, kept in zip(now, then)))


def released_pair_contrast_loss(rows: PairedRows, temperature: float = 0.5) -> jt.Var:
    """NT-Xent over the list of pairs, released code: the M pictures of the list, then its M items.

    Row r's only positive is its partner, ``mean_r -log( exp(c[r,partner]/t) / sum_{k != r}
    exp(c[r,k]/t) )`` with cosines c. A picture of three items is in the list three times: its own
    copies, and items of its class, are negatives. Zero with one pair, and without any.

    It is summed here by how often each picture and item is in the list, which is the same and needs
    no list.

    Returns
    -------
    scalar
    """
    first, second = l2_normalise(rows.first), l2_normalise(rows.second)
    pair, both = rows.pairs(), jt.concat([first, second], dim=0)
    copies = jt.concat([pair.sum(1), pair.sum(0)], dim=0)  # of each row in the list
    cosine = jt.matmul(both, both.transpose(1, 0)) / temperature
    others = copies.unsqueeze(0) - jt.init.eye((both.shape[0], both.shape[0]), "float32")
    listed = (copies > 0).float32()
    total = (jt.exp(cosine) * others * listed.unsqueeze(0)).sum(1)
    total = total * listed + (1.0 - listed)  # rows that are not in the list count for nothing
    count = first.shape[0]
    drawn = (pair * cosine[:count, count:]).sum()
    return ((copies * jt.log(total)).sum() - 2.0 * drawn) / jt.maximum(copies.sum(), 1.0)
