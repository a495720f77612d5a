"""The self check passes here, and would notice wrong numbers."""

from __future__ import annotations

import numpy as np
import pytest

from crossmodal.runtime import __main__ as program
from crossmodal.runtime import self_check


def test_jittor_agrees_with_numpy(built) -> None:
    from crossmodal.runtime import jt

    differences = self_check.run_checks(jt)
    assert list(differences) == list(self_check.CHECKS)
    assert self_check.failures(differences) == []


def test_the_reference_convolution_is_one() -> None:
    """Against the definition, with loops."""
    rng = np.random.default_rng(0)
    image, filters = rng.random((2, 3, 5, 4)), rng.random((2, 3, 2, 3))
    expected = np.zeros((2, 2, 4, 2))
    for b, k, y, x in np.ndindex(*expected.shape):
        expected[b, k, y, x] = (image[b, :, y : y + 2, x : x + 3] * filters[k]).sum()
    np.testing.assert_allclose(self_check.convolve(image, filters), expected)


@pytest.mark.parametrize("wrong", [1e-3, float("nan"), float("inf")])
def test_wrong_numbers_are_failures(wrong: float) -> None:
    assert self_check.failures({"good": 1e-7, "bad": wrong}) == ["bad"]


class _WrongMatmul:
    """A Jittor whose matrix product is transposed."""

    @staticmethod
    def array(values: np.ndarray) -> np.ndarray:
        return values

    @staticmethod
    def matmul(left: np.ndarray, right: np.ndarray) -> _Result:
        return _Result((left @ right).T)


class _Result:
    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def numpy(self) -> np.ndarray:
        return self.values


def test_a_wrong_product_is_noticed() -> None:
    differences = self_check.run_checks(_WrongMatmul(), ["matrix product"])
    assert self_check.failures(differences) == ["matrix product"]


def test_the_program_prints_a_table(built, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--check"]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert "jittor 1.3.11" in lines["versions"]
    assert lines["convolution"].startswith("ok")
    assert lines["sort"].startswith("ok")


def test_the_program_explains_what_is_missing(run, tmp_path) -> None:
    code = "import sys; from crossmodal.runtime.__main__ import main; sys.exit(main([]))"
    ended = run(code, PATH=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr.startswith("crossmodal.runtime: no C++ compiler")
    assert ended.stdout == ""
