"""Which backbones a file of tensors holds, told by their names and shapes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice, takewhile
from typing import Optional

from crossmodal.models.backbones import NAMES, build_backbone
from crossmodal.models.tensors import named_tensors

Shape = tuple[int, ...]
STEMS = ("conv1.weight", "features.0.weight", "features.0.0.weight")  # first convolutions
MOST_PREFIXES, MOST_NAMES = 2000, 1_000_000
HEADS = ("fc.", "classifier.")  # what comes after a backbone's own tensors


@dataclass(frozen=True)
class Tower:
    """A backbone in a file.

    prefix : of its tensors' names, as in ``query_encoder.resnet.``; it may be empty
    tensors : names of those that are the backbone's or its head's
    fitting : how many of the backbone's tensors are there in the right shape, of `expected`
    missing, mismatched : the others, the latter as ``name (found) for (expected)``
    head : length of what the head gives: an embedding, or 1000 classes; None: there is no head
    """

    prefix: str
    backbone: str
    channels: int
    tensors: tuple[str, ...]
    fitting: int
    expected: int
    missing: tuple[str, ...]
    mismatched: tuple[str, ...]
    head: Optional[int]  # noqa: UP045


def find_towers(shapes: Mapping[str, Shape]) -> list[Tower]:
    """Every backbone of which the file has at least half of the tensors, by prefix.

    So many tensors and prefixes as a file of networks has are looked at; one made to harm has more.
    """
    prefixes = {name[:-len(stem)] for name in shapes for stem in STEMS if name.endswith(stem)}
    names, places = sorted(shapes), {name: place for place, name in enumerate(shapes)}
    found, work = [], 0
    for prefix in sorted(prefixes)[:MOST_PREFIXES]:
        if (prefix and not prefix.endswith(".")) or work > MOST_NAMES:
            continue
        group = takewhile(lambda name: name.startswith(prefix),  # noqa: B023 - it is used at once
                          islice(names, bisect_left(names, prefix), None))
        ordered = sorted(group, key=places.__getitem__)
        work += len(ordered)
        tower = _tower(prefix, {name[len(prefix):]: shapes[name] for name in ordered})
        found += [tower] if tower is not None else []
    return found


def _tower(prefix: str, shapes: Mapping[str, Shape]) -> Tower | None:
    """The backbone that the tensors fit best; None where they fit none."""
    name = max(NAMES, key=lambda one: _agreement(one, shapes))
    expected, stem = backbone_shapes(name)
    fitting = _agreement(name, shapes)[0]
    if 2 * fitting < len(expected) or len(shapes.get(stem, ())) < 2:
        return None
    heads = [n for n in shapes if n.startswith(HEADS) and n not in expected]
    return Tower(
        prefix, name, shapes[stem][1], tuple(prefix + n for n in shapes if n in expected)
        + tuple(prefix + n for n in heads), fitting, len(expected),
        tuple(prefix + n for n in expected if n not in shapes),
        tuple(f"{prefix}{n} {shapes[n]} for {shape}" for n, shape in expected.items()
              if n in shapes and not _same(shapes[n], shape, n == stem)), _length(heads, shapes))


def _agreement(name: str, shapes: Mapping[str, Shape]) -> tuple[int, int]:
    """(tensors that fit, minus those that do not): of two depths the one without gaps."""
    expected, stem = backbone_shapes(name)
    fitting = sum(n in shapes and _same(shapes[n], shape, n == stem)
                  for n, shape in expected.items())
    return fitting, fitting - len(expected)


def _same(found: Shape, expected: Shape, stem: bool) -> bool:
    """Equal but for the channels of a first convolution."""
    if stem and len(found) == len(expected):
        return found[:1] + found[2:] == expected[:1] + expected[2:]
    return found == expected


def _length(heads: list[str], shapes: Mapping[str, Shape]) -> int | None:
    """Rows of the last matrix."""
    matrices = [shapes[name] for name in heads if len(shapes[name]) == 2]
    return matrices[-1][0] if matrices else None


@cache
def backbone_shapes(name: str) -> tuple[dict[str, Shape], str]:
    """(name -> shape of a backbone's tensors, name of its first convolution).

    Nothing of the network is computed, so nothing is allocated.
    """
    network = build_backbone(name)
    return dict(_shapes(network)), network.stem_weight


def _shapes(network: object) -> Iterator[tuple[str, Shape]]:
    for name, tensor in named_tensors(network).items():
        yield name, tuple(int(n) for n in tensor.shape)
