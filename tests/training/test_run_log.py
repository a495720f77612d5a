"""The log tells one story, also after a crash and a resumption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crossmodal.training.run_log import RunLog


def lines(folder: Path) -> list[dict]:
    return [json.loads(text) for text in (folder / "log.jsonl").read_text().splitlines()]


def write(folder: Path, steps: range, resumed: int = 0, loss: float = 1.0) -> None:
    with RunLog(folder, resumed, tensorboard=False) as log:
        for step in steps:
            log.add(step, "train", {"loss": loss / step})


def test_values_come_back_bit_for_bit(tmp_path: Path) -> None:
    write(tmp_path, range(1, 4), loss=1 / 3)
    assert lines(tmp_path) == [{"step": s, "kind": "train", "loss": 1 / 3 / s} for s in (1, 2, 3)]


def test_every_line_is_on_disk_at_once(tmp_path: Path) -> None:
    with RunLog(tmp_path, tensorboard=False) as log:
        log.add(1, "train", {"loss": 2.0})
        assert len(lines(tmp_path)) == 1


def test_resuming_drops_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, range(1, 8))
    write(tmp_path, range(5, 8), resumed=4)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_line_cut_off_by_a_crash_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, range(1, 6))
    path = tmp_path / "log.jsonl"
    path.write_bytes(path.read_bytes()[:-7])
    write(tmp_path, range(5, 7), resumed=4)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("line", ["7", "{}", '{"step": "1", "kind": "train"}', '{"step": 1}', "[]",
                                  '{"step": 1, "kind": "train", "loss": [[[[1]]]]}'])
def test_a_line_that_no_run_has_written_is_named(tmp_path: Path, line: str) -> None:
    write(tmp_path, range(1, 3))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write(f"{line}\n")
    before = (tmp_path / "log.jsonl").read_bytes()
    with pytest.raises(ValueError, match=r"log\.jsonl, line 3: not what was written.*move it away"):
        RunLog(tmp_path, 2, tensorboard=False)
    assert (tmp_path / "log.jsonl").read_bytes() == before


def test_the_earlier_lines_are_never_off_the_disk(tmp_path: Path) -> None:
    """A crash right after the resumption finds them."""
    write(tmp_path, range(1, 6))
    log = RunLog(tmp_path, 3, tensorboard=False)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]
    log.add(4, "validation", {"mrr": 0.5})
    assert lines(tmp_path)[-1] == {"step": 4, "kind": "validation", "mrr": 0.5}
    assert [p.name for p in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_new_run_begins_a_new_log(tmp_path: Path) -> None:
    write(tmp_path, range(1, 6))
    write(tmp_path, range(1, 3))
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]


def test_a_loss_that_is_no_number_stops_the_run_and_is_logged(tmp_path: Path) -> None:
    with RunLog(tmp_path, tensorboard=False) as log:
        with pytest.raises(FloatingPointError, match="step 3: loss is not finite. Lower optim.lr"):
            log.add(3, "train", {"loss": float("nan"), "rate": 0.1})
    assert lines(tmp_path)[0]["step"] == 3


def test_tensorboard_gets_the_same_values(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log.add(1, "train", {"loss": 2.0})
    events = list((tmp_path / "tensorboard").iterdir())
    assert len(events) == 1 and b"train/loss" in events[0].read_bytes()


def test_notes_come_first_and_once(tmp_path: Path) -> None:
    for resumed, notes in ((0, ["a", "b"]), (0, ["c"]), (2, ["c"])):  # anew, anew, resumed
        with RunLog(tmp_path, resumed, tensorboard=False, notes=notes) as log:
            for step in range(resumed + 1, 4):
                log.add(step, "train", {"loss": 1.0})
    found = lines(tmp_path)
    assert found[0] == {"step": 0, "kind": "note", "text": "c"}
    assert [line["step"] for line in found] == [0, 1, 2, 3]
