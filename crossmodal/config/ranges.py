"""What a setting may be, written at the field: ``Annotated[int, Between(0, 256)] = 2``.

It is checked wherever a value comes from (`config/typed.py`) and told by ``--settings``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from crossmodal.runtime.inside import OutsideError, inside


@dataclass(frozen=True)
class Between:
    """low <= value <= high; the end itself is left out with `above` or `below`."""

    low: float
    high: float
    above: bool = False
    below: bool = False

    def holds(self, value: float) -> bool:
        """Whether `value` is in the range; NaN is not."""
        return (self.low < value if self.above else self.low <= value) and (
            value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        if not (self.above or self.below):
            return f"between {self.low} and {self.high}"
        return (f"{'above' if self.above else 'at least'} {self.low} and "
                f"{'below' if self.below else 'at most'} {self.high}")


@dataclass(frozen=True)
class Inside:
    """The name of a folder, or of several in one another, that lies in another one."""

    def holds(self, value: str) -> bool:
        """Whether it leads nowhere else."""
        try:
            inside(Path(), value, links=True)
        except OutsideError:
            return False
        return True

    def __str__(self) -> str:
        return "the name of a folder, inside the one it lies in"


FolderName = Annotated[str, Inside()]
Side = Annotated[int, Between(8, 4096)]  # pixels
Views = Annotated[int, Between(1, 1024)]
Batch = Annotated[int, Between(2, 65536)]
Length = Annotated[int, Between(1, 8192)]  # of an embedding
Epoch = Annotated[int, Between(0, 10**6)]
Seed = Annotated[int, Between(-2**63, 2**63 - 1)]
Count = Annotated[int, Between(0, 10**9)]  # of steps or classes; 0 means something else
Number = Annotated[int, Between(1, 10**9)]
Part = Annotated[float, Between(0, 1)]  # of a whole, or a probability
LargerPart = Annotated[float, Between(0, 1, above=True)]
SmallerPart = Annotated[float, Between(0, 1, below=True)]
Parts = tuple[LargerPart, LargerPart]  # lowest and highest
Weight = Annotated[float, Between(0, 10**6)]  # a factor; 0 switches off what it weighs
Norm = Annotated[float, Between(0, 10**9)]  # of gradients
Temperature = Annotated[float, Between(0, 1000, above=True)]
Rate = Annotated[float, Between(0, 1000, above=True)]  # of learning
Ratio = Annotated[float, Between(0, 100, above=True)]  # width / height
Minutes = Annotated[float, Between(0, 10**7)]
