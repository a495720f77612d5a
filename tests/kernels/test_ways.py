"""Which code computes a convolution is known before it runs, and said where it is another one."""

from __future__ import annotations

import pytest

from crossmodal.kernels import library, ways

pytestmark = pytest.mark.skipif(not library.load(), reason="no kernels on this processor")
SIZES = (2, 64, 9, 9, 64, 1, 1, 9, 9, 1, 0, 1, 0)


def test_the_usual_way() -> None:
    found = ways.ways(SIZES)
    assert [way.direction for way in found] == list(ways.DIRECTIONS)
    assert all(way.computed and not way.rearranged and "1x1" in way.code for way in found)


@pytest.mark.parametrize(("computed", "text"), [
    (True, "gradient of the weights on rearranged maps, by gemm"),
    (False, "gradient of the weights by Jittor's operators: oneDNN has no fast code"),
])
def test_another_way_is_said_once_and_listed(computed: bool, text: str,
                                             monkeypatch: pytest.MonkeyPatch,
                                             caplog: pytest.LogCaptureFixture) -> None:
    way = ways.Way(ways.DIRECTIONS[2], "gemm", computed, rearranged=computed)
    monkeypatch.setattr(ways, "ways", lambda sizes: (way,))
    ways.is_fast.cache_clear()
    with caplog.at_level("INFO"):
        assert ways.is_fast(SIZES) == ways.is_fast(SIZES) == computed
    ways.is_fast.cache_clear()
    assert len(caplog.records) == 1 and text in caplog.text
    assert "2 x 64 x 9 x 9 to 64 channels, kernel 1, stride 1, groups 1" in caplog.text
    assert ways.detours() and all(text in line for line in ways.detours())


def test_most_usual_convolutions_take_no_detour() -> None:
    assert len(ways.detours()) <= len(list(ways.usual(16))) / 5


def test_nobody_asks_for_the_gradient_of_a_picture() -> None:
    assert not [line for line in ways.detours() if " 3 x 224 x 224" in line]
