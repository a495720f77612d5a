"""Names that come from outside stay inside their folder."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from crossmodal.runtime import inside as module
from crossmodal.runtime.inside import OutsideError, inside, plain_name

OUTSIDE = ["../x", "a/../../x", "..", "/etc/x", "\\x", "C:x", "C:\\x", "a\\..\\..\\x", "", ".",
           "./", "a\0b", "a\nb", "aux", "con.obj", "a/NUL", "COM1.txt", "x" * 5000, "ß" * 200,
           "a/" * 200, "\ud800", None, 3, ["a"], b"a"]
INSIDE = ["a", "a/b.npy", "a..b", "..a", "a/b..", "console", "auxiliary.obj", "ein Stück/ß.obj"]


@pytest.mark.parametrize("name", OUTSIDE, ids=repr)
def test_these_are_refused(tmp_path: Path, name: object) -> None:
    for links in (False, True):
        with pytest.raises(OutsideError) as caught:
            inside(tmp_path, name, links)
        assert len(str(caught.value)) < 200
    with pytest.raises(OutsideError):
        plain_name(name)


@pytest.mark.parametrize("name", INSIDE)
def test_these_are_where_they_seem_to_be(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name) == tmp_path / name


def test_a_name_of_one_part(tmp_path: Path) -> None:
    assert plain_name("mine") == "mine"
    with pytest.raises(OutsideError, match="more than one part"):
        plain_name("a/b")


def test_links_that_lead_out_are_followed_only_where_they_may_be(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "real").mkdir(parents=True)
    (tmp_path / "secret").touch()
    (folder / "out").symlink_to(tmp_path)
    (folder / "in").symlink_to(folder / "real")
    (folder / "loop").symlink_to(folder / "loop")
    (tmp_path / "alias").symlink_to(folder)
    assert inside(tmp_path / "alias", "in/a") == tmp_path / "alias" / "in" / "a"
    assert inside(folder, "out/secret", links=True).is_file()
    for name in ("out", "out/secret", "out/new"):
        with pytest.raises(OutsideError, match="through a link"):
            inside(folder, name)


@pytest.mark.parametrize("start", ["", "a/"])
def test_usual_names_are_those_that_a_second_look_finds_sound(start: str) -> None:
    names = [name for name in OUTSIDE if isinstance(name, str)]
    alphabet = ("a", ".", "..", "/", "\\", "aux", "con1", "com1", " ", "-", ":")
    names += ["".join(parts) for count in (1, 2, 3) for parts in product(alphabet, repeat=count)]
    for name in (start + name for name in names):
        if module._USUAL.fullmatch(name) and len(name) < 200:
            assert module._why_no_file(name.split("/")) is None and ".." not in name.split("/")
            assert not name.startswith("/") and "\\" not in name and ":" not in name
