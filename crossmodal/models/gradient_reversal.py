"""Gradient reversal: forward nothing happens, backward the sign turns."""
from __future__ import annotations

from crossmodal.runtime import jt


class _Reversal(jt.Function):
    def __init__(self, coefficient: float) -> None:
        self.coefficient = coefficient

    def execute(self, x: jt.Var) -> jt.Var:
        return x

    def grad(self, gradient: jt.Var | None) -> jt.Var | None:
        return None if gradient is None else -self.coefficient * gradient


def reverse_gradient(x: jt.Var, coefficient: float) -> jt.Var:
    """``x`` bit for bit; its gradient is ``-coefficient`` times that of the result.

    What comes after it minimises the loss, what comes before it maximises the same loss (Ganin et
    al., "Domain-Adversarial Training of Neural Networks", JMLR 2016).

    Parameters
    ----------
    x : any shape
    coefficient : 0 stops the gradient, 1 turns it round
    """
    return _Reversal(coefficient)(x)
