"""Which tensors of a file go into a model, which stay as they were, and a report that says so."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from crossmodal.weights.names import readable

SHOWN = 10


@dataclass
class LoadReport:
    """What became of every tensor.

    loaded : tensors of the model that the file gave.
    random : tensors of the model that the file does not have; they stay at their start.
    unused : tensors of the file that the model does not have.
    left_out : those among them that nobody misses, as the 1000-class layer.
    mismatched : (name, shape in the file, shape in the model); they stay at their start too.
    """

    source: str
    sha256: str = ""
    loaded: list[str] = field(default_factory=list)
    random: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    mismatched: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing of the model stays at its start."""
        return not self.random and not self.mismatched

    def lines(self, shown: int = SHOWN) -> list[str]:
        """The report as text, at most `shown` names of each kind."""
        total = len(self.loaded) + len(self.random) + len(self.mismatched)
        text = [f"{self.source}: {len(self.loaded)} of {total} tensors loaded"]
        if self.random:
            text.append(f"  {len(self.random)} stay at their random start: "
                        f"{_some(self.random, shown)}")
        if self.mismatched:
            names = [f"{readable(name)} {found} for {wanted}"
                     for name, found, wanted in self.mismatched]
            text.append(f"  {len(names)} of another shape, left random: {_some(names, shown)}")
        if self.unused:
            text.append(f"  {len(self.unused)} not used: {_some(self.unused, shown)}")
        if self.left_out:
            text.append(f"  {len(self.left_out)} left out: {_some(self.left_out, shown)}")
        return text

    def log(self, logger: logging.Logger) -> None:
        """Logs the lines; as a warning when something stays random."""
        level = logging.INFO if self.complete else logging.WARNING
        for line in self.lines():
            logger.log(level, "%s", line)

    def as_dict(self) -> dict[str, object]:
        """For a checkpoint's state or metrics.json."""
        return {"source": self.source, "sha256": self.sha256, "loaded": len(self.loaded),
                "random": self.random, "mismatched": [m[0] for m in self.mismatched],
                "unused": self.unused, "left_out": self.left_out}


def _some(names: Sequence[str], shown: int) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(readable, names[:shown])) + more


def match(
    tensors: Mapping[str, np.ndarray],
    expected: Mapping[str, tuple[int, ...]],
    source: str,
    ignore: Sequence[str] = (),
) -> tuple[dict[str, np.ndarray], LoadReport]:
    """The tensors of a file that a model takes, and the report about all of them.

    expected : name -> shape of the model's tensors.
    ignore : prefixes of file tensors that nobody misses, as the 1000-class layer ("fc."): where the
        model does not have them, they are reported as left out.
    """
    report = LoadReport(source)
    selected = {}
    for name, shape in expected.items():
        found = tensors.get(name)
        if found is None:
            report.random.append(name)
        elif tuple(found.shape) != tuple(shape):
            report.mismatched.append((name, tuple(found.shape), tuple(shape)))
        else:
            report.loaded.append(name)
            selected[name] = found
    for name in tensors:
        if name not in expected:
            known = name.startswith(tuple(ignore))
            (report.left_out if known else report.unused).append(name)
    return selected, report


def adapt_stem(
    weight: np.ndarray, channels: int, gray: str = "mean", mask: str = "mean"
) -> np.ndarray:
    """(O, channels, k, k) of a first convolution (O, 3, k, k) that was trained on RGB.

    channels : 1 gray, 3 RGB, 4 RGB + mask.
    gray : "mean" or "sum" of the RGB filters. (With "sum", a gray picture gives what it gives as
        RGB; "mean" is a third of that.)
    mask : "mean" of the RGB filters, or "zero": the mask starts without influence.
    """
    if weight.ndim != 4 or weight.shape[1] != 3:
        raise ValueError(f"expected filters of shape (O, 3, k, k), not {weight.shape}")
    if channels == 3:
        return weight
    if channels == 1 and gray in ("mean", "sum"):
        total = weight.sum(axis=1, keepdims=True)
        return total / 3 if gray == "mean" else total
    if channels == 4 and mask in ("mean", "zero"):
        extra = weight.mean(axis=1, keepdims=True)
        return np.concatenate([weight, extra if mask == "mean" else 0 * extra], axis=1)
    raise ValueError(f"no rule for {channels} channels with gray={gray}, mask={mask}")


def stacked_stem(weight: np.ndarray, channels: int, gray: str = "mean") -> np.ndarray:
    """(O, channels, k, k) of RGB filters (O, 3, k, k), for so many gray views as channels.

    Every view has the gray filter, divided by their number: the response is the views' average.
    """
    return np.repeat(adapt_stem(weight, 1, gray) / channels, channels, axis=1)
