"""The class map: which photo and which shape is of which class (``kinds.yaml`` says how).

A photo or shape is of a class, or *left out* (it belongs to no list), or neither: such a photo is
not used, such a shape is a distractor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import yaml

from crossmodal.config import plain_yaml
from crossmodal.data.errors import DataError
from crossmodal.prepare.kinds_sources import Photo, Shape
from crossmodal.runtime.brief import brief
from crossmodal.runtime.inside import plain_name
from crossmodal.runtime.os_errors import why
from crossmodal.runtime.safe_files import read_text

DEFAULT_MAP = Path(__file__).with_name("kinds.yaml")
LEFT_OUT = "left_out"
DISTRACTORS = "distractors"
ALIKE = "alike"
RULES = ("photos", "shapes", "shape_ids")
LARGEST = 2**22  # bytes of a class map

Class = Optional[str]  # a class, LEFT_OUT, or None


@dataclass
class ClassMap:
    """Rules by what they look at: ``{"photos" | "shapes" | "shape_ids": {rule: class}}``.

    alike : {shape id: first id of its group} of shapes that must be on one side of the split
    """

    classes: list[str]
    rules: dict[str, dict[str, str]] = field(default_factory=lambda: {name: {} for name in RULES})
    alike: dict[str, str] = field(default_factory=dict)

    @property
    def longest(self) -> int:
        """Words of the longest rule for shapes' names."""
        return max((rule.count(" ") + 1 for rule in self.rules["shapes"]), default=0)

    def photo(self, photo: Photo) -> Class:
        """The class of a photo: by its id, else by the finest of its kinds that has a rule."""
        rule = _first(_photo_rules(photo), self.rules["photos"])
        return self.rules["photos"][rule] if rule else None

    def shape(self, shape: Shape) -> Class:
        """The class of a shape: by its id, else by the longest rule whose words its name has.

        Raises DataError when two equally long rules of different classes fit.
        """
        kind = self.rules["shape_ids"].get(shape.id)
        if kind is None:
            rules = self.rules["shapes"]
            phrases = _phrases(shape.name, self.longest)
            fitting = _longest(rule for rule in rules if rule in phrases)
            kinds = sorted({rules[rule] for rule in fitting})
            if len(kinds) > 1:
                raise DataError(
                    f"shape {shape.id}, called {brief(shape.name)}, is of {' and '.join(kinds)}: "
                    "give the class map a rule of more words, or its id"
                )
            kind = kinds[0] if kinds else DISTRACTORS
        return None if kind == DISTRACTORS else kind

    def family(self, shape: Shape) -> str:
        """The family of a shape: its group's in the map, else what its source says."""
        return self.alike.get(shape.id, shape.family)

    def idle(self, photos: Iterable[Photo], shapes: Iterable[Shape]) -> list[str]:
        """Rules that fit nothing in these sources: misspelt, or of a source that is not there."""
        shapes, rules = list(shapes), self.rules["shapes"].keys()
        seen = {
            "photos": {rule for photo in photos for rule in _photo_rules(photo)},
            "shapes": {rule for shape in shapes
                       for rule in _phrases(shape.name, self.longest) & rules},
            "shape_ids": {shape.id for shape in shapes},
        }
        return [rule for name in RULES for rule in self.rules[name] if rule not in seen[name]]


def read_map(path: Path = DEFAULT_MAP) -> ClassMap:
    """The class map in a yaml file. Raises DataError naming the file and what is wrong."""
    try:
        content = plain_yaml.load(read_text(path, LARGEST))
        sections = {**content["classes"], LEFT_OUT: content.get(LEFT_OUT) or {}}
        sections[DISTRACTORS] = content.get(DISTRACTORS) or {}
        found = ClassMap(sorted(map(plain_name, content["classes"])))
        found.alike = {name: group[0] for group in content.get(ALIKE) or [] for name in group}
        for name, section in sections.items():
            _add(found, name, section)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: not a class map ({why(error)}); give another with --map, or "
                        "mend it") from error
    return found


def _add(found: ClassMap, name: str, section: dict[str, Any]) -> None:
    unknown = sorted(set(section) - set(RULES))
    if unknown:
        raise DataError(f"{name} has {brief(unknown[0])}; known: {', '.join(RULES)}")
    for kind, rules in section.items():
        for rule in map(str, rules):
            text = " ".join(_words(rule)) if kind == "shapes" else rule
            other = found.rules[kind].setdefault(text, name)
            if other != name:
                raise DataError(f"{brief(rule)} is in {other} and in {name}")


def _photo_rules(photo: Photo) -> list[str]:
    return [photo.id, *reversed(photo.kinds)]


def _first(rules: Iterable[str], known: dict[str, str]) -> str | None:
    return next((rule for rule in rules if rule in known), None)


def _longest(rules: Iterable[str]) -> list[str]:
    found = list(rules)
    most = max((rule.count(" ") for rule in found), default=0)
    return [rule for rule in found if rule.count(" ") == most]


def _phrases(name: str, longest: int) -> set[str]:
    """Every run of words of a name, of at most `longest` words."""
    words = _words(name)
    ends = range(1, len(words) + 1)
    return {" ".join(words[start:end]) for end in ends
            for start in range(max(0, end - longest), end)}


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
