"""What file names say about the number of views: wrong ones are noticed, odd lists still read."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossmodal.data.errors import DataError
from crossmodal.data.image_lists import read_items
from crossmodal.data.view_names import Line, check_views


def lines(*names: str) -> list[Line]:
    return [Line(number, name, name, None) for number, name in enumerate(names, 1)]


def each(pattern: str, shapes: str, views: int, start: int = 0) -> list[str]:
    """Names of some views of each shape, shape by shape."""
    return [pattern.format(s=shape, v=view) for shape in shapes.split()
            for view in range(start, start + views)]


RIGHT = {  # of four views a shape
    "a folder a shape": each("{s}/{v:03d}.png", "a b c", 4),
    "a folder a shape, its name again": each("chair/{s}/{s}_{v:03d}.jpg", "c_0001 c_0002", 4, 1),
    "a folder a class, shape and view": each("chair/chair_{s}_{v:02d}.png", "0001 0002 0003", 4),
    "a folder a class, no shape": [f"{c}/{i:04d}.png" for c, n in (("bed", 8), ("cup", 12))
                                   for i in range(n)],
    "numbered through": each("{v:04d}.png", "_", 12),
    "numbered through after a name": each("img_{v:04d}.png", "_", 12),
    "numbered through without a gap": each("abc{v:04d}.png", "_", 12),
    "numbered through many classes": each("{s}_{v:04d}.png", "bed cup", 400),
    "two numbers, numbered through": each("3_{v:04d}.png", "_", 400),
    "one folder, shapes of any name": each("{s}_{v}.png", "a b7 c-1", 4),
    "words for views": [f"{s}_{v}.png" for s in "ab" for v in ("front", "left", "back", "top")],
    "the view first": [f"{v}_{s}.png" for s in "12" for v in ("front", "left", "back", "top")],
    "two heights": [f"x/{s}_e{e}_{v}.png" for s in "ab" for e in (0, 30) for v in range(2)],
    "the same shape twice": each("a_1_{v}.png", "_ _ _", 4),
    "a folder a view": each("v{v}/{s}.png", "a b c", 4),
    "a folder a view, numbers": each("v{v}/{s}.png", "000 001 002", 4),
    "a folder a view, number again": each("v{v}/{s}_{v}.png", "a b c", 4),
    "a folder a view in each class": [f"{c}/v{v}/0.png" for c in "ab" for v in range(4)],
    "classes in the folder of a view": [f"v{v}/{c}/0.png" for c in "ab" for v in range(4)],
    "a folder a view in each shape": each("{s}/v{v}/render.png", "a b c", 4),
    "one shape of a folder a view": each("v{v}/a.png", "_", 4),
}


@pytest.mark.parametrize("case", RIGHT)
def test_lists_that_may_be_right(case: str) -> None:
    check_views(lines(*RIGHT[case]), 4, "list.txt")


WRONG = {  # read as four views a shape; lines that are named
    "twelve": (each("{s}_{v}.png", "a b c d", 12), "lines 1 to 12: .*these 12 are of one shape"),
    "twelve, two numbers": (each("x/airplane_{s}_{v:03d}.jpg", "0001 0002", 12, 1), "1 to 12"),
    "twelve of one shape": (each("chair_0001_{v:03d}.jpg", "_", 12), "lines 1 to 12"),
    "twelve in a folder each": (each("{s}/{v:03d}.png", "a b c", 12), "lines 1 to 12"),
    "twelve, no gap": (each("{s}{v:02d}.png", "a b c", 12), "lines 1 to 12"),
    "eight in one of three": (each("{s}_{v}.png", "a", 4) + each("{s}_{v}.png", "b", 8)
                              + each("{s}_{v}.png", "c", 4), "lines 5 to 12"),
    "five": (each("{s}_{v}.png", "a b c d", 5), "lines 1 to 5"),
    "three": (each("{s}_{v}.png", "a b c d", 3), "lines 1 to 3"),
    "eight in a folder each": (each("v{v}/{s}.png", "a b", 8), "lines 1 to 8: .*one shape"),
    "one": (each("{s}/render.png", "a b c d e f g h", 1), "lines 1 to 8: .*one shape"),
    "one, by number": (each("s{s}/s{s}.png", "1 2 3 4 5 6 7 8", 1), "lines 1 to 8: .*one shape"),
    "five and three": (each("{s}/view_{v}.png", "a", 5) + each("{s}/view_{v}.png", "b", 3),
                       "lines 5 to 8: 4 consecutive views lie in 2 folders"),
    "other names": ([f"{folder}/{folder}.png" for folder in "abcd"], "lie in 4 folders"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_counts_are_noticed(case: str) -> None:
    names, complaint = WRONG[case]
    with pytest.raises(DataError, match=f"list.txt, .*{complaint}") as error:
        check_views(lines(*names), 4, "list.txt")
    assert "data.views" in str(error.value)


@pytest.mark.parametrize("names", [
    ["a/v_0.png", "a/v_1.png", "a/v_2.png", "b/v_0.png", "b/v_1.png", "b/v_2.png"],
    ["a/0.png", "b/0.png", "b/1.png", "b/2.png"]])
def test_two_views_that_reach_into_the_next_folder(names: list[str]) -> None:
    with pytest.raises(DataError, match="2 consecutive views lie in 2 folders"):
        check_views(lines(*names), 2, "list.txt")


def test_a_list_is_refused_before_its_shapes_are_split(tmp_path: Path) -> None:
    """Four shapes of twelve views do not become twelve of four."""
    names = each("{s}_{v:02d}.png", "a b c d", 12)
    for name in names:
        (tmp_path / name).touch()
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{name} 0\n" for name in names))
    with pytest.raises(DataError, match=r"list.txt, lines 1 to 12: 4 consecutive views are not one "
                                        r"shape: .*\(a_00.png to a_11.png\).*data.views"):
        read_items(path, views=4)
    assert [len(item.files) for item in read_items(path, views=12)] == [12] * 4
    assert len(read_items(path)) == 48  # each picture by itself


def test_a_folder_a_view_is_read(tmp_path: Path) -> None:
    names = each("v{v}/{s}.png", "a b", 3)
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{name} 0\n" for name in names))
    items = read_items(path, views=3)
    assert [item.files for item in items] == [
        tuple(str(tmp_path / f"v{v}/{s}.png") for v in range(3)) for s in "ab"]
