"""Logging and memory."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest

from crossmodal.runtime.log import get_logger, peak_memory_mib


def test_lines_go_to_standard_error_once(capsys: pytest.CaptureFixture[str]) -> None:
    logger = get_logger("crossmodal.some.module")
    get_logger("crossmodal.some.module")
    logger.info("read %d files", 3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("read 3 files") == 1
    assert "INFO" in captured.err


def test_a_script_logs_below_the_package() -> None:
    assert get_logger("__main__").name == "crossmodal.main"
    assert get_logger("crossmodal.data").name == "crossmodal.data"


def test_records_reach_other_handlers(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        get_logger("crossmodal.x").warning("careful")
    assert caplog.messages == ["careful"]


def test_lines_do_not_tear_a_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    tqdm = pytest.importorskip("tqdm")
    with tqdm.tqdm(total=2, file=sys.stderr) as bar:
        bar.update(1)
        get_logger("crossmodal.x").info("between")
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    assert [line for line in lines if line.endswith("INFO between")]


def test_the_level_comes_from_the_environment(run) -> None:
    code = "from crossmodal.runtime.log import get_logger\nget_logger('a').info('hidden')"
    assert "hidden" in run(code).stderr
    assert "hidden" not in run(code, CROSSMODAL_LOG_LEVEL="warning").stderr
    assert "hidden" in run(code, CROSSMODAL_LOG_LEVEL="nonsense").stderr


def test_peak_memory_grows_with_use() -> None:
    before = peak_memory_mib()
    block = np.ones(int((before + 64) * 2**20 / 8))
    assert 1 < before < peak_memory_mib()
    assert block.sum() == block.size
    assert peak_memory_mib(children=True) >= 0
