"""What is missing is said at once; the disk must hold the result; the split says whose it is."""

from __future__ import annotations

import errno
import json
import logging
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from crossmodal.data.errors import DataError
from crossmodal.prepare import output, source_check
from crossmodal.prepare.source_check import (
    Cost,
    Load,
    MissingSource,
    Needed,
    NoRoom,
    absent,
    amount,
    check_room,
    duration,
    lacking,
    refuse_missing,
    require,
)
from crossmodal.prepare.source_home import find_home
from crossmodal.prepare.splits import (
    listed_split,
    our_split,
    read_split_facts,
    split_notes,
    write_split,
)

NEEDS = [Needed("a.json", "the list", "from there"), Needed("img/*.jpg", "photos", "from here")]
Usage = namedtuple("Usage", "total used free")


def test_everything_missing_is_named_with_its_source(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "a.json").touch()
    assert lacking(tmp_path, NEEDS) == [f"{tmp_path}/img/*.jpg: photos; from here"]
    (tmp_path / "img" / "x.jpg").touch()
    require(tmp_path, NEEDS)
    with pytest.raises(MissingSource) as error:
        refuse_missing([*lacking(tmp_path / "no", NEEDS), *absent([], 3, "masks", "y")], "Hint.")
    text = str(error.value)
    assert text.count("(no such folder)") == 2 and "masks" not in text and text.endswith("Hint.")


def test_of_many_missing_files_a_few_are_named() -> None:
    paths = [Path(f"{i}.jpg") for i in range(12)]
    assert absent(paths, 400, "photos", "again") == [
        "12 of 400 photos (0.jpg, 1.jpg, 2.jpg, ...); again"]
    assert absent(paths[:1], 400, "photos", "again") == ["1 of 400 photos (0.jpg); again"]


def test_what_is_there_already_costs_nothing(tmp_path: Path,
                                             caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "views" / "chair").mkdir(parents=True)
    (tmp_path / "views" / "chair" / "a.npy").touch()
    loads = [Load("views", 3, Cost(1800, 2**30), tmp_path / "views"),
             Load("points", 0, Cost(1, 1))]
    logging.getLogger("crossmodal").addHandler(caplog.handler)
    hours = check_room(tmp_path / "not" / "yet", loads, workers=2)
    logging.getLogger("crossmodal").removeHandler(caplog.handler)
    assert hours == 0.5
    assert "to make: 2 views; about 2.0 GiB on disk" in caplog.text and "30 min" in caplog.text


def test_a_small_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 0, 2**30))
    check_room(tmp_path, [Load("views", 700, Cost(1, 2**20))])
    with pytest.raises(NoRoom, match=r"needs about 1.2 GiB, the disk has 1.0 GiB free.*--root"):
        check_room(tmp_path, [Load("views", 1000, Cost(1, 2**20))])
    assert source_check.SPARE == 2**28 and amount(5e6) == "5 MiB" and duration(2.5) == "2.5 h"


def test_our_split_does_not_depend_on_order_or_on_other_shapes() -> None:
    shapes = {f"chair/{i:04d}": f"chair/{'abc'[i % 3]}" for i in range(30)}
    shapes["chair/one"] = "chair/lonely"
    split = our_split(shapes)
    assert split == our_split(dict(reversed(list(shapes.items()))))
    alone = our_split({key: shape for key, shape in shapes.items() if shape == "chair/a"})
    assert set(alone.train) <= set(split.train) and set(alone.test) <= set(split.test)
    assert len(split.train) == 3 * 5 + 1 and len(split.test) == 3 * 5
    assert "chair/one" in split.train
    # the rule is public: changing it is another split, with another name
    assert alone.train == [f"chair/{i:04d}" for i in (0, 9, 12, 15, 18)]  # by sha256sum


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_lists_name_photos_by_the_end_of_their_path(tmp_path: Path) -> None:
    keys = ["cars_train/00001", "cars_test/00001", "cars_test/00002"]
    train = write(tmp_path / "train.json", [{"img": "img/cars_train/00001.png"}])
    test = write(tmp_path / "test.json", {"images": [{"file_name": "00002.jpg"}]})
    split = listed_split(train, test, keys)
    assert (split.train, split.test) == (["cars_train/00001"], ["cars_test/00002"])
    write(test, [{"img": "00001.jpg"}, {"img": "img/cars_test/00002.jpg"}])
    with pytest.raises(DataError, match=r"several.*1 of 2 entries \(first: 00001\.jpg\)"):
        listed_split(train, test, keys)
    assert listed_split(train, test, keys, skip_unknown=True).test == ["cars_test/00002"]
    write(test, [{"img": "img/other/00002.jpg"}])  # another folder is another photo
    with pytest.raises(DataError, match="other/00002"):
        listed_split(train, test, keys, skip_unknown=True)


@pytest.mark.parametrize("content", [[], {"images": 3}, [{"mask": "a"}], [{"img": 3}], "x"])
def test_a_list_that_is_none_is_named(tmp_path: Path, content: object) -> None:
    path = write(tmp_path / "list.json", content)
    with pytest.raises(DataError, match=r"list\.json"):
        listed_split(path, path, ["a/b"])


def test_the_split_file_is_read_back(tmp_path: Path) -> None:
    assert read_split_facts(tmp_path) is None
    split = our_split({"a/1": "a/x", "a/2": "a/x"})
    facts = write_split(tmp_path, split, {"gallery": 3})
    assert read_split_facts(tmp_path) == facts and facts["gallery"] == 3
    assert "ours (crossmodal-split-1), not the paper's" in split_notes(facts)[0]
    assert split_notes({**facts, "whose": "owners"}) == [] == split_notes(None)
    (tmp_path / "split.json").write_text('{"train": ["id"], "test": []}')
    with pytest.raises(DataError, match=r"split\.json.*remove the file"):
        read_split_facts(tmp_path)


def test_a_folder_that_may_not_be_read_holds_nothing(tmp_path: Path) -> None:
    for name in ("copy", "lost+found"):
        (tmp_path / name).mkdir()

    def holds(folder: Path) -> bool:
        if folder.name == "lost+found":
            raise PermissionError(errno.EACCES, "no permission")
        return folder.name == "copy"

    assert find_home(tmp_path, holds) == tmp_path / "copy"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
def test_an_array_says_that_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = lambda folder, name: Path("/dev/full").open("wb")  # noqa: E731, SIM115
    monkeypatch.setattr(output, "atomic_write_in", full)
    with pytest.raises(OSError) as error:
        output.write_array(tmp_path / "a.npy", np.zeros(100_000, np.uint8))
    assert error.value.errno == errno.ENOSPC
