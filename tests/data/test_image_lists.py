"""Lists as people write them are read; what cannot be right is refused with its file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from category_data import write_kinds, write_list
from PIL import Image

from crossmodal.data import image_lists
from crossmodal.data.errors import DataError
from crossmodal.data.image_lists import class_names, read_items


def pictures(folder: Path, *names: str) -> Path:
    """Empty frames under these names; returns the folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
    return folder


def listed(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "list.txt"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("name", ["a.png", "two words.jpg", "deep/er/three  words .png",
                                  "2 3.png", "写真　一/é ü.png", "UPPER.PNG", "no.suffix.bmp"])
@pytest.mark.parametrize("gap", [" ", "\t", "   "])
def test_names_of_any_kind(tmp_path: Path, name: str, gap: str) -> None:
    pictures(tmp_path, name, "other.png")
    path = listed(tmp_path, f"{name}{gap}5\nother.png{gap}-1\n")
    one, two = read_items(path)
    assert one == (name, (str(tmp_path / name),), 5) and two.label == -1


@pytest.mark.parametrize("text", [
    "a.png 0\nb.png 1", "a.png 0\r\nb.png 1\r\n", "\n# a comment\n  a.png 0  \n\n  # 3\nb.png 1\n",
    "\ufeffa.png 0\r\n\r\nb.png 1\r\n"])
def test_line_ends_blank_lines_and_comments(tmp_path: Path, text: str) -> None:
    pictures(tmp_path, "a.png", "b.png")
    assert [(i.id, i.label) for i in read_items(listed(tmp_path, text))] == [("a.png", 0),
                                                                              ("b.png", 1)]


def test_paths_from_the_list_or_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path / "photos", "a.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in ("../photos/a.png", str(tmp_path / "photos" / "a.png")):
        for place in ("lists", "work"):
            found, = read_items(listed(tmp_path / place, f"{name} 1\n"), roots=[tmp_path])
            assert found.id == name and Path(found.files[0]).samefile(tmp_path / "photos/a.png")
    monkeypatch.chdir(tmp_path)
    found, = read_items(listed(tmp_path / "lists", "photos/a.png 1\n"))
    assert found.files == ("photos/a.png",)


@pytest.mark.parametrize("name", ["/etc/hostname", "../../secret.png", "a/../../../secret.png"])
def test_pictures_of_elsewhere_are_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    pictures(tmp_path, "secret.png")
    folder = tmp_path / "data" / "set"
    pictures(folder, "a.png")
    path = listed(folder, f"a.png 0\n{name} 1\n")
    with pytest.raises(DataError, match=r"line 2: .* leads out of the data set; .*set data\.root"):
        read_items(path, roots=[tmp_path / "data"])
    with pytest.raises(DataError, match=r"line 2: .* leads out"):
        read_items(path, labels=False, roots=[tmp_path / "data"])


def test_pictures_behind_a_users_link_are_read(tmp_path: Path) -> None:
    pictures(tmp_path / "mine", "a.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link").symlink_to(tmp_path / "mine")
    found, = read_items(listed(tmp_path / "set", "link/a.png 1\n"))
    assert found.files == (str(tmp_path / "set" / "link" / "a.png"),)


def test_a_list_of_too_many_lines_is_refused_unread(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_lists, "MOST_LINES", 3)
    with pytest.raises(DataError, match="4 lines; at most 3 are read"):
        read_items(listed(tmp_path, "a 0\n" * 3))


def test_views_are_consecutive_lines(tmp_path: Path) -> None:
    folder = write_kinds(tmp_path, views=3)
    items = read_items(folder / "target_train.txt", views=3)
    lines = (folder / "target_train.txt").read_text().splitlines()
    assert len(items) == 12 and [item.label for item in items] == [0, 1, 2] * 4
    for number, item in enumerate(items):
        assert item.files == tuple(str(folder / line.rsplit(" ", 1)[0])
                                   for line in lines[3 * number:3 * number + 3])


def test_views_of_all_shapes_may_lie_in_one_folder(tmp_path: Path) -> None:
    names = [f"{shape}_{view}.png" for shape in "ab" for view in range(2)]
    path = write_list(pictures(tmp_path, *names) / "list.txt", [f"{name} 0" for name in names])
    assert [len(item.files) for item in read_items(path, views=2)] == [2, 2]


@pytest.mark.parametrize("label", ["", " 7", " ?", " not a label", " -5", " 1.5", "\tchair 3",
                                   " 99999999999999999999"])
def test_a_target_label_is_not_looked_at(tmp_path: Path, label: str) -> None:
    pictures(tmp_path, "a b.png", "c.JPG")
    items = read_items(listed(tmp_path, f"a b.png{label}\nc.JPG{label}\n"), 2, labels=False)
    assert items == [("a b.png", tuple(str(tmp_path / n) for n in ("a b.png", "c.JPG")), None)]


def test_a_folder_of_photos(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "chair/2.png", "chair/1.jpg", "bed/x y.png", "sofa/deep/1.png")
    (folder / "bed" / "notes.txt").write_text("no picture")
    items = read_items(folder)
    assert [(i.id, i.label) for i in items] == [("bed/x y.png", 0), ("chair/1.jpg", 1),
                                                ("chair/2.png", 1), ("sofa/deep/1.png", 2)]
    assert items[0].files == (str(folder / "bed" / "x y.png"),)
    named = read_items(folder, class_names=["sofa", "lamp", "bed", "chair"])
    assert [item.label for item in named] == [2, 3, 3, 0]
    with pytest.raises(DataError, match="sofa/deep/1.png: not in the folder of a class.*bed"):
        read_items(folder, class_names=["bed", "chair"])
    pictures(tmp_path, "stray.png")
    with pytest.raises(DataError, match="stray.png: not in the folder of a class"):
        read_items(folder)
    assert {item.label for item in read_items(folder, labels=False)} == {None}


def test_a_folder_of_shapes(tmp_path: Path) -> None:
    names = [f"{c}/{c}_{i}/{v}.png" for c in ("bed", "chair") for i in range(2) for v in range(3)]
    folder = pictures(tmp_path, *names)
    items = read_items(folder, views=3)
    assert [i.label for i in items] == [0, 0, 1, 1]
    assert [f for i in items for f in i.files] == [str(folder / name) for name in names]
    (folder / "bed/bed_1/2.png").unlink()
    with pytest.raises(DataError, match=r"expected 3 views .*1 of 4 folders .*bed_1 with 2.*views"):
        read_items(folder, views=3, labels=False)


REFUSED = {  # text of a list with 2 views, complaint
    "d/x.png 0\nd/1.png 0\n": "list.txt: no file for 1 of 2 pictures .first: line 1: .*d/x.png",
    "\nd/0.png 0\nd/1.png 0\nd/0.png 0\nd/y.png 0\n":
        "list.txt: no file for 1 of 4 pictures .first: line 5: .*d/y.png.*remove",
    "d/0.png 0\nd/1.png\n": "list.txt, line 2: expected \"path label\".*found 'd/1.png'",
    "d/0.png 0\nd/1.png chair\n": "list.txt, line 2: expected .* whole number",
    "d/0.png 0\nd/1.png 1.5\n": "list.txt, line 2: expected .* whole number",
    "d/0.png 0\nd/1.png -2\n": "list.txt, line 2: label -2",
    "# 3\n\n7\n": "list.txt, line 3: expected \"path label\"",
    "d/0.png 0\nd/1.png 0\nd/0.png 0\n": "list.txt: 3 pictures are not a whole number of shapes of "
                                         "2 views",
    "d/0.png 0\nd/1.png 1\n": "list.txt, lines 1 to 2: the 2 views of one shape have different",
    "d/0.png 0\ne/1.png 0\n": "list.txt, lines 1 to 2: 2 consecutive views lie in 2 folders.*views",
    "": "list.txt: there is no picture in it",
    "\n# nothing\n\r\n": "list.txt: there is no picture in it",
    "d/" + "x" * 5000 + ".png 0\nd/1.png 0\n": "list.txt: no file for 1 of 2 pictures .first: line",
    "d/a\0b.png 0\nd/1.png 0\n": "list.txt: no file for 1 of 2 pictures",
}


@pytest.mark.parametrize("text, complaint", REFUSED.items())
def test_what_cannot_be_right_names_file_and_line(tmp_path: Path, text: str,
                                                  complaint: str) -> None:
    pictures(tmp_path, "d/0.png", "d/1.png", "e/1.png")
    with pytest.raises(DataError, match=complaint) as error:
        read_items(listed(tmp_path, text), views=2)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_mixed_view_counts_are_noticed_without_labels(tmp_path: Path) -> None:
    """Five views, then three, make eight: two shapes of four as far as counting goes."""
    names = [f"a/{v}.png" for v in range(5)] + [f"b/{v}.png" for v in range(3)]
    pictures(tmp_path, *names)
    with pytest.raises(DataError, match="lines 5 to 8: 4 consecutive views lie in 2 folders"):
        read_items(listed(tmp_path, "\n".join(names)), views=4, labels=False)


def test_what_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no_list.txt: no such list or folder"):
        read_items(tmp_path / "no_list.txt")
    with pytest.raises(DataError, match="list.txt: not a readable list"):
        read_items(listed(tmp_path, "é.png 0", "latin-1"))
    pictures(tmp_path, "picture.png")
    with pytest.raises(DataError, match="picture.png: not a readable list"):
        read_items(tmp_path / "picture.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: there is no picture in it"):
        read_items(tmp_path / "empty")


def test_names_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    assert class_names(path, 3) == ["0", "1", "2"]
    path.write_bytes("\ufeffflower_pot\r\n\r\nétagère\r\nbed\r\n".encode())
    assert class_names(path, 2) == ["flower_pot", "étagère", "bed"]
    with pytest.raises(DataError, match="classes.txt: 3 class names, but label 3 is in use"):
        class_names(path, 4)
    path.write_bytes("étagère".encode("latin-1"))
    with pytest.raises(DataError, match="classes.txt: not a readable list"):
        class_names(path, 1)
