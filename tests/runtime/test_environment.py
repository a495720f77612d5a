"""Jittor's own settings, chosen so that it runs steadily; the user's choice wins."""

from __future__ import annotations

import pytest

CODE = "from crossmodal.runtime import jt; print(jt.flags.use_parallel_op_compiler)"


@pytest.mark.parametrize(
    ("chosen", "expected"), [({}, "0"), ({"use_parallel_op_compiler": "2"}, "2")]
)
def test_operators_are_compiled_in_one_thread(run, built, chosen, expected) -> None:
    """With several, Jittor dies of a segmentation fault once in a while."""
    ended = run(CODE, **chosen)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == expected
