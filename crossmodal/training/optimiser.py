"""Adam, AdamW, SGD and Nesterov over groups of tensors, with a state to save and restore."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crossmodal.kernels import library
from crossmodal.kernels.elements import adam
from crossmodal.runtime import jt, ranks


@dataclass(frozen=True)
class Group:
    """Tensors that share a rate: ``multiplier`` times the optimiser's rate."""

    name: str
    tensors: Mapping[str, jt.Var]
    multiplier: float = 1.0


class Optimiser:
    """One of the classic rules.

    Source: Kingma and Ba, ICLR 2015 (adam: weight decay added to the gradient); Loshchilov and
    Hutter, ICLR 2019 (adamw: decoupled); SGD with heavy-ball momentum; nesterov: Sutskever et al.,
    ICML 2013, in the form ``v = m v + g; x = x - rate (g + m v)``.

    Parameters
    ----------
    groups : what to move; tensors whose gradient is stopped are left alone
    rule : "adam", "adamw", "sgd" or "nesterov"
    betas : Adam's averages; the first is SGD's momentum
    gradient_clip : largest norm of all gradients together, 0 for no limit
    """

    def __init__(self, groups: Sequence[Group], rule: str = "adam",
                 betas: tuple[float, float] = (0.9, 0.999), weight_decay: float = 0.0,
                 gradient_clip: float = 0.0, eps: float = 1e-8) -> None:
        if rule not in ("adam", "adamw", "sgd", "nesterov"):
            raise ValueError(f"unknown optimiser {rule!r}: choose adam, adamw, sgd or nesterov")
        self.rule, self.betas, self.eps = rule, betas, eps
        self.weight_decay, self.gradient_clip = weight_decay, gradient_clip
        self._groups = groups
        self._steps = {group.name: 0 for group in groups}  # that it was moved
        self._tensors: dict[str, jt.Var] = {}
        self._multiplier: dict[str, float] = {}
        self._group_of: dict[str, str] = {}
        for group in groups:
            for name, tensor in group.tensors.items():
                if not tensor.is_stop_grad():
                    self._tensors[name] = tensor
                    self._multiplier[name] = group.multiplier
                    self._group_of[name] = group.name
        if not self._tensors:
            raise ValueError("nothing to train: every tensor's gradient is stopped (is the network "
                             "in evaluation mode, or all of it frozen?)")
        self._first = {n: _zeros(t) for n, t in self._tensors.items()}
        self._second = {n: _zeros(t) for n, t in self._tensors.items()
                        if rule not in ("sgd", "nesterov")}

    def step(self, loss: jt.Var, rate: float, resting: Sequence[str] = ()) -> None:
        """Move every tensor down the gradient of ``loss`` (scalar); groups in ``resting`` stay."""
        names = [n for n in self._tensors if self._group_of[n] not in resting]
        gradients = jt.grad(loss, [self._tensors[n] for n in names])
        gradients = self._clipped(ranks.mean_of_all(gradients))
        for name in self._steps.keys() - set(resting):
            self._steps[name] += 1
        for name, gradient in zip(names, gradients):
            self._move(name, gradient, rate * self._multiplier[name])

    def state(self) -> dict[str, np.ndarray]:
        """Moments and counter as arrays, for a checkpoint."""
        arrays = {f"first.{n}": v.numpy() for n, v in self._first.items()}
        arrays.update({f"second.{n}": v.numpy() for n, v in self._second.items()})
        arrays["steps"] = np.array([self._steps[group.name] for group in self._groups], np.int64)
        return arrays

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore :meth:`state`; raises ValueError naming what does not fit this model."""
        wanted = self.state()
        wrong = [n for n in wanted if n not in arrays or arrays[n].shape != wanted[n].shape]
        if wrong or set(arrays) - set(wanted):
            extra = sorted(set(arrays) - set(wanted))
            raise ValueError(f"the optimiser's state does not fit: {len(wrong)} tensors missing or "
                             f"of another shape (first: {wrong[:3]}), {len(extra)} unknown "
                             f"(first: {extra[:3]}). Resume with the configuration it began with.")
        for name, moment in self._first.items():
            moment.update(jt.array(arrays[f"first.{name}"]))
        for name, moment in self._second.items():
            moment.update(jt.array(arrays[f"second.{name}"]))
        self._steps = {group.name: int(steps)
                       for group, steps in zip(self._groups, arrays["steps"])}

    def _clipped(self, gradients: list[jt.Var]) -> list[jt.Var]:
        if not self.gradient_clip:
            return gradients
        norm = jt.sqrt(sum((g * g).sum() for g in gradients))
        factor = jt.minimum(self.gradient_clip / jt.maximum(norm, 1e-12), 1.0)
        return [g * factor for g in gradients]

    def _move(self, name: str, gradient: jt.Var, rate: float) -> None:
        tensor, first = self._tensors[name], self._first[name]
        if self.rule != "adamw" and self.weight_decay:
            gradient = gradient + self.weight_decay * tensor
        if self.rule in ("sgd", "nesterov"):
            first.update(self.betas[0] * first + gradient)
            step = first if self.rule == "sgd" else gradient + self.betas[0] * first
            tensor.update(tensor - step * jt.array(np.float32(rate)))
            return
        second, (beta1, beta2) = self._second[name], self.betas
        steps = self._steps[self._group_of[name]]  # a group that rested starts its averages later
        bias = (1 - beta2 ** steps) ** 0.5 / (1 - beta1 ** steps)
        if library.usable():
            shrink = rate * self.weight_decay if self.rule == "adamw" else 0.0
            moved = adam(tensor, first, second, gradient, self.betas, rate * bias, self.eps,
                         shrink)
            for old, new in zip((tensor, first, second), moved):
                old.update(new)
            return
        first.update(beta1 * first + (1 - beta1) * gradient)
        second.update(beta2 * second + (1 - beta2) * gradient * gradient)
        size = jt.array(np.float32(rate * bias))
        moved = tensor - first * size / (jt.sqrt(second) + self.eps)
        if self.rule == "adamw" and self.weight_decay:
            moved = moved - tensor * jt.array(np.float32(rate * self.weight_decay))
        tensor.update(moved)


def _zeros(tensor: jt.Var) -> jt.Var:
    return jt.zeros(tensor.shape, "float32").stop_grad()
