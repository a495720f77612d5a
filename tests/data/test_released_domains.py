"""What the released code's loaders did, each by its switch: labels, order, groups, last batches."""

from __future__ import annotations

import numpy as np
import pytest
from category_data import Make, change, place, write_list

from crossmodal.config import DomainConfig
from crossmodal.data.domain_batches import DomainBatches
from crossmodal.data.domains import Domains, load_test, watched_test_items
from crossmodal.data.errors import DataError
from crossmodal.data.image_lists import read_items
from crossmodal.data.loader import Loader, one_batch

CLASSES = ["disc", "square", "triangle"]


def batches(data: DomainConfig, iterations: int = 12) -> DomainBatches:
    return DomainBatches(Domains.load(data, 1), data, 1, iterations)


def test_target_labels_are_in_the_batch_only_if_they_are_to_be_used(kinds: Make) -> None:
    unread = kinds("workers=0")
    used = change(unread, "target_labels=used")
    assert one_batch(batches(unread)).target_label is None
    assert all(item.label is None for item in Domains.load(unread, 1).target)
    true = [item.label for item in Domains.load(used, 1).target]
    assert true == [0, 1, 2] * 4
    with Loader(batches(used), 2) as loader:
        for one, two in zip(Loader(batches(unread)).epoch(), loader.epoch()):
            assert two.target_label.tolist() == [true[i] for i in two.item_index]
            for name in ("images", "views", "label", "item_index"):
                assert np.array_equal(getattr(one, name), getattr(two, name))


def test_a_run_notices_other_target_labels_only_if_it_uses_them(kinds: Make) -> None:
    data, digests = kinds(), []
    path = place(data, "target_train.txt")
    text = path.read_text()
    for end in ("2\n", "1\n"):
        path.write_text(text.replace(" 2\n", f" {end}"))
        digests.append([batches(change(data, f"target_labels={kind}")).digest()
                        for kind in ("unread", "used")])
    assert digests[0][0] == digests[1][0] and digests[0][1] != digests[1][1]


@pytest.mark.parametrize("label, complaint", [
    ("-1", "triangle_0/00.png has label -1; where the shapes' labels are used"),
    ("3", "has label 3, but the network knows 3 classes"),
    ("who knows?", "expected \"path label\" with a whole number")])
def test_target_labels_that_cannot_be_used(kinds: Make, label: str, complaint: str) -> None:
    data = kinds()
    path = place(data, "target_train.txt")
    path.write_text(path.read_text().replace(" 2\n", f" {label}\n"))
    Domains.load(data, 1)
    with pytest.raises(DataError, match=complaint):
        Domains.load(change(data, "target_labels=used"), 1)


def test_a_pass_has_whole_batches_and_the_target_is_in_its_lists_order(kinds: Make) -> None:
    """12 items in fives: the last two are never seen; 24 pictures: others are left out each time.

    Every pass begins anew.
    """
    usual = kinds("workers=0")
    released = change(usual, "passes=released")
    found = list(Loader(batches(released)).epoch())
    assert [b.item_index.tolist() for b in found] == [[*range(5)], [*range(5, 10)]] * 6
    for number in range(3):  # of 4 batches, 20 pictures
        seen = np.concatenate([b.image_index for b in found[4 * number:4 * number + 4]])
        assert len(set(seen.tolist())) == 20
    passes = [[b.image_index.tolist() for b in found[at:at + 4]] for at in (0, 4, 8)]
    assert passes[0] != passes[1] != passes[2]
    assert {i for b in found for i in b.image_index.tolist()} == set(range(24))
    shuffled = list(Loader(batches(usual)).epoch())
    assert {i for b in shuffled for i in b.item_index.tolist()} == set(range(12))


def test_a_pass_without_a_whole_batch(kinds: Make) -> None:
    data = change(kinds(), "passes=released", "batch_size=13")
    with pytest.raises(DataError, match="target_train.txt: 12 items do not fill a batch of 13, and "
                                        "data.passes=released.*lower data.batch_size"):
        batches(data)
    batches(change(data, "passes=paper"))


def test_four_consecutive_photos_are_one_item(kinds: Make) -> None:
    """Seven photos of three classes and folders: the first four, by the first one's label."""
    data = kinds()
    folder = place(data, "")
    lines = [f"view/train/{name}/00.png {kind}" for name, kind in (
        ("disc_0", 0), ("disc_1", 0), ("square_0", 1), ("square_1", 1), ("square_2", 1),
        ("triangle_0", 2), ("triangle_1", 2))]
    path = write_list(folder / "photos.txt", lines)
    found = read_items(path, 4, grouping="lines")
    assert [(item.id, len(item.files), item.label) for item in found] == [
        ("view/train/disc_0/00.png", 4, 0)]
    with pytest.raises(DataError, match="7 pictures are not a whole number of shapes"):
        read_items(path, 4)
    with pytest.raises(DataError, match="lines 1 to 4: .* have different labels"):
        read_items(write_list(folder / "four.txt", lines[:4]), 4)
    with pytest.raises(DataError, match="7 pictures are not one item of 8 views"):
        read_items(path, 8, grouping="lines")
    office = change(data, "target_list=photos.txt", "gallery_list=photos.txt",
                    "view_grouping=lines", "target_labels=used")
    assert [item.label for item in Domains.load(office, 1).target] == [0]
    assert [len(item.files) for item in load_test(office, CLASSES)[1]] == [4]
    one_each = change(office, "views=1", "view_grouping=shapes")
    assert len(Domains.load(one_each, 1).target) == 7


def test_what_the_released_training_tests_itself_on(kinds: Make) -> None:
    """Batches of five: of 9 test shapes, the first five."""
    data = kinds()
    shapes = load_test(data, CLASSES)[1]
    assert watched_test_items(data, CLASSES) == shapes[:5]
    assert watched_test_items(change(data, "batch_size=3"), CLASSES) == shapes
    with pytest.raises(DataError, match="target_test.txt: 9 items do not fill a batch of 12.*"
                                        "lower data.batch_size, or set it to source"):
        watched_test_items(change(data, "batch_size=12"), CLASSES)
