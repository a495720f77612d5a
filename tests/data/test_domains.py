"""What training and test see of the lists: classes, validation, and labels that make sense."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from category_data import KINDS, Make, change, place, write_list

from crossmodal.config import DomainConfig
from crossmodal.data.domains import Domains, held_out, load_test
from crossmodal.data.errors import DataError
from crossmodal.data.image_lists import Item


def test_training_reads_no_target_label(kinds: Make) -> None:
    data = kinds()
    before = Domains.load(data, 1)
    assert Counter(item.label for item in before.source) == {0: 8, 1: 8, 2: 8}
    path = place(data, "target_train.txt")
    path.write_text("".join(f"{line.rsplit(' ', 1)[0]} who knows? {number}\n" for number, line
                            in enumerate(path.read_text().splitlines())))
    after = Domains.load(data, 1)
    assert after == before and {item.label for item in after.target} == {None}


def test_validation_is_stratified_and_by_name(kinds: Make) -> None:
    source = Domains.load(kinds(), 1).source
    training, held = held_out(source, 0.25, seed=1)
    assert Counter(item.label for item in held) == {0: 2, 1: 2, 2: 2}
    assert sorted(training + held) == sorted(source)
    order = np.random.default_rng(0).permutation(len(source))
    shuffled = held_out([source[i] for i in order], 0.25, seed=1)
    assert set(shuffled[1]) == set(held) and set(shuffled[0]) == set(training)
    assert set(held_out(source, 0.25, seed=2)[1]) != set(held)
    assert held_out(source, 0.0, seed=1) == (source, [])


def test_validation_never_takes_a_whole_class() -> None:
    few = [Item(f"{label}/{i}", (f"{label}/{i}",), label) for label, count in ((0, 1), (1, 2),
                                                                             (2, 9))
           for i in range(count)]
    for fraction in (0.01, 0.5, 0.99):
        training, held = held_out([*few, *few], fraction, seed=0)  # each is listed twice
        assert {item.label for item in training} == {0, 1, 2}
        assert {item.label for item in held} == {1, 2}


def source_labels(data: DomainConfig, *labels: int) -> None:
    """Give the source's photos these labels in turn."""
    path = place(data, "source_train.txt")
    names = [line.rsplit(" ", 1)[0] for line in path.read_text().splitlines()]
    path.write_text("".join(f"{name} {labels[i % len(labels)]}\n"
                            for i, name in enumerate(names)))


@pytest.mark.parametrize("labels, complaint", [
    ((1,), "source_train.txt: all 24 pictures have label 1; there is nothing to tell apart"),
    ((0, -1), "source_train.txt: label -1 in the source"),
    ((0, 1, 3), "classes.txt: 3 class names, but label 3 is in use"),
])
def test_sources_that_make_no_sense(kinds: Make, labels: tuple[int, ...], complaint: str) -> None:
    data = kinds()
    source_labels(data, *labels)
    with pytest.raises(DataError, match=complaint):
        Domains.load(data, 1)


def test_the_number_of_classes(kinds: Make) -> None:
    data = kinds()
    source_labels(data, 0, 1)
    assert Domains.load(data, 1).classes == list(KINDS)  # a class may have no photo
    place(data, "classes.txt").unlink()
    assert Domains.load(data, 1).classes == ["0", "1"]
    source_labels(data, 0, 10 ** 9)  # a slip of the pen, not a network of a billion classes
    with pytest.raises(DataError, match="label 1000000000, but only 24 pictures.*classes.txt"):
        Domains.load(data, 1)


def test_folders_name_the_classes_of_training_and_test(kinds: Make) -> None:
    data = kinds("source_list=photos", "query_list=photos", "target_list=shapes",
                 "gallery_list=shapes")
    for part, names in (("photo", "photos"), ("view", "shapes")):
        for path in place(data, f"{part}/train").rglob("*.png"):
            inside = path.relative_to(place(data, f"{part}/train"))
            new = place(data, names) / re.split("[ _]", inside.parts[0])[0] / inside
            new.parent.mkdir(parents=True, exist_ok=True)
            path.rename(new)
    assert Domains.load(data, 1).classes == list(KINDS)
    place(data, "classes.txt").unlink()
    trained = Domains.load(data, 1)
    assert trained.classes == list(KINDS) and len(trained.target) == 12
    place(data, "photos/disc").rename(place(data, "not in the test"))
    queries, gallery = load_test(data, trained.classes)
    assert Counter(item.label for item in queries) == {1: 8, 2: 8}
    assert Counter(item.label for item in gallery) == {0: 4, 1: 4, 2: 4}


def own_source(folder: Path, data: DomainConfig, names: tuple[str, ...] = ()) -> DomainConfig:
    """A list of one's own, elsewhere, with or without names of its classes."""
    folder.mkdir()
    lines = place(data, "source_train.txt").read_text().splitlines()
    write_list(folder / "source.txt", [f"{place(data, line)}" for line in lines])
    if names:
        write_list(folder / "classes.txt", list(names))
    return change(data, f"source_list={folder / 'source.txt'}")


def test_class_names_of_another_data_set_are_not_taken(kinds: Make, tmp_path: Path) -> None:
    data = kinds()
    assert Domains.load(own_source(tmp_path / "a", data), 1).classes == ["0", "1", "2"]
    named = own_source(tmp_path / "b", data, ("x", "y", "z"))
    assert Domains.load(named, 1).classes == ["x", "y", "z"]
    inside = own_source(place(data, "lists"), data)  # in a folder of the data set
    assert Domains.load(inside, 1).classes == list(KINDS)


def test_class_names_of_a_folder_lie_in_it_or_beside_it(kinds: Make, tmp_path: Path) -> None:
    data = change(kinds(), f"source_list={tmp_path / 'own' / 'photos'}")
    folder = tmp_path / "own" / "photos"
    for line in place(data, "source_train.txt").read_text().splitlines():
        path = place(data, line.rsplit(" ", 1)[0])
        new = folder / f"my {path.name.split(' ')[0]}" / path.name
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(path.read_bytes())
    names = ["my disc", "my square", "my triangle"]
    assert Domains.load(data, 1).classes == names  # not those of the data set, which do not fit
    for at in (folder.parent, folder):
        names.append(names.pop(0))
        write_list(at / "classes.txt", names)
        assert Domains.load(data, 1).classes == names


def test_labels_of_a_test(kinds: Make) -> None:
    data = kinds()
    gallery, queries = place(data, "target_test.txt"), place(data, "source_test.txt")
    gallery.write_text(gallery.read_text().replace(" 2\n", " -1\n"))
    assert Counter(item.label for item in load_test(data, KINDS)[1]) == {0: 3, 1: 3, -1: 3}
    gallery.write_text(gallery.read_text().replace(" -1\n", " 7\n"))
    with pytest.raises(DataError, match="target_test.txt: view/test/triangle_0/00.png has label 7, "
                                        "but the network knows 3 classes"):
        load_test(data, KINDS)
    gallery.write_text(gallery.read_text().replace(" 7\n", " 2\n"))
    queries.write_text(queries.read_text().replace(" 1\n", " -1\n"))
    with pytest.raises(DataError, match="source_test.txt: query photo/test/square 0.png has label"):
        load_test(data, KINDS)


def test_a_list_that_is_nowhere(kinds: Make) -> None:
    data = kinds("target_list=spheres.txt")
    with pytest.raises(DataError, match="no list or folder spheres.txt: neither .*kinds/spheres"):
        Domains.load(data, 1)


def test_without_test_lists_the_training_lists_are_tested(kinds: Make) -> None:
    queries, gallery = load_test(kinds("query_list=none", "gallery_list=none"), KINDS)
    assert len(queries) == 24 and len(gallery) == 12
    assert Counter(item.label for item in gallery) == {0: 4, 1: 4, 2: 4}


def test_a_query_in_the_gallery_would_find_itself(kinds: Make) -> None:
    data = kinds("views=1", "gallery_list=source_test.txt")
    with pytest.raises(DataError, match="source_test.txt and source_test.txt share 12 of 12 qu"):
        load_test(data, KINDS)
